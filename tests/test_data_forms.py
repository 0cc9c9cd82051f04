"""Examples as data sets of any making serve them: the same pixels and labels, or one line."""

from __future__ import annotations

from collections import UserDict

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset

import sparserobust as sr
from sparserobust.data import as_dataset, batches
from sparserobust.data.batches import labels_of
from sparserobust.errors import ConfigError, DataError, ShapeError

CPU = torch.device("cpu")
N = 12


def pixels() -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (N, 8, 8, 3)).astype(np.uint8)


def tensors() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(pixels()).permute(0, 3, 1, 2).float() / 255, torch.arange(N) % 3


class Serves(Dataset):
    """A data set that serves what it is told to make of an image and its label."""

    def __init__(self, example) -> None:
        self.example = example
        self.images, self.labels = tensors()

    def __len__(self) -> int:
        return N

    def __getitem__(self, index):
        return self.example(self.images[index], int(self.labels[index]))


class NotOfTorch:
    """As a data set of Hugging Face: items are dicts, and there is a method for several at once."""

    def __init__(self, example) -> None:
        self.served = Serves(example)

    def __len__(self) -> int:
        return N

    def __getitem__(self, index):
        return self.served[index]


class Stream(IterableDataset):
    def __init__(self, example) -> None:
        self.served = Serves(example)

    def __iter__(self):
        return (self.served[index] for index in range(N))


