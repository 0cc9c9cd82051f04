"""Image files decoded on the fly: the pixels of torchvision, served as tensors are, and errors that name the file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Subset
from torchvision.datasets.folder import default_loader
from torchvision.transforms import functional as TF  # noqa: N812
from torchvision.transforms import v2

import sparserobust as sr
from sparserobust.data import batches, stratified_subset
from sparserobust.data.bundle import ImageTensors
from sparserobust.data.image_files import ATTEMPTS, ImageFiles, centre_crop, crop_box, read_image, resized
from sparserobust.errors import ConfigError, DataError
from sparserobust.training import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(name="t", source="", optimizer="sgd", lr=0.1, batch_size=4, epochs=1)


def write_jpeg(path: Path, size=(64, 64), seed: int = 0, mode: str = "RGB") -> Path:
    """A smooth random picture, so that JPEG keeps it about as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(seed).randint(0, 256, (3, 4, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode).save(
        path, "JPEG", quality=95
    )
    return path


def write_jpegs(folder: Path, n: int, size=(64, 64)) -> list[str]:
    return [str(write_jpeg(folder / f"{i}.JPEG", size, seed=i)) for i in range(n)]


def everything(dataset, **options) -> tuple[torch.Tensor, torch.Tensor]:
    parts = list(batches(dataset, 5, CPU, **options))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


# -- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "1", "LA", "RGBA"])
def test_every_mode_becomes_the_rgb_of_torchvision(tmp_path, mode):
    kind = "PNG" if mode in ("P", "1", "LA", "RGBA") else "JPEG"
    file = tmp_path / f"image.{kind}"
    rows, columns = np.mgrid[0:16, 0:16] * 16
    pixels = np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(file, kind)
    image, label = ImageFiles([str(file)], [3], (3, 16, 16))[0]
    assert label == 3
    assert torch.equal(image, TF.to_tensor(default_loader(str(file))))


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    files = write_jpegs(tmp_path, 12)
    for file in files:
        Path(file).write_bytes(b"not a picture")
    dataset = ImageFiles(files, range(12), (3, 64, 64))
    stratified_subset(dataset, 6, 0)
    with pytest.raises(
        DataError, match=r"0.JPEG is not a readable image \(cannot identify .*; remove or replace it"
    ):
        dataset[0]


def whole(path: Path) -> bytes:
    return write_jpeg(path, seed=5).read_bytes()


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"GIF89a" + b[6:]])
def test_a_damaged_file_is_refused_by_name_in_one_line(tmp_path, damage):
    files = [write_jpeg(tmp_path / f"{i}.JPEG", seed=i) for i in range(4)]
    files[2].write_bytes(damage(whole(tmp_path / "whole.JPEG")))
    dataset = ImageFiles([str(file) for file in files], range(4), (3, 64, 64))
    assert len(everything(Subset(dataset, [0, 1, 3]))[1]) == 3
    with pytest.raises(DataError) as caught:
        everything(dataset)
    assert str(caught.value).startswith(f"{files[2]} is not a readable image (")
    assert "\n" not in str(caught.value)


def test_a_file_that_went_away_is_refused_by_name(tmp_path):
    file = write_jpeg(tmp_path / "0.JPEG")
    dataset = ImageFiles([str(file)], [0], (3, 64, 64))
    file.unlink()
    with pytest.raises(DataError, match="0.JPEG is not a readable image .*No such file"):
        dataset[0]


def test_an_image_of_another_size_is_refused_by_name(tmp_path):
    files = [*write_jpegs(tmp_path, 4), str(write_jpeg(tmp_path / "odd.JPEG", (32, 48)))]
    with pytest.raises(
        DataError, match=r"odd.JPEG: images differ in size \(expected 64x64, got 32x48\); resize"
    ):
        everything(ImageFiles(files, range(5), (3, 64, 64)))


def test_slices_come_in_the_order_asked_for_with_repetitions(tmp_path):
    files = write_jpegs(tmp_path, 30)
    dataset = ImageFiles(files, [i % 7 for i in range(30)], (3, 64, 64))
    order = [*torch.randperm(30, generator=torch.Generator().manual_seed(0)).tolist(), 4, 4, 29]
    images, labels = dataset.slice(torch.tensor(order))
    assert labels.tolist() == [i % 7 for i in order]
    for image, index in zip(images, order, strict=True):
        assert torch.equal(image, dataset[index][0])


def test_batches_are_served_as_those_of_tensors_are(tmp_path):
    """The same examples in memory and on disk, through subsets of subsets, shuffled by the same generator."""
    files = write_jpegs(tmp_path, 23)
    labels = [i % 3 for i in range(23)]
    lazy = ImageFiles(files, labels, (3, 64, 64))
    pixels = torch.stack([torch.from_numpy(read_image(file)) for file in files])
    held = ImageTensors(pixels, torch.tensor(labels))
    for chosen in (None, [5, 3, 21, 8, 8, 0, 14, 2]):
        pair = (
            [held, lazy] if chosen is None else [Subset(Subset(d, chosen), range(1, 8)) for d in (held, lazy)]
        )
        served = [everything(d, shuffle=torch.Generator().manual_seed(2)) for d in pair]
        assert torch.equal(served[0][0], served[1][0])
        assert torch.equal(served[0][1], served[1][1])
    subsets = [stratified_subset(d, 9, 4) for d in (held, lazy)]
    assert subsets[0][1] == subsets[1][1]
    assert torch.equal(everything(subsets[0][0])[0], everything(subsets[1][0])[0])


# -- the training crop ------------------------------------------------------------------------------------

unit = st.floats(0, 1, exclude_max=True)
draw = st.tuples(unit, unit, unit, unit)


