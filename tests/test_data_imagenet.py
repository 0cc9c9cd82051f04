"""Tiny ImageNet, Imagenette and ImageNet in their original layouts: labels, sizes, splits, and what is missing."""

from __future__ import annotations

import random
import shutil
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import default_loader
from torchvision.transforms import functional as TF  # noqa: N812
from torchvision.transforms import v2

import sparserobust as sr
from sparserobust.data import batches
from sparserobust.errors import DataError
from sparserobust.training import Recipe

CPU = torch.device("cpu")
WNIDS = ("n02124075", "n04067472", "n01443537")  # not sorted, as in the original wnids.txt
RECIPE = Recipe(name="t", source="", optimizer="sgd", lr=0.1, batch_size=4, epochs=1)


def write_jpeg(path: Path, size=(64, 64), seed: int = 0, mode: str = "RGB") -> Path:
    """A smooth random picture, so that JPEG keeps it about as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(seed).randint(0, 256, (3, 4, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode).save(
        path, "JPEG", quality=95
    )
    return path


def write_tiny_imagenet(root: Path, per_class: int = 10, val: int = 12) -> Path:
    """The layout of tiny-imagenet-200.zip with three classes; the annotations are not in the order of the files."""
    folder = root / "tiny-imagenet-200"
    for label, wnid in enumerate(WNIDS):
        for index in range(per_class):
            write_jpeg(folder / "train" / wnid / "images" / f"{wnid}_{index}.JPEG", seed=label * 100 + index)
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("n_0.JPEG\t0\t0\t9\t9\n")
    lines = []
    for index in range(val):
        write_jpeg(folder / "val" / "images" / f"val_{index}.JPEG", seed=1000 + index)
        lines.append(f"val_{index}.JPEG\t{WNIDS[index % 3]}\t0\t32\t44\t62\n")
    random.Random(0).shuffle(lines)
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in WNIDS))
    (folder / "words.txt").write_text("n01443537\tgoldfish, Carassius auratus\nn02124075\tEgyptian cat\n")
    return folder


def write_class_folders(folder: Path, train: int = 20, val: int = 3, size=(40, 30), names=WNIDS) -> Path:
    for label, wnid in enumerate(names):
        for split, count in (("train", train), ("val", val)):
            for index in range(count):
                write_jpeg(folder / split / wnid / f"{index}.JPEG", size, seed=label * 1000 + index)
    return folder


def everything(dataset, **options) -> tuple[torch.Tensor, torch.Tensor]:
    parts = list(batches(dataset, 5, CPU, **options))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def one_line(name: str, root: Path) -> str:
    with pytest.raises(DataError) as caught:
        sr.load_data(name, root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- Tiny ImageNet ----------------------------------------------------------------------------------------


def test_tiny_imagenet_has_the_documented_facts(tmp_path):
    write_tiny_imagenet(tmp_path)
    data = sr.load_data("tiny-imagenet", tmp_path)
    assert (data.name, data.input_shape, data.num_classes) == ("tiny-imagenet", (3, 64, 64), 3)
    assert data.classes == ("Egyptian cat", "n04067472", "goldfish")
    assert (data.mean, data.std) == ((0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821))
    assert [len(s) for s in (data.train, data.val, data.test)] == [27, 3, 12]
    assert (data.title, data.recipe) == STATED[data.name]


def test_tiny_imagenet_labels_follow_wnids_txt(tmp_path):
    """Every training image and its label, against the file that its class folder holds."""
    folder = write_tiny_imagenet(tmp_path)
    data = sr.load_data("tiny-imagenet", tmp_path)
    for split in (data.train, data.val):
        for place, index in enumerate(split.indices):
            image, label = split[place]
            file = Path(split.dataset.files[index])
            assert file.parent.parent == folder / "train" / WNIDS[label]
            assert torch.equal(image, TF.to_tensor(default_loader(str(file))))


def test_tiny_imagenet_annotations_are_joined_by_name_not_by_place(tmp_path):
    write_tiny_imagenet(tmp_path)
    test = sr.load_data("tiny-imagenet", tmp_path).test
    numbers = [int(Path(file).stem.removeprefix("val_")) for file in test.files]
    assert numbers == [
        0,
        1,
        10,
        11,
        *range(2, 10),
    ]  # by name, so that a limit takes the same images everywhere
    assert test.labels.tolist() == [number % 3 for number in numbers]


def test_the_order_of_the_annotations_changes_nothing(tmp_path):
    folder = write_tiny_imagenet(tmp_path)
    first = everything(sr.load_data("tiny-imagenet", tmp_path).test)
    annotations = folder / "val" / "val_annotations.txt"
    annotations.write_text("\n".join(sorted(annotations.read_text().splitlines())) + "\n")
    again = everything(sr.load_data("tiny-imagenet", tmp_path).test)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_tiny_imagenet_without_words_has_the_wnids_as_names(tmp_path):
    folder = write_tiny_imagenet(tmp_path)
    (folder / "words.txt").unlink()
    assert sr.load_data("tiny-imagenet", tmp_path).classes == WNIDS


@pytest.mark.parametrize("gone", ["wnids.txt", "train", "val/images", "val/val_annotations.txt"])
def test_what_tiny_imagenet_misses_is_named_with_its_place(tmp_path, gone):
    folder = write_tiny_imagenet(tmp_path)
    (shutil.rmtree if (folder / gone).is_dir() else Path.unlink)(folder / gone)
    text = one_line("tiny-imagenet", tmp_path)
    assert text.startswith(f"Tiny ImageNet is not in {folder} (missing {gone}); unpack tiny-imagenet-200.zip")


def test_all_that_is_missing_is_named_at_once(tmp_path):
    text = one_line("tiny-imagenet", tmp_path)
    assert "(missing wnids.txt, train, val/images, val/val_annotations.txt)" in text
    assert "data_root" in text


def test_a_missing_class_folder_is_named(tmp_path):
    folder = write_tiny_imagenet(tmp_path)
    shutil.rmtree(folder / "train" / WNIDS[1])
    assert f"{folder / 'train'} has no image of class {WNIDS[1]}; put images into" in one_line(
        "tiny-imagenet", tmp_path
    )


def test_an_image_without_an_annotation_is_refused(tmp_path):
    folder = write_tiny_imagenet(tmp_path)
    write_jpeg(folder / "val" / "images" / "val_99.JPEG")
    assert "val_annotations.txt has no class for 1 of 13 images (val_99.JPEG ...)" in one_line(
        "tiny-imagenet", tmp_path
    )


def test_an_annotation_without_an_image_is_refused(tmp_path):
    folder = write_tiny_imagenet(tmp_path)
    (folder / "val" / "images" / "val_3.JPEG").unlink()
    assert "images misses 1 annotated images (val_3.JPEG ...)" in one_line("tiny-imagenet", tmp_path)


@pytest.mark.parametrize("line", ["val_0.JPEG\tn99999999\t0\t0\t1\t1", "val_0.JPEG n02124075 0 0 1 1", ""])
def test_an_annotation_that_cannot_be_is_refused_by_its_line(tmp_path, line):
    folder = write_tiny_imagenet(tmp_path)
    annotations = folder / "val" / "val_annotations.txt"
    lines = annotations.read_text().splitlines()
    annotations.write_text("\n".join([*lines[:4], line, *lines[5:]]))
    assert "val_annotations.txt, line 5: expected FILE, a class of wnids.txt and a box" in one_line(
        "tiny-imagenet", tmp_path
    )


def test_empty_wnids_are_refused(tmp_path):
    (write_tiny_imagenet(tmp_path) / "wnids.txt").write_text("\n")
    assert "wnids.txt is empty; expected one class in each line" in one_line("tiny-imagenet", tmp_path)


# -- ImageNet and Imagenette ------------------------------------------------------------------------------

SETS = {"imagenet": ("imagenet", 224), "imagenette": ("imagenette2", 128)}
STATED = {
    "imagenet": ("ImageNet", "starfire-imagenet"),
    "imagenette": ("Imagenette", "snip-it-imagenette"),
    "tiny-imagenet": ("Tiny ImageNet", "freezenet-tiny-imagenet"),
}


@pytest.mark.parametrize("name", list(SETS))
def test_class_folders_have_the_documented_facts(tmp_path, name):
    folder, side = SETS[name]
    write_class_folders(tmp_path / folder)
    data = sr.load_data(name, tmp_path)
    assert (data.name, data.input_shape, data.classes) == (name, (3, side, side), tuple(sorted(WNIDS)))
    assert (data.mean, data.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert [len(s) for s in (data.train, data.val, data.test)] == [54, 6, 9]
    assert (data.title, data.recipe) == STATED[name]


@pytest.mark.parametrize("name", list(SETS))
def test_files_and_labels_are_those_of_image_folder(tmp_path, name):
    folder = write_class_folders(tmp_path / SETS[name][0])
    data = sr.load_data(name, tmp_path)
    for ours, split in ((data.train.dataset, "train"), (data.test, "val")):
        theirs = ImageFolder(str(folder / split))
        assert list(zip(ours.files, ours.labels.tolist(), strict=True)) == theirs.samples


TRANSFORMS = {
    "imagenet": v2.Compose([v2.Resize(256), v2.CenterCrop(224)]),
    "imagenette": v2.Resize((128, 128)),
}


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (300, 300), (256, 301), (90, 61), (224, 1000)])
@pytest.mark.parametrize("name", list(SETS))
def test_images_get_the_size_that_torchvision_gives_them(tmp_path, name, size):
    """Bit for bit, for landscape, portrait, square, exact and small images."""
    folder = write_class_folders(tmp_path / SETS[name][0], size=size, train=1, val=1)
    images, _ = everything(sr.load_data(name, tmp_path).test)
    files = [file for file, _ in ImageFolder(str(folder / "val")).samples]
    expected = [TF.to_tensor(TRANSFORMS[name](default_loader(file))) for file in files]
    assert torch.equal(images, torch.stack(expected))


def test_training_images_are_sized_like_those_evaluated(tmp_path):
    write_class_folders(tmp_path / "imagenette2", train=2)
    train = sr.load_data("imagenette", tmp_path).train
    file = train.dataset.files[train.indices[0]]
    assert torch.equal(train[0][0], TF.to_tensor(TRANSFORMS["imagenette"](default_loader(file))))


@pytest.mark.parametrize(
    ("present", "taken"),
    [
        (("imagenette2-160", "imagenette2", "imagenette2-320"), "imagenette2"),
        (("imagenette2-160", "imagenette2-320"), "imagenette2-320"),
        (("imagenette2-160",), "imagenette2-160"),
    ],
)
def test_the_largest_imagenette_is_taken(tmp_path, present, taken):
    for name in present:
        write_class_folders(tmp_path / name, train=1, val=1)
    data = sr.load_data("imagenette", tmp_path)
    assert {Path(file).parents[2].name for file in data.test.files} == {taken}


def test_imagenette_classes_have_names(tmp_path):
    write_class_folders(tmp_path / "imagenette2", train=1, val=1, names=("n03888257", "n01440764"))
    assert sr.load_data("imagenette", tmp_path).classes == ("tench", "parachute")


def test_imagenette_is_downloaded_at_320_pixels_when_there_is_none(tmp_path, monkeypatch):
    """torchvision's own class is replaced by one that unpacks a small tree."""

    def fake(root, split="train", size="full", download=False):
        assert (size, download) == ("320px", True)
        write_class_folders(Path(root) / "imagenette2-320", train=1, val=1)

    monkeypatch.setattr(torchvision.datasets, "Imagenette", fake)
    assert len(sr.load_data("imagenette", tmp_path).test) == 3


