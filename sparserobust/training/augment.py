"""Random changes of training images, batch by batch, from a generator of their own."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparserobust.seeds import generator
from sparserobust.training.recipe import Recipe


class Augmentation:
    """What a recipe does to a batch of training images; without one of its options the batch itself comes back.

    Every example draws for itself: whether it is mirrored, then where it is cropped, then how far it is moved.
    Zeros come in at the borders in pixel units, which is black, before the normalisation in the model's first
    layer. The published pipelines pad before they normalise as well (torchvision's RandomCrop on PIL images).

    Attributes:
        generator: all draws come from it, so that neither the order of the examples nor dropout depend on them.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        """The augmentation of a recipe, drawn from the seed."""
        self.recipe = recipe
        self.generator = generator(seed, "augmentation")

    @property
    def crop(self) -> torch.Generator | None:
        """The generator that image files are cropped by, None where the recipe does not."""
        return self.generator if self.recipe.random_resized_crop else None

    def __call__(self, images: Tensor) -> Tensor:
        """Images (n, c, h, w) of the same shape, range, type and device."""
        recipe, n = self.recipe, len(images)
        if recipe.flip:
            images = mirrored(images, torch.rand(n, generator=self.generator) < recipe.flip)
        for distance in (recipe.crop_padding, recipe.translate):
            if distance:
                images = moved(images, _moves(n, distance, self.generator))
        return images


def _moves(n: int, distance: int, generator: torch.Generator) -> Tensor:
    """(n, 2) whole numbers from -distance to distance, all equally likely: down and to the right.

    A crop out of the image padded by `distance`, anywhere with equal chances, is such a move as well.
    """
    return torch.randint(-distance, distance + 1, (n, 2), generator=generator)


def mirrored(images: Tensor, which: Tensor) -> Tensor:
    """The images (n, c, h, w), left and right exchanged where the bool (n,) says so."""
    return torch.where(which.to(images.device)[:, None, None, None], images.flip(-1), images)


def moved(images: Tensor, moves: Tensor) -> Tensor:
    """The images (n, c, h, w), each moved down and to the right by its row of (n, 2); zeros come in.

    A row (p - i, p - j) is the crop with corner (i, j) out of the image padded by p.
    """
    n, _, height, width = images.shape
    margin = int(moves.abs().max())
    padded = F.pad(images, (margin, margin, margin, margin))
    windows = padded.unfold(2, height, 1).unfold(
        3, width, 1
    )  # a view: (n, c, place down, place across, h, w)
    corners = (margin - moves).to(images.device)
    return windows[torch.arange(n, device=images.device), :, corners[:, 0], corners[:, 1]]