@given(
    width=st.integers(20, 600),
    height=st.integers(20, 600),
    draws=st.lists(draw, min_size=ATTEMPTS, max_size=ATTEMPTS),
)
def test_a_crop_lies_in_the_image_with_a_stated_area_and_shape(width, height, draws):
    left, top, w, h = crop_box(width, height, draws)
    assert 0 <= left <= left + w <= width
    assert 0 <= top <= top + h <= height
    slack = 1 + 1.5 / min(w, h)  # sides are rounded
    if 3 / 4 <= width / height <= 4 / 3:
        assert 0.08 / slack**2 <= w * h / (width * height) <= 1
    assert 3 / 4 / slack <= w / h <= 4 / 3 * slack


@pytest.mark.parametrize(
    ("size", "box"),
    [((400, 100), (133, 0, 133, 100)), ((100, 400), (0, 133, 100, 133)), ((80, 90), (0, 0, 80, 90))],
)
def test_without_a_crop_that_fits_the_largest_in_the_middle_is_taken(size, box):
    """The fallback of torchvision's RandomResizedCrop; an area of 100 % in a shape that sticks out never fits."""
    never = [(1.0, 1.0 if size[0] < size[1] else 0.0, 0.5, 0.5)] * ATTEMPTS
    assert crop_box(*size, never) == box


@pytest.mark.parametrize(
    ("draws", "box"),
    [
        ((0.5, 0.5, 0.0, 0.0), (0, 0, 73, 73)),  # 54 % of the area; the middle of the shapes is a square
        ((0.5, 0.0, 0.999, 0.999), (36, 15, 64, 85)),  # 3:4, as far right and down as it goes
        ((0.0, 0.5, 0.5, 0.0), (36, 0, 28, 28)),  # 8 % of the area
    ],
)
def test_a_crop_by_hand(draws, box):
    assert crop_box(100, 100, [draws] * ATTEMPTS) == box


@pytest.mark.parametrize("size", [(300, 200), (60, 240), (224, 224)])
def test_crops_are_distributed_as_those_of_torchvision(size):
    """Mean and deviation of place, width and height over 4,000 crops, within five standard errors."""
    width, height = size
    n = 4000
    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(n, ATTEMPTS, 4, generator=generator, dtype=torch.float64).tolist()
    ours = np.array([crop_box(width, height, draws) for draws in rows], dtype=float)
    torch.manual_seed(1)
    image = torch.empty(1, height, width)
    boxes = [v2.RandomResizedCrop(8).make_params([image]) for _ in range(n)]
    theirs = np.array([(b["left"], b["top"], b["width"], b["height"]) for b in boxes], dtype=float)
    for column in range(4):
        a, b = ours[:, column], theirs[:, column]
        error = math.sqrt((a.var() + b.var()) / n)
        assert abs(a.mean() - b.mean()) <= 5 * error
        assert abs(a.std() - b.std()) <= 5 * error


def test_a_random_crop_is_torchvisions_resized_crop_of_that_box(tmp_path):
    files = [str(write_jpeg(tmp_path / f"{i}.JPEG", (90 + 10 * i, 70), seed=i)) for i in range(6)]
    dataset = ImageFiles(files, range(6), (3, 32, 48), lambda image: resized(image, 32, 48))
    order = torch.tensor([3, 0, 5, 1])
    images, labels = dataset.slice(order, torch.Generator().manual_seed(7))
    rows = torch.rand(
        4, ATTEMPTS, 4, generator=torch.Generator().manual_seed(7), dtype=torch.float64
    ).tolist()
    for image, index, draws in zip(images, order.tolist(), rows, strict=True):
        opened = default_loader(files[index])
        left, top, w, h = crop_box(*opened.size, draws)
        assert torch.equal(image, TF.to_tensor(TF.resized_crop(opened, top, left, h, w, [32, 48])))
    assert labels.tolist() == order.tolist()


def test_random_crops_repeat_by_the_generator_and_leave_global_states_alone(tmp_path):
    dataset = ImageFiles(write_jpegs(tmp_path, 12), range(12), (3, 64, 64))
    before = torch.get_rng_state()
    served = [everything(dataset, crop=torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)]
    assert torch.equal(served[0], served[1])
    assert not torch.equal(served[0], served[2])
    assert torch.equal(before, torch.get_rng_state())


def test_training_crops_at_random_and_validates_on_the_whole_image(tmp_path, monkeypatch):
    whole = ImageFiles(write_jpegs(tmp_path, 12), [i % 3 for i in range(12)], (3, 64, 64))
    parts = (Subset(whole, range(11)), Subset(whole, [11]), whole)
    data = sr.Data("files", *parts, (0.0,) * 3, (1.0,) * 3, ("a", "b", "c"), (3, 64, 64))
    crops = []
    plain = ImageFiles.slice

    def spy(self, indices, crop=None):
        crops.append((len(indices), crop is not None))
        return plain(self, indices, crop)

    monkeypatch.setattr(ImageFiles, "slice", spy)
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 3))
    sr.train(network, data, recipe=RECIPE.model_copy(update={"random_resized_crop": True}))
    assert crops[1:] == [(4, True), (4, True), (3, True), (1, False)]  # after the trial


def test_random_crops_of_what_is_not_in_files_are_refused(make_network, problem):
    recipe = RECIPE.model_copy(update={"random_resized_crop": True})
    with pytest.raises(
        ConfigError, match="random_resized_crop needs image files .* got ImageTensors; crop_padding"
    ):
        sr.train(make_network("conv"), problem(8), recipe=recipe)


def test_a_centre_crop_is_in_the_middle():
    image = Image.fromarray(np.arange(256 * 300, dtype=np.uint32).reshape(256, 300).astype(np.uint8))
    assert np.array_equal(np.asarray(centre_crop(image, 256, 224)), np.asarray(image)[16:240, 38:262])
