"""What the audit has found out about all examples: which attack broke which, and what the gradients look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Arrays = dict[str, NDArray[Any]]

REPAIRED = "repaired by "
"""What the name of a repair's array begins with."""
ITERATED = ("pgd margin", "pgd cross-entropy")
FOLLOWING = ("reported", *ITERATED, "pgd, twice the steps", "ddn")
"""Attacks that follow gradients, beside the repairs."""


@dataclass(frozen=True)
class Evidence:
    """The arrays of an audit over all examples.

    Attributes:
        arrays: "correct" (n,), for every attack (eps, n) whether it broke the example, facts (n,).
        dense: whether a dense model lent its images.
    """

    arrays: Arrays
    dense: bool

    @property
    def correct(self) -> Bools:
        """(n,) whether the model was right to begin with."""
        return self.arrays["correct"]

    @property
    def n(self) -> int:
        """Examples."""
        return len(self.correct)

    @property
    def m(self) -> int:
        """Examples that the model was right about."""
        return int(self.correct.sum())

    @property
    def reported(self) -> Bools:
        """(eps, n) what the audited attack broke."""
        return self.arrays["reported"]

    @cached_property
    def repairs(self) -> dict[str, Bools]:
        """Array name -> (eps, n) what a repair of the same attack broke."""
        return {name: self.arrays[name] for name in self.arrays if name.startswith(REPAIRED)}

    @cached_property
    def best(self) -> Bools:
        """(eps, n): what the best single repair breaks at each eps, or the attack as it is.

        One repair, not the union of all: several tries at random directions break more examples on any model.
        """
        tries = np.stack([self.reported, *self.repairs.values()])
        winner = tries.sum(axis=2).argmax(axis=0)
        best: Bools = tries[winner, np.arange(len(self.reported))]
        return best

    @cached_property
    def gradient(self) -> Bools:
        """(eps, n) what any attack that follows gradients broke."""
        return self.union(*FOLLOWING, *self.repairs)

    @cached_property
    def everything(self) -> Bools:
        """(eps, n) what any attack broke."""
        return self.gradient | self.union("square", "noise", *(["transfer"] if self.dense else []))

    def union(self, *names: str) -> Bools:
        """(eps, n) what any of these attacks broke."""
        union: Bools = np.logical_or.reduce([self.arrays[name] for name in names])
        return union

    def share(self, fact: str) -> float:
        """Share of the examples that were right of which a fact holds."""
        return float(self.arrays[fact][self.correct].mean())

    def most_alone(self, broken: Bools, others: Bools) -> int:
        """At the eps where they are most: examples that are broken and not among the others."""
        return int((broken & ~others).sum(axis=1).max())
