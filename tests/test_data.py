"""Splits that never change, other forms of data made alike, and errors that say what is missing."""

from __future__ import annotations

import hashlib
import urllib.error
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import sparserobust as sr
from sparserobust.data import as_dataset, batches, stratified_subset
from sparserobust.data.bundle import ImageTensors
from sparserobust.data.subset import stratified_indices
from sparserobust.errors import ConfigError, DataError, ShapeError
from sparserobust.training import Recipe

CPU = torch.device("cpu")


class Listed(Dataset):
    """A map-style dataset that is not made of tensors."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.images[index], int(self.labels[index])


FORMS = {
    "list": lambda images, labels: [images, labels],
    "uint8 tensors": lambda images, labels: ((images * 255).round().to(torch.uint8), labels),
    "TensorDataset": TensorDataset,
    "Dataset": Listed,
    "Subset": lambda images, labels: Subset(TensorDataset(images, labels), range(len(labels))),
    "DataLoader": lambda images, labels: DataLoader(TensorDataset(images, labels), batch_size=16),
}


@pytest.fixture(scope="module")
def digits() -> sr.Data:
    return sr.load_data("digits")


def everything(dataset) -> tuple[torch.Tensor, torch.Tensor]:
    parts = list(batches(dataset, 500, CPU))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def test_digits_have_the_documented_sizes_range_and_classes(digits):
    assert [len(s) for s in (digits.train, digits.val, digits.test)] == [1077, 240, 480]
    images, _ = everything(digits.train)
    assert images.shape == (1077, 1, 8, 8)
    assert (float(images.min()), float(images.max())) == digits.bounds == (0.0, 1.0)
    assert digits.input_shape == (1, 8, 8)
    assert digits.num_classes == 10


def test_digits_splits_are_disjoint_and_complete(digits):
    """All 1,797 images of scikit-learn are different, and each is in exactly one split."""
    from sklearn.datasets import load_digits

    ours = [everything(s)[0].flatten(1) for s in (digits.train, digits.val, digits.test)]
    rows = [tuple((row * 16).int().tolist()) for part in ours for row in part]
    assert Counter(rows) == Counter(tuple(map(int, row)) for row in load_digits().data)


def test_digits_splits_are_stratified(digits):
    whole = torch.cat([everything(s)[1] for s in (digits.train, digits.val, digits.test)]).bincount() / 1797
    for split in (digits.train, digits.val, digits.test):
        counts = everything(split)[1].bincount()
        assert float((counts - whole * len(split)).abs().max()) < 1.5


def test_digits_splits_never_change(digits):
    digest = hashlib.sha256()
    for split in (digits.train, digits.val, digits.test):
        images, labels = everything(split)
        digest.update(
            (images * 16).to(torch.uint8).numpy().tobytes() + labels.to(torch.uint8).numpy().tobytes()
        )
    assert digest.hexdigest() == "cb5e7b4080c0c39b8646ba684c6cb7ce3f5c8082627613a78447cf480b489853"


def test_mean_and_std_are_those_of_the_training_pixels(digits):
    images, _ = everything(digits.train)
    assert digits.mean == pytest.approx((float(images.mean()),), abs=1e-6)
    assert digits.std == pytest.approx((float(images.std(correction=0)),), abs=1e-6)


# -- subsets ----------------------------------------------------------------------------------------------


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 50),
)
def test_a_subset_has_exactly_the_size_and_every_class_in_proportion(sizes, share, seed):
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    size = max(1, int(share * len(labels)))
    chosen = stratified_indices(labels, size, seed)
    assert len(chosen) == size
    assert torch.equal(chosen, chosen.unique())
    for label, count in enumerate(sizes):
        assert abs(int((labels[chosen] == label).sum()) - count * size / len(labels)) < 1


def test_a_subset_is_drawn_by_the_seed_and_proved_by_a_hash(digits):
    first, digest = stratified_subset(digits.test, 100, 3)
    again, same = stratified_subset(digits.test, 100, 3)
    other, another = stratified_subset(digits.test, 100, 4)
    assert digest == same == hashlib.sha256(np.array(first.indices, dtype="<i8").tobytes()).hexdigest()
    assert digest != another
    assert first.indices == again.indices != other.indices
    assert digest == "ac1c3ca6efb628de987c253e18643dcd741acd5ed0d04690ef1e18aa6c674d9f"


def test_a_subset_is_the_same_for_every_form_of_the_same_data(problem):
    images, labels = problem(60)
    subsets = [
        stratified_subset(as_dataset(FORMS[form](images, labels), "test"), 10, 0)
        for form in ("TensorDataset", "Dataset", "Subset", "DataLoader")
    ]
    assert len({digest for _, digest in subsets}) == 1
    pixels = [everything(subset)[0] for subset, _ in subsets]
    assert all(torch.equal(pixels[0], other) for other in pixels[1:])


def test_no_limit_or_one_beyond_the_data_is_the_whole_data_set(digits):
    assert stratified_subset(digits.test, None, 0) == (digits.test, None)
    assert stratified_subset(digits.test, 5000, 0) == (digits.test, None)


def test_a_limit_below_one_is_refused(digits):
    with pytest.raises(ConfigError, match="limit must be at least 1 example, got 0"):
        stratified_subset(digits.test, 0, 0)


# -- forms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_of_data_gives_the_same_examples(form, problem):
    images, labels = problem(40)
    images = (images * 255).round() / 255
    got_images, got_labels = everything(as_dataset(FORMS[form](images, labels), "test"))
    assert torch.allclose(got_images, images, atol=1e-6)
    assert torch.equal(got_labels, labels)
    assert (got_images.dtype, got_labels.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_of_data_trains_and_scores(form, make_network, problem):
    images, labels = problem(40)
    images = (images * 255).round() / 255
    recipe = Recipe(name="t", source="", optimizer="sgd", lr=0.1, batch_size=16, epochs=1)
    reference, model = make_network("conv"), make_network("conv")
    scored = sr.evaluate(reference, (images, labels), ["accuracy"])
    run = sr.evaluate(model, FORMS[form](images, labels), ["accuracy"])
    assert run.outcomes["accuracy"].score("nll").value == pytest.approx(
        scored.outcomes["accuracy"].score("nll").value
    )
    assert run.data.n == 40
    history = sr.train(model, FORMS[form](images, labels), recipe=recipe)
    assert (history.steps, history.examples) == (3, 40)


def test_shuffled_batches_are_a_new_permutation_each_time_and_repeat_by_the_generator(problem):
    images = torch.arange(20.0).view(20, 1, 1, 1) / 20
    for dataset in (ImageTensors(images, torch.arange(20)), Listed(images, torch.arange(20))):
        orders = []
        for _ in range(2):
            stream = torch.Generator().manual_seed(1)
            orders.append(
                [
                    torch.cat([b[1] for b in batches(dataset, 6, CPU, shuffle=stream)]).tolist()
                    for _ in range(2)
                ]
            )
        assert orders[0] == orders[1]
        assert orders[0][0] != orders[0][1]
        assert sorted(orders[0][0]) == list(range(20))


def test_a_last_batch_of_one_can_be_left_out():
    data = ImageTensors(torch.rand(7, 1, 2, 2), torch.zeros(7))
    assert [len(labels) for _, labels in batches(data, 3, CPU, drop_single=True)] == [3, 3]
    assert [len(labels) for _, labels in batches(data, 3, CPU)] == [3, 3, 1]


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (torch.linspace(0, 255, 256).view(4, 1, 8, 8), "got values from 0 to 255; divide by 255"),
        (torch.rand(4, 1, 8, 8) * 2 - 1, "undo the normalisation: it belongs into the model's first layer"),
        (torch.rand(4, 1, 8, 8) + 0.5, "got values from .*; rescale them"),
        (torch.full((4, 1, 8, 8), torch.nan), "remove what is NaN or infinite"),
        (torch.full((4, 1, 8, 8), torch.inf), "remove what is NaN or infinite"),
    ],
)
def test_images_out_of_range_are_refused_with_what_to_do(images, text, make_network):
    labels = torch.zeros(4, dtype=torch.int64)
    for data in ((images, labels), Listed(images, labels)):
        with pytest.raises(ShapeError, match=text):
            sr.evaluate(make_network("conv"), data, ["accuracy"])
        with pytest.raises(ShapeError, match=text):
            sr.train(make_network("conv"), data, epochs=1)


def test_images_without_a_channel_are_refused():
    with pytest.raises(ShapeError, match=r"images must be \(n, c, h, w\) .* got \(8, 28, 28\)"):
        as_dataset((torch.rand(8, 28, 28), torch.zeros(8)), "test")
    with pytest.raises(ShapeError, match=r"got \(3, 28, 28\); add a channel"):
        list(batches(Listed(torch.rand(3, 28, 28), torch.zeros(3)), 4, CPU))


def test_images_and_labels_of_different_number_are_refused():
    with pytest.raises(ShapeError, match=r"got \(8, 1, 4, 4\) and 7 labels"):
        as_dataset((torch.rand(8, 1, 4, 4), torch.zeros(7)), "test")


def test_integer_images_from_a_dataset_are_refused_with_what_to_do():
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ShapeError, match="images must be float in .* divide by 255"):
        list(batches(Listed(images, torch.zeros(4)), 4, CPU))


@pytest.mark.parametrize("data", ["digits", 3, None, (torch.rand(3, 1, 2, 2),)])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(
        ConfigError, match="data must be a Data, .images, labels. tensors, a Dataset or a DataLoader, got"
    ):
        as_dataset(data, "test")


# -- names, downloads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("digitz", "unknown data set 'digitz'; did you mean 'digits'"),
        ("MNIST", "did you mean 'mnist'"),
        (
            "folder:",
            r"unknown data set 'folder:'; did you mean 'folder'\? `sparserobust list data` shows all 9",
        ),
        ("zzzzzz", "unknown data set 'zzzzzz'; `sparserobust list data` shows all 9"),
        ("mnits:/data", r"unknown data set 'mnits'; did you mean 'mnist'\?"),
    ],
)
def test_an_unknown_data_set_is_refused_with_the_names(name, text):
    with pytest.raises(DataError, match=text):
        sr.load_data(name)


def test_the_data_sets_are_listed():
    small = {"digits", "mnist", "fashion-mnist", "cifar10", "cifar100"}
    assert small | {"tiny-imagenet", "imagenette", "imagenet", "folder"} == set(sr.list_data())


@pytest.fixture
def no_network(monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.mark.parametrize(
    ("name", "title", "folder", "file"),
    [
        ("mnist", "MNIST", "MNIST/raw", "train-images-idx3-ubyte.gz"),
        ("fashion-mnist", "Fashion-MNIST", "FashionMNIST/raw", "train-images-idx3-ubyte.gz"),
        ("cifar10", "CIFAR-10", "", "cifar-10-python.tar.gz"),
        ("cifar100", "CIFAR-100", "", "cifar-100-python.tar.gz"),
    ],
)
def test_a_missing_set_without_a_network_names_folder_and_files(
    tmp_path, no_network, name, title, folder, file
):
    with pytest.raises(DataError) as caught:
        sr.load_data(name, root=tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{title} is not in {tmp_path / folder} (missing {file}")
    assert "cannot be downloaded" in text
    assert "\n" not in text


def test_only_the_files_that_are_missing_are_named(tmp_path, no_network):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        sr.load_data("mnist", root=tmp_path)
    assert "(missing train-images-idx3-ubyte.gz, t10k-images" in str(caught.value)


def test_damaged_files_without_a_network_are_called_damaged(tmp_path, no_network):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(DataError, match="CIFAR-10 in .* is damaged"):
        sr.load_data("cifar10", root=tmp_path)


def test_a_torchvision_set_is_split_nine_to_one_and_kept_as_bytes(monkeypatch, tmp_path):
    def fake(root, train, download):
        n = 60_000 if train else 100
        values = torch.arange(n * 4) % 256
        return SimpleNamespace(
            data=values.to(torch.uint8).view(n, 2, 2),
            targets=torch.arange(n) % 10,
            classes=[str(c) for c in range(10)],
        )

    monkeypatch.setattr(torchvision.datasets, "MNIST", fake)
    data = sr.load_data("mnist", root=tmp_path)
    assert [len(s) for s in (data.train, data.val, data.test)] == [54_000, 6_000, 100]
    assert (data.mean, data.std, data.input_shape) == ((0.1307,), (0.3081,), (1, 2, 2))
    assert data.val.labels.bincount().tolist() == [600] * 10
    assert data.test.images.dtype == torch.uint8
    assert data.test[1][0].flatten().tolist() == pytest.approx([v / 255 for v in (4, 5, 6, 7)])


TITLES = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}


@pytest.mark.parametrize(
    ("name", "class_name", "recipe"),
    [
        ("mnist", "MNIST", "freezenet-mnist"),
        ("fashion-mnist", "FashionMNIST", "freezenet-mnist"),
        ("cifar10", "CIFAR10", "freezenet-cifar10"),
        ("cifar100", "CIFAR100", "freezenet-cifar100"),
    ],
)
def test_a_torchvision_set_states_its_name_and_its_recipe(monkeypatch, tmp_path, name, class_name, recipe):
    def fake(root, train, download):
        n = 7_000
        return SimpleNamespace(
            data=np.zeros((n, 2, 2, 3), np.uint8), targets=[i % 10 for i in range(n)], classes="0123456789"
        )

    monkeypatch.setattr(torchvision.datasets, class_name, fake)
    data = sr.load_data(f"{name}:{tmp_path}")
    assert (data.name, data.recipe, data.title) == (name, recipe, TITLES[name])
    assert recipe in sr.list_recipes()
