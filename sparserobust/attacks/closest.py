"""The closest adversarial images found so far, and which examples an attack still works on."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sparserobust.attacks.budget import Norm, distances
from sparserobust.attacks.losses import margin
from sparserobust.attacks.oracle import Oracle


class Closest:
    """The closest adversarial image of each example; the clean image, at distance infinity, where there is none.

    Attributes:
        clean, labels: the examples, (n, c, h, w) in [0, 1] and (n,).
        images, distance: the closest adversarial images and how far they are, in pixel units.
        norm: of the distance.
        confidence: logit margin that an adversarial image must exceed.
    """

    def __init__(
        self,
        clean: Float[Tensor, "n c h w"],
        labels: Int[Tensor, " n"],
        norm: Norm,
        confidence: float = 0.0,
    ) -> None:
        self.clean = clean
        self.labels = labels
        self.norm = norm
        self.confidence = confidence
        self.images = clean.clone()
        self.distance = torch.full((len(labels),), torch.inf, dtype=torch.float64, device=clean.device)

    @property
    def found(self) -> Bool[Tensor, " n"]:
        """For which examples there is one."""
        return torch.isfinite(self.distance)

    def take(
        self, which: Int[Tensor, " m"], images: Float[Tensor, "m c h w"], logits: Float[Tensor, "m k"]
    ) -> Bool[Tensor, " m"]:
        """Keeps those of the images that fool the model and are closer; returns which of them fool it."""
        fooled = margin(logits, self.labels[which]) > self.confidence
        distance = distances(self.clean[which], images, self.norm)
        closer = fooled & (distance < self.distance[which])
        self.distance[which[closer]] = distance[closer]
        self.images[which[closer]] = images[closer]
        return fooled

    def shrink(self, oracle: Oracle, steps: int) -> None:
        """Bisects the segment from each clean image to its adversarial one: `steps` forward passes, no backward."""
        (which,) = self.found.nonzero(as_tuple=True)
        if not len(which):
            return
        clean = self.clean[which]
        difference = self.images[which] - clean
        low = torch.zeros(len(which), dtype=clean.dtype, device=clean.device)
        high = torch.ones_like(low)
        for _ in range(steps):
            middle = (low + high) / 2
            images = clean + middle.view(-1, 1, 1, 1) * difference
            fooled = self.take(which, images, oracle.logits(images))
            low, high = torch.where(fooled, low, middle), torch.where(fooled, middle, high)