def picture(image: torch.Tensor) -> Image.Image:
    return Image.fromarray((image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


IMAGES = {
    "tensor": lambda x: x,
    "PIL": picture,
    "array": lambda x: x.numpy(),
    "float64 array": lambda x: x.numpy().astype(np.float64),
}
LABELS = {
    "int": lambda y: y,
    "numpy int": np.int32,
    "numpy byte": np.uint8,
    "0-d tensor": torch.tensor,
    "0-d array": np.array,
    "float": float,
    "numpy float": np.float32,
    "float tensor": lambda y: torch.tensor(float(y)),
}
EXAMPLES = {
    "tuple": lambda x, y: (x, y),
    "list": lambda x, y: [x, y],
    "three of them": lambda x, y: (x, y, {"id": 7}),
    "image and label": lambda x, y: {"label": y, "image": x},
    "pixel_values and labels": lambda x, y: {"pixel_values": x, "labels": y, "id": "a"},
    "img and fine_label": lambda x, y: {"img": x, "fine_label": y, "coarse_label": 0},
    "mapping": lambda x, y: UserDict(image=x, target=y),
}
SETS = {
    "Dataset": Serves,
    "Subset": lambda example: Subset(Serves(example), range(N)),
    "ConcatDataset": lambda e: ConcatDataset([Subset(Serves(e), range(5)), Subset(Serves(e), range(5, N))]),
    "IterableDataset": Stream,
    "not of torch": NotOfTorch,
}


def assert_the_same(data) -> None:
    images, labels = tensors()
    dataset = as_dataset(data, "test")
    parts = list(batches(dataset, 5, CPU, dtype=torch.float32))
    assert torch.equal(torch.cat([part[0] for part in parts]), images)
    assert torch.equal(torch.cat([part[1] for part in parts]), labels)
    assert torch.equal(labels_of(dataset).to(torch.int64), labels)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("image", IMAGES)
def test_images_and_labels_of_every_type_are_the_same_examples(image, label):
    assert_the_same(Serves(lambda x, y: (IMAGES[image](x), LABELS[label](y))))


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("kind", SETS)
def test_examples_of_every_form_from_sets_of_every_kind_are_the_same(kind, example):
    assert_the_same(SETS[kind](lambda x, y: EXAMPLES[example](picture(x), y)))


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_batches_of_a_loader_are_read_in_every_form(example):
    def collated(examples):
        pairs = [(picture(x), y) for x, y in examples]
        return EXAMPLES[example]([x for x, _ in pairs], [y for _, y in pairs])

    plain = Serves(lambda x, y: (x, y))
    assert_the_same(DataLoader(plain, batch_size=5, collate_fn=collated))
    if example != "mapping":
        assert_the_same(DataLoader(Serves(EXAMPLES[example]), batch_size=5))


@pytest.mark.parametrize("kind", ["Dataset", "Subset", "ConcatDataset", "not of torch"])
def test_all_of_them_score_train_and_prune_alike(kind):
    network = sr.create_model("lenet-300-100", input_shape=(3, 8, 8), num_classes=3, seed=0)
    data = SETS[kind](lambda x, y: {"image": picture(x), "label": np.int64(y)})
    wanted = sr.evaluate(network, tensors(), ["accuracy", "fgsm"], limit=7)
    run = sr.evaluate(network, data, ["accuracy", "fgsm"], limit=7)
    assert run.data.sha256 == wanted.data.sha256
    assert run.outcomes["fgsm"].scores == wanted.outcomes["fgsm"].scores
    pruned = [sr.sparsify(network, "snip", 0.5, each, seed=0) for each in (tensors(), data)]
    for name, layer in pruned[0].plan.items():
        assert torch.equal(layer.mask, pruned[1].plan[name].mask)
    assert sr.train(pruned[1], data, epochs=1, batch_size=6, recipe="digits").examples == N


def test_grey_sixteen_bit_and_palette_pictures_are_read_as_files_are(tmp_path):
    from sparserobust.data.image_files import ImageFiles

    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    pictures = [
        Image.fromarray(levels),
        Image.fromarray(pixels()[0]).convert("P"),
        Image.fromarray(pixels()[0, ..., 0]),
    ]
    for index, each in enumerate(pictures):
        each.save(tmp_path / f"{index}.png")
        channels = 3 if each.mode == "P" else 1
        from_file = ImageFiles([str(tmp_path / f"{index}.png")], [0], (channels, 8, 8))[0][0]
        ((images, _),) = batches(Serves(lambda x, y, each=each: (each, 0)), N, CPU)
        assert torch.equal(images[0], from_file)


class Fails(Dataset):
    targets = None

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index):
        if index == 2:
            raise FileNotFoundError("no file\n2.png")
        return torch.zeros(1, 8, 8), 0


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (
            Serves(lambda x, y: (x, "cat")),
            ShapeError,
            "labels must be whole numbers from 0 up, got 'cat'; number the",
        ),
        (Serves(lambda x, y: (x, None)), ShapeError, "labels must be whole numbers from 0 up, got NoneType"),
        (
            Serves(lambda x, y: (x, y + 0.5)),
            ShapeError,
            "labels must be whole numbers from 0 up, got 0.5 among them",
        ),
        (
            Serves(lambda x, y: (x, y - 1)),
            ShapeError,
            "labels must be whole numbers from 0 up, got values from -1",
        ),
        (Serves(lambda x, y: (x, [0, 1, 0])), ShapeError, r"got \(\d+, 3\); one-hot labels: argmax\(1\)"),
        (
            Serves(lambda x, y: (x, torch.eye(3)[y])),
            ShapeError,
            r"got \(\d+, 3\); one-hot labels: argmax\(1\)",
        ),
        (
            Serves(lambda x, y: (x, [0] * (1 + y))),
            ShapeError,
            "labels must be whole numbers from 0 up, got list",
        ),
        (Serves(lambda x, y: x), ShapeError, r"examples must be \(image, label\) or a dict .* got Tensor"),
        (
            Serves(lambda x, y: (x,)),
            ShapeError,
            r"examples must be \(image, label\) or a dict .* got 1 of them",
        ),
        (Serves(lambda x, y: {"image": x, "kind": y}), ShapeError, "one of label, .* got image, kind"),
        (
            Serves(lambda x, y: ("a.png", y)),
            ShapeError,
            "images must be tensors .* arrays or PIL images, got str",
        ),
        (
            Serves(lambda x, y: (x[:, : 5 + y], y)),
            ShapeError,
            r"images differ in shape, \(3, 5, 8\) and \(3, 6, 8\)",
        ),
        (
            Serves(lambda x, y: ((x * 255).byte(), y)),
            ShapeError,
            "images must be float .* got torch.uint8; divide by 255",
        ),
        (Serves(lambda x, y: (2 * x - 1, y)), ShapeError, "undo the normalisation"),
        (Fails(), DataError, "Fails cannot serve an example: FileNotFoundError: no file 2.png"),
        (Subset(Fails(), [0, 2]), DataError, "Fails cannot serve an example: FileNotFoundError"),
        (
            DataLoader(Serves(lambda x, y: (picture(x), y))),
            DataError,
            "Serves cannot serve an example: TypeError: defaul",
        ),
        ({"train": 1}, ConfigError, "data must be a Data, .* got dict"),
        (Serves, ConfigError, "data must be a Data, .* got type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_one_line(data, error, text):
    network = sr.create_model("lenet-300-100", input_shape=(3, 8, 8), num_classes=3)
    with pytest.raises(error, match=text) as caught:
        sr.evaluate(network, data, ["accuracy"])
    assert "\n" not in str(caught.value)


def test_a_stream_cannot_be_served_in_a_new_order():
    network = sr.create_model("lenet-300-100", input_shape=(3, 8, 8), num_classes=3)
    with pytest.raises(ConfigError, match="Stream cannot be served in a new order"):
        sr.train(network, Stream(lambda x, y: (x, y)), epochs=1, recipe="digits")


def test_a_stream_has_the_subset_that_the_same_examples_in_memory_have():
    network = sr.create_model("lenet-300-100", input_shape=(3, 8, 8), num_classes=3)
    runs = [
        sr.evaluate(network, data, ["accuracy"], limit=5) for data in (tensors(), Stream(lambda x, y: (x, y)))
    ]
    assert (runs[0].data.sha256, runs[0].data.subset) == (runs[1].data.sha256, runs[1].data.subset)


def test_targets_of_another_kind_than_the_labels_are_not_taken_for_them():
    data = Serves(lambda x, y: (x, y))
    for targets in (["a"] * N, [{"boxes": []}] * N, np.zeros((N, 4))):
        data.targets = targets
        assert torch.equal(labels_of(data), tensors()[1])
    data.targets = [5] * N  # at hand, so that no example is read
    assert labels_of(data).tolist() == [5] * N
