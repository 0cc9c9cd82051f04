"""What happens while an experiment is carried out, as facts: whoever listens puts them into words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sparserobust.records import Run

What = Literal["beside", "trained", "trained-before", "scored", "scored-before", "not-made"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One step of one network.

    Attributes:
        what: "beside": its folder holds another network, it is made in the one named here. "trained", "trained-before":
            the network is there. "scored", "scored-before": its record is there. "not-made": there is no network,
            and the record says why.
        label, seed: of the network.
        folder: of its files; `wanted`: where "beside" would have put it.
        seconds: that the step took.
        epochs: that training took; `resumed`: whether it went on from a checkpoint.
        cached: evaluators of which attacks came from the cache.
        run: the record, where there is one.
    """

    what: What
    label: str
    seed: int | None
    folder: Path
    wanted: Path | None = None
    seconds: float = 0.0
    epochs: int = 0
    resumed: bool = False
    cached: tuple[str, ...] = ()
    run: Run | None = None
