"""Random generators for a stated purpose, so that no two draws of one seed depend on each other."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for this seed and purpose; the same on every machine and in every process."""
    digest = hashlib.sha256(f"{purpose}|{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
