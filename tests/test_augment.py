"""Augmentation: example by example what torchvision does, from a generator of its own, and off unless asked for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.data import TensorDataset
from torchvision.transforms import functional as TF  # noqa: N812

import sparserobust as sr
from sparserobust.seeds import generator
from sparserobust.training import Recipe
from sparserobust.training.augment import Augmentation, mirrored, moved
from sparserobust.weights.plan import sha256_of

OPTIONS = [
    {"flip": 0.5},
    {"crop_padding": 3},
    {"translate": 2},
    {"flip": 0.3, "crop_padding": 4},
    {"flip": 0.5, "crop_padding": 2, "translate": 1},
]


def recipe(**changes) -> Recipe:
    plan = {
        "name": "t",
        "source": "",
        "optimizer": "sgd",
        "lr": 0.1,
        "momentum": 0.9,
        "batch_size": 16,
        "epochs": 2,
    }
    return Recipe.model_validate(plan | changes)


def images(n: int = 64, shape=(3, 8, 10)) -> torch.Tensor:
    """No pixel is 0 and all differ, so that a place in the result tells where it came from."""
    pixels = torch.randperm(n * shape[0] * shape[1] * shape[2], generator=torch.Generator().manual_seed(3))
    return ((pixels + 1) / (len(pixels) + 1)).view(n, *shape)


def shifts(before: torch.Tensor, after: torch.Tensor, most: int) -> list[tuple[int, int]]:
    """How far each example was moved, found by trying; fails where no move explains it."""
    found = []
    for old, new in zip(before, after, strict=True):
        padded = F.pad(old, (most,) * 4)
        height, width = old.shape[1:]
        places = [
            (down, across)
            for down in range(-most, most + 1)
            for across in range(-most, most + 1)
            if torch.equal(TF.crop(padded, most - down, most - across, height, width), new)
        ]
        assert len(places) == 1
        found.append(places[0])
    return found


# -- against torchvision ----------------------------------------------------------------------------------


def test_mirrored_examples_are_those_of_torchvision():
    batch = images(20)
    which = torch.rand(20, generator=torch.Generator().manual_seed(0)) < 0.5
    assert which.any()
    assert not which.all()
    expected = [TF.hflip(image) if flip else image for image, flip in zip(batch, which, strict=True)]
    assert torch.equal(mirrored(batch, which), torch.stack(expected))


@pytest.mark.parametrize("padding", [1, 4, 12])
def test_a_move_is_torchvisions_pad_and_crop(padding):
    """Also with more padding than the image is wide, where all of it can leave."""
    batch = images(40)
    corners = torch.randint(0, 2 * padding + 1, (40, 2), generator=torch.Generator().manual_seed(1))
    corners[0], corners[1] = 0, 2 * padding
    expected = [
        TF.crop(TF.pad(image, [padding]), int(top), int(left), 8, 10)
        for image, (top, left) in zip(batch, corners, strict=True)
    ]
    assert torch.equal(moved(batch, padding - corners), torch.stack(expected))


@pytest.mark.parametrize("distance", [1, 3])
def test_a_move_is_torchvisions_translation(distance):
    batch = images(30)
    moves = torch.randint(-distance, distance + 1, (30, 2), generator=torch.Generator().manual_seed(2))
    expected = [
        TF.affine(image, 0.0, [int(across), int(down)], 1.0, [0.0])
        for image, (down, across) in zip(batch, moves, strict=True)
    ]
    assert torch.equal(moved(batch, moves), torch.stack(expected))


def test_no_move_changes_nothing():
    batch = images(5)
    assert torch.equal(moved(batch, torch.zeros(5, 2, dtype=torch.int64)), batch)


def test_published_padding_before_normalisation_is_ours():
    """Pad and crop a PIL image, then normalise, as the published pipelines do; against crop, then the model's layer."""
    batch = (images(6) * 255).round() / 255
    cropped = augmentation_of(recipe(crop_padding=4), batch)
    ours = (cropped - 0.4) / 0.2
    found = shifts(batch, cropped, 4)
    for image, (down, across), got in zip(batch, found, ours, strict=True):
        pil = TF.crop(TF.pad(TF.to_pil_image(image), [4]), 4 - down, 4 - across, 8, 10)
        theirs = TF.normalize(TF.to_tensor(pil), [0.4] * 3, [0.2] * 3)
        torch.testing.assert_close(got, theirs)


