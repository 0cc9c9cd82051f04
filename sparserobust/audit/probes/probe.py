"""What a probe answers, and how a number becomes a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sparserobust.audit.evidence import Bools, Evidence
from sparserobust.stats import wilson

SUPPORTED = 0.04
"""Largest masking gap plus gap to a gradient-free attack of a supported number: sound networks of
tests/test_evaluators/masked.py reach 0.031, PGD-trained ones at three times their budget."""
BLIND = 0.005
"""Share of examples that only attacks without gradients break: its interval above this proves an artefact. On sound
networks it is 0; three of 128 examples are enough."""


@dataclass(frozen=True)
class Answer:
    """What a probe found.

    Attributes:
        state: "pass", "warn", "fail" or "not-run".
        value: what was found.
        warn, fail: where the state turns, None where it does not.
        low: where the 95 % interval of the value begins, where that decides on "fail".
        detail: the repair that gained most, or why the probe was not run.
    """

    state: str
    value: float | None
    warn: float | None
    fail: float | None
    low: float | None = None
    detail: str | None = None


Probe: TypeAlias = Callable[[Evidence], Answer]
"""One question to the evidence."""


def graded(value: float, warn: float, fail: float) -> Answer:
    """Fails from `fail` on, warns above `warn`."""
    return Answer("fail" if value >= fail else "warn" if value > warn else "pass", value, warn, fail)


def only_blind(found: Evidence, broken: Bools) -> Answer:
    """How many examples no gradient leads to: fails where surely more than BLIND are broken without gradients alone."""
    alone = found.most_alone(broken, found.gradient)
    surely = wilson(alone, found.m).low
    state = "pass" if alone == 0 else "fail" if surely > BLIND else "warn"
    return Answer(state, alone / found.m, 0.0, BLIND, surely)
