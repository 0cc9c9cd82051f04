"""The reference: every weight kept and trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparserobust.errors import ConfigError
from sparserobust.methods.base import Choice, FixedMask
from sparserobust.sparsity.probe import Probe


@dataclass(frozen=True, kw_only=True)
class Dense(FixedMask):
    """No sparsity at all; what every other method is compared with."""

    name: ClassVar[str] = "dense"
    source: ClassVar[str] = "the unpruned network"
    criterion: ClassVar[str] = "magnitude"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offset != "zero" or self.rescue or self.allocation != "global" or self.control:
            raise ConfigError("dense keeps every weight and takes no offset, allocation, rescue or control")

    def choose(self, probe: Probe, sparsity: float, generator: torch.Generator) -> Choice:
        """Full masks; any sparsity but 0 is an error."""
        if sparsity != 0:
            raise ConfigError(f"dense keeps every weight: sparsity must be 0, got {sparsity:g}")
        return Choice({name: torch.ones(w.shape, dtype=torch.bool) for name, w in probe.dense.items()}, {})
