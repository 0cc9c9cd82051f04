"""What a training's record says about the network: not trained at all, or not for long enough."""

from __future__ import annotations

import math

from sparserobust.records import Remark, Run, remark

FAR_FROM_LEARNT = 0.5
"""Share of the loss of guessing, log(classes): a training loss above it has learnt little."""
STILL_FALLING = 0.05
"""Relative fall of the training loss over the last epoch, from which on more epochs would have lowered it."""


def undertrained(run: Run) -> Remark | None:
    """Its epochs and losses where a network has learnt little and would have learnt more, else None.

    Both must hold: the training loss of the last epoch is above half of that of guessing, and it was still falling,
    or there was a single epoch.
    """
    history = run.history
    if history is None or not history.epochs or history.status == "diverged":
        return None
    losses = [epoch.loss for epoch in history.epochs]
    guessing = math.log(max(2, run.data.num_classes))
    falling = len(losses) == 1 or losses[-1] < (1 - STILL_FALLING) * losses[-2]
    if losses[-1] <= FAR_FROM_LEARNT * guessing or not falling:
        return None
    return remark("undertrained", epochs=len(losses), loss=losses[-1], guessing=guessing)
