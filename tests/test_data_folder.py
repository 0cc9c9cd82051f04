"""`folder:PATH` in every form that people have, and one line for each that cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional as TF  # noqa: N812
from torchvision.transforms import v2

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.data import batches
from sparserobust.data.digest import digest_of
from sparserobust.errors import ConfigError, DataError, PluginError
from sparserobust.records import DataRecord, load_run

CPU = torch.device("cpu")


def everything(dataset) -> tuple[torch.Tensor, torch.Tensor]:
    parts = list(batches(dataset, 7, CPU))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def write_image(path: Path, size=(6, 6), value: int | tuple[int, ...] = 100, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def write_noise(path: Path, size=(9, 6), mode: str = "RGB", seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(seed).randint(0, 256, (*size[::-1], 3)).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def write_classes(root: Path, classes=("cat", "dog"), per_class: int = 10, mode="L") -> Path:
    """Grey levels say which image it is: 60 and up for the first class, 160 and up for the second."""
    for place, name in enumerate(classes):
        for index in range(per_class):
            value = 60 + 100 * place + index
            colour = value if mode == "L" else (value, 0, 255)
            write_image(root / name / f"{index}.png", value=colour, mode=mode)
    return root


def write_tree(root: Path, splits=("train", "test"), **how) -> Path:
    for split in splits:
        write_classes(root / split, **how)
    return root


def load(path: Path, **options) -> sr.Data:
    return sr.load_data(f"folder:{path}", **options)


def one_line(path: Path, error=DataError, **options) -> str:
    with pytest.raises(error) as caught:
        load(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


# -- splits -----------------------------------------------------------------------------------------------


def test_folders_of_images_become_splits(tmp_path):
    data = load(write_tree(tmp_path, ("train", "val", "test")))
    assert (data.classes, data.input_shape) == (("cat", "dog"), (1, 6, 6))
    assert [len(s) for s in (data.train, data.val, data.test)] == [20, 20, 20]
    images, labels = everything(data.test)
    assert labels.tolist() == [0] * 10 + [1] * 10
    assert float(images[3, 0, 0, 0]) == pytest.approx(63 / 255)
    assert data.mean == pytest.approx((float(everything(data.train)[0].mean()),), abs=1e-6)


@pytest.mark.parametrize("second", ["val", "valid", "validation", "eval", "test", "testing", "Test", "VALID"])
@pytest.mark.parametrize("first", ["train", "Training"])
def test_a_tenth_of_train_validates_where_there_is_no_third_split(tmp_path, first, second):
    data = load(write_tree(tmp_path, (first, second)))
    assert [len(s) for s in (data.train, data.val, data.test)] == [18, 2, 20]
    assert sorted(everything(data.val)[1].tolist()) == [0, 1]
    train, val = (set(everything(split)[0][:, 0, 0, 0].tolist()) for split in (data.train, data.val))
    assert not train & val
    assert {Path(file).parents[1].name for file in data.test.files} == {second}


def test_the_test_split_is_evaluated_and_the_other_one_validates_by_whatever_name(tmp_path):
    write_tree(tmp_path, ("train",))
    write_tree(tmp_path, ("valid",), per_class=3)
    write_tree(tmp_path, ("test",), per_class=4)
    data = load(tmp_path)
    assert [len(s) for s in (data.train, data.val, data.test)] == [20, 6, 8]


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        (("train", "val", "valid"), "has val/ and valid/, which are two names of one split; keep one"),
        (("train", "test", "validation", "eval"), "has eval/ and validation/"),
        (("Train", "train", "test"), "has Train/ and train/"),
    ],
)
def test_two_names_of_one_split_are_refused(tmp_path, splits, text):
    assert text in one_line(write_tree(tmp_path, splits, per_class=1))


def test_train_alone_is_refused(tmp_path):
    text = one_line(write_tree(tmp_path, ("train",), per_class=1))
    assert f"{tmp_path} has train/ alone; expected test/ or val/ beside it" in text


@pytest.mark.parametrize("split", ["test", "val", ""])
def test_without_train_there_is_a_test_split_alone(tmp_path, split):
    data = load(write_classes(tmp_path / split).parent if split else write_classes(tmp_path))
    assert (data.train, data.val, data.classes, len(data.test)) == (None, None, ("cat", "dog"), 20)
    images, labels = everything(data.test)
    assert labels.tolist() == [0] * 10 + [1] * 10
    assert data.mean == pytest.approx((float(images.mean()),), abs=1e-6)
    assert data.std == pytest.approx((float(images.std(correction=0)),), abs=1e-6)
    run = sr.evaluate(sr.create_model("lenet-300-100", data), data, ["accuracy", "gradient-norm"])
    assert (run.data.n, run.data.name, run.data.train_n) == (20, f"folder:{tmp_path.name}", None)
    assert run.outcomes["accuracy"].status == "ok"
    assert run.outcomes["gradient-norm"].reason.code == "needs-training-data"


def test_val_and_test_without_train_are_both_there(tmp_path):
    write_tree(tmp_path, ("val",), per_class=2)
    write_tree(tmp_path, ("test",), classes=("cat", "emu"), per_class=3)
    data = load(tmp_path)
    assert (data.train, len(data.val), len(data.test)) == (None, 4, 6)
    assert data.classes == ("cat", "dog", "emu")
    assert everything(data.test)[1].unique().tolist() == [0, 2]


@pytest.mark.parametrize(
    ("split", "text"),
    [("test", "{0}/train is not there"), ("", "its class folders are in {0} and not in {0}/train")],
)
def test_what_trains_says_which_folder_is_missing(tmp_path, split, text):
    write_classes(tmp_path / split, per_class=2)
    data, why = load(tmp_path), re.escape(f"folder:{tmp_path.name} has none: {text.format(tmp_path)}")
    network = sr.create_model("lenet-300-100", data)
    with pytest.raises(ConfigError, match=f"training needs training examples, and {why}"):
        sr.train(network, data, epochs=1)
    with pytest.raises(ConfigError, match=f"snip needs training examples, and {why}"):
        sr.sparsify(network, "snip", 0.5, data)
    with pytest.raises(ConfigError, match=f"training networks needs training examples, and {why}"):
        sr.run(sr.Experiment(data=f"folder:{tmp_path}", model="lenet-300-100"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_folder_that_one_is_in_has_its_name(tmp_path, monkeypatch):
    write_classes(tmp_path / "pets", per_class=1)
    monkeypatch.chdir(tmp_path / "pets")
    assert sr.load_data("folder:.").name == "folder:pets"


# -- what is not looked at --------------------------------------------------------------------------------


@pytest.mark.parametrize("split", [True, False])
def test_litter_changes_nothing(tmp_path, split):
    splits = ("train", "test") if split else ("",)
    write_tree(tmp_path, splits)
    clean = load(tmp_path)
    for place in {tmp_path, *(tmp_path / s for s in splits), *(tmp_path / s / "cat" for s in splits)}:
        for litter in (".git", ".ipynb_checkpoints", "__MACOSX", "__pycache__", "@eaDir"):
            write_image(place / litter / "0.png", size=(3, 3))
            write_image(place / litter / "cat" / "0.png", size=(3, 3))
        (place / "._0.png").write_bytes(b"resource fork")
        (place / ".DS_Store").write_bytes(b"")
        (place / "readme.txt").write_text("not an image")
        (place / "Thumbs.db").write_bytes(b"")
    for s in splits:
        (tmp_path / s / "loose.png").write_bytes(b"in no class")
    again = load(tmp_path)
    assert again.classes == clean.classes
    assert again.test.files == clean.test.files
    assert digest_of(again.train) == digest_of(clean.train)


def test_images_in_folders_of_a_class_are_found_in_the_order_of_their_paths(tmp_path):
    for name in ("cat/b.JPG", "cat/a/2.png", "cat/a/1.jpeg", "dog/x/y/0.webp"):
        write_image(tmp_path / name)
    files = [Path(file).relative_to(tmp_path).as_posix() for file in load(tmp_path).test.files]
    assert files == ["cat/b.JPG", "cat/a/1.jpeg", "cat/a/2.png", "dog/x/y/0.webp"]


def test_a_class_may_be_called_like_a_split(tmp_path):
    data = load(write_classes(tmp_path, classes=("car", "train"), per_class=2))
    assert (data.classes, data.train, len(data.test)) == (("car", "train"), None, 4)


def test_other_folders_beside_the_splits_are_not_looked_at(tmp_path):
    write_tree(tmp_path)
    write_image(tmp_path / "annotations" / "overview.png", size=(50, 50))
    assert load(tmp_path).classes == ("cat", "dog")


# -- pixels -----------------------------------------------------------------------------------------------


def test_colour_images_have_three_channels_in_order(tmp_path):
    data = load(write_tree(tmp_path, mode="RGB"))
    assert data.input_shape == (3, 6, 6)
    assert everything(data.test)[0][0, :, 0, 0].tolist() == pytest.approx([60 / 255, 0, 1])


def test_sixteen_bit_images_keep_their_grey_levels(tmp_path):
    write_tree(tmp_path)
    levels = np.linspace(0, 65535, 36).astype(np.uint16).reshape(6, 6)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for index in range(10):
                Image.fromarray(levels).save(tmp_path / split / name / f"{index}.png")
    image = everything(load(tmp_path).test)[0][0, 0]
    assert float((image - torch.from_numpy(levels / 65535)).abs().max()) < 0.01


def test_folder_data_trains_and_scores(tmp_path):
    data = load(write_tree(tmp_path, ("train", "val", "test")))
    model = sr.create_model("conv2", data)
    history = sr.train(model, data, epochs=2, batch_size=8, recipe="digits")
    assert history.data == f"folder:{tmp_path.name}"
    run = sr.evaluate(model, data, ["accuracy"], limit=10)
    assert (run.data.n, run.data.num_classes, run.data.input_shape) == (10, 2, (1, 6, 6))


# -- what cannot be ---------------------------------------------------------------------------------------


def test_a_folder_without_folders_says_what_was_expected(tmp_path):
    text = one_line(tmp_path)
    assert (
        f"{tmp_path} has no folder; expected train/ and val/ or test/, each with one sub-folder per class"
        in text
    )
    assert "nowhere is not a folder, nor a CSV file; expected " in one_line(tmp_path / "nowhere")
    for index in range(3):
        write_image(tmp_path / f"{index}.png")
    assert "has 3 images, but no folder" in one_line(tmp_path)
    (tmp_path / "labels.csv").write_text("0.png,cat")
    assert one_line(tmp_path).endswith(f"or name the list in it: folder:{tmp_path}/labels.csv")


def test_a_split_without_class_folders_is_named(tmp_path):
    write_tree(tmp_path, ("train",))
    write_image(tmp_path / "test" / "0.png")
    assert (
        f"{tmp_path / 'test'} has no class folder; expected one sub-folder of images for each class"
        in one_line(tmp_path)
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_empty_class_is_named(tmp_path, split):
    write_tree(tmp_path)
    for file in (tmp_path / split / "dog").iterdir():
        file.unlink()
    (tmp_path / split / "dog" / "notes.txt").write_text("")
    text = one_line(tmp_path)
    assert (
        f"{tmp_path / split} has no image of class dog; put images into {tmp_path / split / 'dog'}, or"
        in text
    )


def test_classes_that_train_has_not_are_named(tmp_path):
    write_tree(tmp_path, ("train",))
    write_tree(tmp_path, ("test",), classes=("ant", "bee", "cat", "emu", "fox"), per_class=1)
    text = one_line(tmp_path)
    assert (
        f"{tmp_path / 'test'} has other classes than {tmp_path / 'train'} (ant, bee, emu and 1 more); add"
        in text
    )


def test_a_class_that_test_lacks_leaves_the_labels_those_of_train(tmp_path):
    write_tree(tmp_path, ("train",), classes=("ant", "bee", "cat"), per_class=2)
    write_tree(tmp_path, ("test",), classes=("cat", "ant"), per_class=2)
    data = load(tmp_path)
    assert data.classes == ("ant", "bee", "cat")
    assert everything(data.test)[1].tolist() == [0, 0, 2, 2]


def test_one_class_is_refused_and_a_folder_in_a_folder_found(tmp_path):
    write_classes(tmp_path / "one", classes=("cat",), per_class=2)
    assert "one has one class only (cat); there is nothing to tell it from" in one_line(tmp_path / "one")
    write_tree(tmp_path / "unzipped" / "pets", per_class=1)
    assert f"did you mean folder:{tmp_path / 'unzipped' / 'pets'}?" in one_line(tmp_path / "unzipped")


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_of_different_size_are_refused_at_once(tmp_path, split):
    write_tree(tmp_path)
    write_image(tmp_path / split / "dog" / "4.png", size=(7, 6))
    text = one_line(tmp_path)
    assert f"{split}/dog/4.png: images differ in size (expected 6x6, got 7x6); resize them, or" in text
    assert "--image-size N" in text


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("image_size", [None, 4])
def test_a_damaged_image_is_refused_by_name_at_once(tmp_path, split, image_size):
    write_tree(tmp_path)
    (tmp_path / split / "dog" / "4.png").write_bytes(b"not a picture")
    text = one_line(tmp_path, image_size=image_size)
    assert f"{split}/dog/4.png is not a readable image (cannot identify" in text


# -- image size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_images_are_resized_and_cropped_as_torchvision_does_it(tmp_path, mode):
    """Bit for bit, for landscape, portrait, square, exact, smaller and larger images."""
    sizes = [(40, 30), (30, 40), (33, 33), (16, 16), (9, 6), (16, 61), (200, 17)]
    for index, size in enumerate(sizes):
        for name in ("cat", "dog"):
            write_noise(tmp_path / name / f"{index}.png", size, mode, seed=index)
    data = load(tmp_path, image_size=16)
    assert (data.image_size, data.input_shape) == (16, (3 if mode == "RGB" else 1, 16, 16))
    transform = v2.Compose([v2.Resize(16), v2.CenterCrop(16)])
    expected = torch.stack([TF.to_tensor(transform(Image.open(file))) for file in data.test.files])
    images, _ = everything(data.test)
    assert torch.equal(images, expected)
    assert data.mean == pytest.approx(tuple(expected.mean(dim=(0, 2, 3)).tolist()), abs=1e-6)


def test_sixteen_bit_images_are_resized_without_losing_grey_levels(tmp_path):
    levels = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    for name in ("cat", "dog"):
        write_image(tmp_path / name / "0.png")
        Image.fromarray(levels).save(tmp_path / name / "0.png")
    image = everything(load(tmp_path, image_size=16).test)[0][0, 0]
    expected = torch.from_numpy(levels / 65535).reshape(16, 4, 16, 4).mean(dim=(1, 3))
    assert float((image - expected)[2:-2, 2:-2].abs().max()) < 1e-3
    assert len(image.unique()) > 200


def test_the_image_size_is_in_the_record_and_in_the_report(tmp_path):
    write_tree(tmp_path / "pets", per_class=3)
    runs = {}
    for size in (None, 5):
        data = load(tmp_path / "pets", image_size=size)
        runs[size] = sr.evaluate(sr.create_model("lenet-300-100", data), data, ["accuracy"])
        file = runs[size].save(tmp_path / str(size))
        assert load_run(file).data.image_size == size
        assert ("image_size" in file.read_text()) == (
            size is not None
        )  # what was written before stays as it is
        sr.write_report([runs[size]], tmp_path / f"{size}.html")
    assert runs[None].data.sha256 != runs[5].data.sha256
    assert "resized and cropped" not in (tmp_path / "None.html").read_text()
    assert (tmp_path / "5.html").read_text().count("resized and cropped to 5 × 5") == 2
    assert "image_size" not in DataRecord.model_validate(runs[None].data.model_dump()).model_dump()


def test_a_training_on_images_of_another_size_is_another_training(tmp_path):
    write_tree(tmp_path, per_class=3)
    digests = {size: digest_of(load(tmp_path, image_size=size).train) for size in (None, 4, 5, 6)}
    assert len(set(digests.values())) == 4
    assert digests[4] == digest_of(load(tmp_path, image_size=4).train)


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_data_that_are_tensors_take_no_image_size(tmp_path, name):
    """Before anything is downloaded."""
    with pytest.raises(
        ConfigError, match=f"image_size resizes image files .* the images of {name} have one size"
    ):
        sr.load_data(name, tmp_path, image_size=16)
    assert not any(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=f"the images of {name} have one size; leave it out"):
        sr.run(sr.Experiment(data=name, data_root=None, image_size=16), tmp_path / "out")


@pytest.mark.parametrize("size", [0, -3, 1.5, "32", True])
def test_an_image_size_that_cannot_be_is_refused(tmp_path, size):
    write_classes(tmp_path, per_class=1)
    assert "image_size must be" in one_line(tmp_path, ConfigError, image_size=size)


def test_a_plugin_that_takes_an_image_size_is_given_it_and_held_to_it(monkeypatch, tmp_path):
    def of_size(root, *, image_size=None):
        images = torch.zeros(4, 1, image_size or 8, image_size or 8)
        tensors = sr.load_data("digits").test.__class__(images, torch.arange(4))
        shape = (1, *images.shape[2:]) if image_size != 7 else (1, 8, 8)
        return sr.Data("bars", None, None, tensors, (0.0,), (1.0,), ("a", "b", "c", "d"), shape)

    def of_root_alone(root):
        return of_size(root)

    registry = sr.load_data.__globals__["data"]
    for plugin in (of_size, of_root_alone):
        monkeypatch.setattr(
            registry, "load", lambda name, plugin=plugin: plugin if name == "folder" else digits
        )
        assert load(tmp_path).image_size is None
        if plugin is of_size:
            assert (load(tmp_path, image_size=5).image_size, load(tmp_path, image_size=5).input_shape) == (
                5,
                (1, 5, 5),
            )
            assert "was asked for images of 7x7 and has (1, 8, 8)" in one_line(
                tmp_path, PluginError, image_size=7
            )
        else:
            assert "the images of folder have one size" in one_line(tmp_path, ConfigError, image_size=5)


def digits(root):
    from sparserobust.data.digits import load_digits

    return load_digits(root)


# -- the command line -------------------------------------------------------------------------------------

NETWORK = """
import torch
def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
"""


def test_the_command_line_scores_a_network_on_class_folders_of_every_size(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder_net.py").write_text(NETWORK)
    for index in range(6):
        write_noise(
            tmp_path / "pets" / ("cat", "dog")[index % 2] / f"{index}.png", (9 + index, 12), seed=index
        )
    typed = [
        "evaluate",
        "folder_net:build",
        "--data",
        "folder:pets",
        "--evaluators",
        "accuracy",
        "--device",
        "cpu",
    ]
    with pytest.raises(SystemExit) as done:
        main([*typed, "--out", "without"])
    assert done.value.code == 2
    assert "images differ in size (expected 9x12, got 11x12)" in capsys.readouterr().err
    for _ in range(2):  # the second time nothing is left to do
        with pytest.raises(SystemExit) as done:
            main([*typed, "--image-size", "8", "--out", "out"])
        assert done.value.code == 0
    (run,) = sr.load_runs(tmp_path / "out")
    assert (run.data.name, run.data.n, run.data.input_shape) == ("folder:pets", 6, (3, 8, 8))
    assert run.data.image_size == sr.Experiment.load(tmp_path / "out").image_size == 8
    with pytest.raises(SystemExit) as done:
        main(
            [
                *typed[:-4],
                "--image-size",
                "8",
                "--evaluators",
                "accuracy",
                "--methods",
                "snip",
                "--out",
                "out",
            ]
        )
    assert done.value.code == 2
    assert "pets/train" in capsys.readouterr().err
