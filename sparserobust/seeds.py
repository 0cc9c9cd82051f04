"""Random generators for a stated purpose, so that no two draws of one seed depend on each other."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for this seed and purpose; the same on every machine and in every process."""
    return torch.Generator().manual_seed(_derived(seed, purpose))


def derived_seed(seed: int, purpose: str) -> int:
    """A seed in [0, 2**32) for this purpose, for streams that take no larger one."""
    return _derived(seed, purpose) % 2**32


def seed_everything(seed: int, purpose: str) -> None:
    """Seeds the global random states, for third-party code that draws from them; the caller puts them back."""
    derived = _derived(seed, purpose)
    torch.manual_seed(derived)
    np.random.seed(derived % 2**32)
    random.seed(derived)


def random_states(streams: Sequence[torch.Generator], device: torch.device) -> dict[str, Any]:
    """Where generators are, and torch's own, which dropout draws from."""
    return {
        "streams": [stream.get_state() for stream in streams],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def resume_random_states(
    streams: Sequence[torch.Generator], device: torch.device, state: dict[str, Any]
) -> None:
    """Takes back what `random_states` gave."""
    for stream, kept in zip(streams, state["streams"], strict=True):
        stream.set_state(kept)
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)


def _derived(seed: int, purpose: str) -> int:
    digest = hashlib.sha256(f"{purpose}|{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