def test_imagenette_without_a_network_names_what_is_missing(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", refuse)
    text = one_line("imagenette", tmp_path)
    assert text.startswith(
        f"Imagenette is not in {tmp_path} (missing imagenette2, imagenette2-320 or imagenette2-160)"
    )
    assert "cannot be downloaded (URLError)" in text


@pytest.mark.parametrize(("name", "title"), [("imagenet", "ImageNet"), ("imagenette", "Imagenette")])
@pytest.mark.parametrize("gone", ["train", "val"])
def test_a_missing_split_is_named(tmp_path, name, title, gone):
    folder = write_class_folders(tmp_path / SETS[name][0], train=1, val=1)
    shutil.rmtree(folder / gone)
    assert one_line(name, tmp_path).startswith(f"{title} is not in {folder} (missing {gone});")


def test_imagenet_that_is_not_there_at_all_is_named(tmp_path):
    text = one_line("imagenet", tmp_path)
    assert (
        f"ImageNet is not in {tmp_path / 'imagenet'} (missing train, val); make them with torchvision" in text
    )


def test_official_validation_images_without_class_folders_are_refused(tmp_path):
    folder = write_class_folders(tmp_path / "imagenet", train=1, val=0)
    write_jpeg(folder / "val" / "ILSVRC2012_val_00000001.JPEG")
    assert "val has no class folders; sort the official validation images into them" in one_line(
        "imagenet", tmp_path
    )


def test_other_classes_in_the_validation_split_are_refused(tmp_path):
    folder = write_class_folders(tmp_path / "imagenet", train=1, val=1)
    shutil.rmtree(folder / "val" / WNIDS[0])
    text = one_line("imagenet", tmp_path)
    assert f"has other classes than {folder / 'train'} ({WNIDS[0]} is in one of them alone)" in text


def test_an_empty_class_is_named(tmp_path):
    folder = write_class_folders(tmp_path / "imagenet", train=1, val=1)
    next((folder / "train" / WNIDS[2]).iterdir()).unlink()
    assert f"has no image of class {WNIDS[2]}; put images into" in one_line("imagenet", tmp_path)


def test_an_error_about_many_classes_stays_short(tmp_path):
    folder = write_class_folders(
        tmp_path / "imagenet", train=1, val=1, names=[f"n{i:08}" for i in range(120)]
    )
    for file in (folder / "train").glob("*/*"):
        file.unlink()
    assert len(one_line("imagenet", tmp_path)) < 600


def test_the_validation_split_is_stratified_and_never_changes(tmp_path):
    write_class_folders(tmp_path / "imagenet", train=20)
    first, again = (sr.load_data("imagenet", tmp_path) for _ in range(2))
    labels = first.val.dataset.labels
    assert labels[first.val.indices].bincount().tolist() == [2, 2, 2]
    assert labels[first.train.indices].bincount().tolist() == [18, 18, 18]
    assert sorted([*first.train.indices, *first.val.indices]) == list(range(60))
    assert first.val.indices == again.val.indices == [1, 18, 21, 31, 53, 55]


def test_no_more_than_the_stated_number_is_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr("sparserobust.data.imagenet.HELD_OUT", 3)
    write_class_folders(tmp_path / "imagenet", train=20)
    assert len(sr.load_data("imagenet", tmp_path).val) == 3


def test_image_files_train_and_score(tmp_path):
    write_tiny_imagenet(tmp_path)
    data = sr.load_data("tiny-imagenet", tmp_path)
    model = sr.create_model("conv2", data)
    history = sr.train(model, data, recipe=RECIPE)
    assert (history.examples, history.data) == (27, "tiny-imagenet")
    run = sr.evaluate(model, data, ["accuracy"], limit=6)
    assert (run.data.n, run.data.num_classes, run.data.input_shape) == (6, 3, (3, 64, 64))


# -- other constants --------------------------------------------------------------------------------------


def test_data_can_have_other_constants_for_the_normalisation_layer():
    data = sr.load_data("digits")
    other = data.normalized([0.5], [0.25])
    assert (other.mean, other.std, other.train) == ((0.5,), (0.25,), data.train)
    assert data.mean != other.mean
    model = sr.create_model("mlp5", other)
    images = torch.rand(2, 1, 8, 8)
    assert torch.allclose(model.normalize(images), (images - 0.5) / 0.25)


@pytest.mark.parametrize("name", ["imagenet", "imagenette", "tiny-imagenet"])
def test_an_image_size_makes_the_shorter_side_and_the_middle_that_size(tmp_path, name):
    """The same pixels as torchvision's, constants and classes as without it."""
    if name == "tiny-imagenet":
        write_tiny_imagenet(tmp_path)
    else:
        write_class_folders(tmp_path / SETS[name][0], train=2, size=(50, 37))
    plain, data = sr.load_data(name, tmp_path), sr.load_data(name, tmp_path, image_size=24)
    assert (data.input_shape, data.image_size, plain.image_size) == ((3, 24, 24), 24, None)
    assert (data.mean, data.std, data.classes, data.recipe) == (
        plain.mean,
        plain.std,
        plain.classes,
        plain.recipe,
    )
    assert data.test.files == plain.test.files
    transform = v2.Compose([v2.Resize(24), v2.CenterCrop(24)])
    for split in (data.test, data.train):
        images, _ = everything(split)
        whole = getattr(split, "dataset", split)
        indices = getattr(split, "indices", range(len(split)))
        files = [whole.files[index] for index in indices]
        expected = [TF.to_tensor(transform(default_loader(file))) for file in files]
        assert torch.equal(images, torch.stack(expected))


@pytest.mark.parametrize("name", ["imagenet", "imagenette"])
def test_hidden_folders_and_files_are_no_classes_and_no_images(tmp_path, name):
    folder = write_class_folders(tmp_path / SETS[name][0], train=2, val=1)
    plain = sr.load_data(name, tmp_path)
    for split in ("train", "val"):
        write_jpeg(folder / split / ".ipynb_checkpoints" / "0.JPEG")
        (folder / split / WNIDS[0] / "._0.JPEG").write_bytes(b"resource fork")
    data = sr.load_data(name, tmp_path)
    assert (data.classes, data.test.files) == (plain.classes, plain.test.files)