def augmentation_of(plan: Recipe, batch: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return Augmentation(plan, seed)(batch)


# -- what is drawn ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_share_of_mirrored_images_is_that_of_the_recipe(share):
    batch = images(4000, (1, 1, 2))
    flipped = (augmentation_of(recipe(flip=share), batch) != batch).flatten(1).all(dim=1)
    deviation = (share * (1 - share) / 4000) ** 0.5
    assert abs(float(flipped.float().mean()) - share) < 4 * deviation


def test_certain_flips_mirror_every_image():
    batch = images(50)
    assert torch.equal(augmentation_of(recipe(flip=1.0), batch), batch.flip(-1))


@pytest.mark.parametrize("option", ["crop_padding", "translate"])
def test_moves_are_uniform_over_all_places(option):
    """25 places of a padding of 2, chi-squared with 24 degrees of freedom: 52 is exceeded in one of a thousand."""
    n = 5000
    batch = images(n, (1, 3, 3))
    places = shifts(batch, augmentation_of(recipe(**{option: 2}), batch), 2)
    counts = torch.zeros(5, 5)
    for down, across in places:
        counts[down + 2, across + 2] += 1
    assert float(((counts - n / 25) ** 2 / (n / 25)).sum()) < 52


def test_examples_are_mirrored_and_moved_independently():
    batch = images(6000, (1, 2, 4))
    flips, moves = recipe(flip=0.5), recipe(translate=1)
    augmentation = Augmentation(recipe(flip=0.5, translate=1), 0)
    both = augmentation(batch)
    assert not torch.equal(
        both, augmentation_of(moves, augmentation_of(flips, batch))
    )  # not the same draws twice
    kept = (both == batch).flatten(1).all(dim=1).float().mean()
    assert abs(float(kept) - 0.5 / 9) < 4 * (0.5 / 9 / 6000) ** 0.5


@pytest.mark.parametrize("options", OPTIONS)
def test_draws_come_from_the_seed_and_go_on_from_batch_to_batch(options):
    batch = images()
    first, again, other = (Augmentation(recipe(**options), seed) for seed in (5, 5, 6))
    before = torch.get_rng_state()
    one, two = first(batch), first(batch)
    assert torch.equal(one, again(batch))
    assert torch.equal(two, again(batch))
    assert not torch.equal(one, two)
    assert not torch.equal(one, other(batch))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", OPTIONS)
def test_images_keep_shape_type_and_range_and_the_batch_itself_is_not_touched(options, dtype):
    batch = images().to(dtype)
    copy = batch.clone()
    changed = augmentation_of(recipe(**options), batch)
    assert (changed.shape, changed.dtype, changed.device) == (batch.shape, dtype, batch.device)
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    assert not torch.equal(changed, batch)
    assert torch.equal(batch, copy)


# -- in training ------------------------------------------------------------------------------------------


def trained(model: nn.Module, data, plan: Recipe, seed: int = 0) -> str:
    sr.train(model, data, recipe=plan, seed=seed)
    return sha256_of(model.state_dict())


def test_without_an_option_the_batch_itself_comes_back_and_nothing_is_drawn():
    batch = images()
    augmentation = Augmentation(recipe(), 4)
    before = augmentation.generator.get_state()
    assert augmentation(batch) is batch
    assert augmentation.crop is None
    assert torch.equal(augmentation.generator.get_state(), before)
    assert torch.equal(before, generator(4, "augmentation").get_state())


def bundle(problem, name: str) -> sr.Data:
    splits = (TensorDataset(*problem(n, seed=seed)) for n, seed in ((40, 0), (10, 1), (10, 2)))
    return sr.Data(name, *splits, (0.0,), (1.0,), ("a", "b", "c", "d"), (1, 8, 8))


def test_options_that_do_nothing_train_bit_identically(make_network, problem):
    data = bundle(problem, "mine")
    plain = trained(make_network("conv"), data, recipe())
    for off in (
        recipe(flip=0.0, crop_padding=0, translate=0),
        recipe(flip=0.5, crop_padding=4, augmented_data=("cifar10",)),
    ):
        assert trained(make_network("conv"), data, off) == plain
    for_it = recipe(flip=0.5, crop_padding=4, augmented_data=("cifar10", "mine"))
    assert trained(make_network("conv"), data, for_it) != plain


@pytest.mark.parametrize("options", OPTIONS)
def test_augmented_training_repeats_bit_for_bit_and_by_the_seed(make_network, problem, options):
    plan = recipe(**options)
    cases = ((plan, 1), (plan, 1), (plan, 2), (recipe(), 1))
    hashes = [trained(make_network("conv"), problem(48), case, seed) for case, seed in cases]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


class Spy(nn.Module):
    """A linear network that keeps what it is shown."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.linear = nn.Linear(64, classes)
        self.seen: list[tuple[bool, torch.Tensor]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append((self.training, x.detach().clone()))
        return self.linear(x.flatten(1))


def test_training_shows_augmented_images_in_the_order_of_the_plain_ones_and_validates_on_plain_ones(problem):
    """Flipping everything: each training batch is the mirrored batch of the training without it."""
    data = bundle(problem, "mine")
    plain, flipped = Spy(), Spy()
    sr.train(plain, data, recipe=recipe())
    sr.train(flipped, data, recipe=recipe(flip=1.0))
    assert [mode for mode, _ in flipped.seen] == [
        False,
        *[True, True, True, False] * 2,
    ]  # the first is a trial
    for (training, a), (_, b) in zip(plain.seen, flipped.seen, strict=True):
        assert torch.equal(a.flip(-1) if training else a, b)


def test_the_record_says_which_augmentation_there_was(make_network, problem):
    history = sr.train(make_network("conv"), problem(16), recipe=recipe(flip=0.5, translate=2))
    assert (history.settings["flip"], history.settings["translate"]) == (0.5, 2)
    assert "crop_padding" not in history.settings
    listed = recipe(flip=0.5, augmented_data=("cifar10",))
    assert "flip" not in sr.train(make_network("conv"), problem(16), recipe=listed).settings


def test_digits_are_not_mirrored_by_the_recipes_of_cifar():
    """The default recipe of some methods is made for CIFAR; a mirrored 3 would be taught as a 3."""
    data = sr.load_data("digits")
    shown = []
    for name in ("dctps", "force-cifar", "grasp", "freezenet-cifar10"):
        model = Spy(10)
        sr.train(model, data, epochs=1, batch_size=1077, recipe=name)
        shown.append({tuple(image.flatten().tolist()) for image in model.seen[1][1]})
    real = {tuple(image.flatten().tolist()) for image in data.train.images}
    assert all(images == real for images in shown)
