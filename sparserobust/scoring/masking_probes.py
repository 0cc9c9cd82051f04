"""The probes of the gradient-masking audit: one question each, with its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparserobust.stats import PairedDifference, mcnemar_midp, newcombe_paired, wilson

Bools = NDArray[np.bool_]
Arrays = dict[str, NDArray[Any]]

SUPPORTED = 0.04
"""Largest masking gap plus residual gap of a supported number: sound networks of tests/test_evaluators/masked.py reach
0.031, PGD-trained ones at three times their budget."""
BLIND = 0.005
"""Share of examples that only attacks without gradients break: its interval above this proves an artefact. On sound
networks it is 0; three of 128 examples are enough."""


@dataclass(frozen=True)
class Probe:
    """One question and its answer.

    Attributes:
        probe: "G0" to "G10".
        state: "pass", "warn", "fail" or "not-run".
        value: what was found.
        warn, fail: where the state turns, None where it does not.
        low: where the 95 % interval of the value begins, where that decides on "fail".
        detail: the repair that gained most, or why the probe was not run.
    """

    probe: str
    state: str
    value: float | None
    warn: float | None
    fail: float | None
    low: float | None = None
    detail: str | None = None


def probes_of(
    arrays: Arrays,
    correct: Bools,
    reported: Bools,
    repairs: dict[str, Bools],
    gradient: Bools,
    *,
    dense: bool,
) -> list[Probe]:
    """G0: the model returns logits. G1: there is a gradient. G2: the softmax can be used. G3: no repair gains.

    G4: PGD on the margin finds no more. G5: iterating is no worse than one step. G6: twice the steps find no more.
    G7: with eps 1 nothing survives. G8: attacks without gradients find nothing new, G9: nor do images made on the
    dense model. G10: the gradient is that of the function.

    Source: Carlini et al. 2019, arXiv:1902.06705 (G5 to G9); Gupta and Ajanthan 2022 (G3); Pintor et al. 2022 (G1,
        G4); Croce and Hein 2020 (G1, G8); G0, G2 and G10 are ours.
    """
    m = int(correct.sum())

    def share(name: str) -> float:
        return float(arrays[name][correct].mean())

    logs = share("log_probabilities")
    errors = arrays["gradient_error"][correct]
    error = None if np.isnan(errors).any() else float(np.median(errors))
    gain, how = _gain(reported, repairs)
    state = "pass" if gain.difference <= SUPPORTED else "fail" if gain.low > SUPPORTED else "warn"
    switch = (arrays["pgd margin"].sum(axis=1) - arrays["pgd cross-entropy"].sum(axis=1)).max() / m
    iterated = arrays["pgd margin"] | arrays["pgd cross-entropy"]
    one_step = (reported & ~iterated).sum(axis=1).max() / m
    more = _alone(arrays, "pgd, twice the steps", ("reported", *repairs, "pgd margin", "pgd cross-entropy"))
    return [
        Probe("G0", "fail" if logs == 1 else "pass", logs, None, 1.0),
        _graded("G1", share("zero_gradient"), 0.0, 0.05),
        _graded("G2", share("softmax_unusable"), 0.05, 0.5),
        Probe("G3", state, gain.difference, SUPPORTED, SUPPORTED, gain.low, how),
        _graded("G4", float(switch), 0.05, 0.3),
        _graded("G5", float(one_step), 0.02, 0.05),
        _graded("G6", more / m, 0.02, 0.1),
        _graded("G7", share("survives_everything"), 0.01, 0.1),
        _blind("G8", arrays, gradient, ("square", "noise"), m),
        _blind("G9", arrays, gradient, ("transfer",), m)
        if dense
        else Probe("G9", "not-run", None, 0.0, BLIND, detail="no-dense-model"),
        Probe("G10", "not-run", None, 0.01, 0.1, detail="no-float64")
        if error is None
        else _graded("G10", error, 0.01, 0.1),
    ]


def _graded(probe: str, value: float, warn: float, fail: float) -> Probe:
    state = "fail" if value >= fail else "warn" if value > warn else "pass"
    return Probe(probe, state, value, warn, fail)


def _gain(reported: Bools, repairs: dict[str, Bools]) -> tuple[PairedDifference, str | None]:
    """(Largest gain of one repair at one eps over all examples with its interval, which repair, if one gains)."""
    gain, how = newcombe_paired(reported[0], reported[0]), None
    for name, broken in repairs.items():
        for row in range(len(reported)):
            more = newcombe_paired(broken[row], reported[row])
            if more.difference > gain.difference:
                gain, how = more, name.removeprefix("repaired by ")
    return gain, how


def _alone(arrays: Arrays, name: str, others: Sequence[str]) -> int:
    alone = arrays[name] & ~union(arrays, *others)
    return int(alone.sum(axis=1).max())


def _blind(probe: str, arrays: Arrays, gradient: Bools, names: Sequence[str], m: int) -> Probe:
    alone = int((union(arrays, *names) & ~gradient).sum(axis=1).max())
    surely = wilson(alone, m).low
    state = "pass" if alone == 0 else "fail" if surely > BLIND else "warn"
    return Probe(probe, state, alone / m, 0.0, BLIND, surely)


def certain(only_new: int, only_old: int) -> bool:
    """Whether so many discordant examples are a difference (McNemar's mid-p below 0.01): from 7 against none."""
    return mcnemar_midp(only_new, only_old) < 0.01


def union(arrays: Arrays, *names: str) -> Bools:
    union: Bools = np.logical_or.reduce([arrays[name] for name in names])
    return union
