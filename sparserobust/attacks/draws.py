"""Random numbers of an example's own: they follow from its content and a seed, not from its place in a batch."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def streams(images: Float[Tensor, "n c h w"], seed: int, purpose: str) -> list[np.random.Generator]:
    """One random stream for each image, the same whatever the other images are."""
    seeds = []
    for image in images.detach().cpu().float():
        content = hashlib.sha256(f"{purpose}|{seed}|".encode())
        content.update(image.contiguous().numpy().tobytes())
        seeds.append(int.from_bytes(content.digest()[:16], "big"))
    return [np.random.Generator(np.random.Philox(key=key)) for key in seeds]


def uniform(
    owners: list[np.random.Generator],
    shape: tuple[int, ...],
    like: Tensor,
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> Float[Tensor, "n ..."]:
    """The next uniform draws of each stream, (streams, *shape), in the type and on the device of `like`."""
    drawn = np.stack([owner.uniform(low, high, shape) for owner in owners])
    return torch.from_numpy(drawn).to(like)


def normal(owners: list[np.random.Generator], shape: tuple[int, ...], like: Tensor) -> Float[Tensor, "n ..."]:
    """The next standard normal draws of each stream, (streams, *shape)."""
    drawn = np.stack([owner.standard_normal(shape) for owner in owners])
    return torch.from_numpy(drawn).to(like)
