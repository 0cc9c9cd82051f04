"""The probes of the gradient-masking audit: one question each, with statistic, threshold and source."""

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
    """One question and its answer; state is "pass", "warn", "fail" or "not run"."""

    probe: str
    what: str
    statistic: str
    value: float | None
    limit: str
    state: str
    source: str


def probes_of(
    arrays: Arrays,
    correct: Bools,
    reported: Bools,
    repairs: dict[str, Bools],
    gradient: Bools,
    *,
    dense: bool,
) -> list[Probe]:
    m = int(correct.sum())

    def share(name: str) -> float:
        return float(arrays[name][correct].mean())

    def graded(value: float, warn: float, fail: float) -> str:
        return "fail" if value >= fail else "warn" if value > warn else "pass"

    zero, unusable, logs = share("zero_gradient"), share("softmax_unusable"), share("log_probabilities")
    survivors = share("survives_everything")
    errors = arrays["gradient_error"][correct]
    error = None if np.isnan(errors).any() else float(np.median(errors))
    probes = [
        Probe(
            "G0",
            "the model returns logits",
            "share of images whose log-probabilities come back",
            logs,
            "< 1",
            "fail" if logs == 1 else "pass",
            "ours: losses that expect logits fail on them",
        ),
        Probe(
            "G1",
            "there is a gradient",
            "share of images without any",
            zero,
            "0; fail from 0.05",
            graded(zero, 0.0, 0.05),
            "Croce and Hein 2020; Pintor et al. 2022, I1",
        ),
        Probe(
            "G2",
            "the softmax can be used",
            "share of images where it is flat or rounded to 0 and 1",
            unusable,
            "0.05; fail from 0.5",
            graded(unusable, 0.05, 0.5),
            "ours, float32",
        ),
    ]
    gain, how = _gain(reported, repairs)
    state = "pass" if gain.difference <= SUPPORTED else "fail" if gain.low > SUPPORTED else "warn"
    probes.append(
        Probe(
            "G3",
            f"another temperature, margin or float64 changes nothing ({how})",
            "largest gain in success",
            gain.difference,
            f"{SUPPORTED:g}; fail where the 95 % interval lies above (it begins at {gain.low:.3f})",
            state,
            "Gupta and Ajanthan 2022",
        )
    )
    switch = float((arrays["pgd margin"].sum(axis=1) - arrays["pgd cross-entropy"].sum(axis=1)).max() / m)
    probes.append(
        Probe(
            "G4",
            "PGD on the margin finds no more than on the cross-entropy",
            "largest gain in success",
            switch,
            "0.05; fail above 0.3",
            graded(switch, 0.05, 0.3),
            "Pintor et al. 2022, M6",
        )
    )
    one_step = float(
        ((reported & ~(arrays["pgd margin"] | arrays["pgd cross-entropy"])).sum(axis=1)).max() / m
    )
    probes.append(
        Probe(
            "G5",
            "iterating is no worse than one step",
            "share broken by one step alone",
            one_step,
            "0.02; fail above 0.05",
            graded(one_step, 0.02, 0.05),
            "Carlini et al. 2019, item 3",
        )
    )
    more = _alone(arrays, "pgd, twice the steps", ("reported", *repairs, "pgd margin", "pgd cross-entropy"))
    probes.append(
        Probe(
            "G6",
            "twice the steps find no more",
            "share broken by them alone",
            more / m,
            "0.02; fail above 0.1",
            graded(more / m, 0.02, 0.1),
            "Carlini et al. 2019, item 11",
        )
    )
    probes.append(
        Probe(
            "G7",
            "with eps 1 nothing survives",
            "share that does",
            survivors,
            "0.01; fail above 0.1",
            graded(survivors, 0.01, 0.1),
            "Carlini et al. 2019, item 5",
        )
    )
    probes.append(
        _blind(
            arrays,
            gradient,
            "G8",
            "attacks without gradients find nothing new",
            ("square", "noise"),
            m,
            "Croce and Hein 2020; Carlini et al. 2019, items 8, 10",
        )
    )
    if dense:
        probes.append(
            _blind(
                arrays,
                gradient,
                "G9",
                "images made on the dense model break nothing new",
                ("transfer",),
                m,
                "Carlini et al. 2019, item 9",
            )
        )
    else:
        probes.append(
            Probe(
                "G9",
                "images made on the dense model break nothing new",
                "share broken by them alone",
                None,
                "0.01",
                "not run",
                "Carlini et al. 2019, item 9; no dense model was given",
            )
        )
    probes.append(
        Probe(
            "G10",
            "the gradient is that of the function",
            "median relative error of directional slopes",
            error,
            "0.01; fail above 0.1",
            "not run" if error is None else graded(error, 0.01, 0.1),
            "central differences, ours"
            + ("; the model does not compute in float64" if error is None else ""),
        )
    )
    return probes


def _gain(reported: Bools, repairs: dict[str, Bools]) -> tuple[PairedDifference, str]:
    """(Largest gain of one repair at one eps over all examples with its interval, which repair)."""
    gain, how = newcombe_paired(reported[0], reported[0]), "none gains"
    for name, broken in repairs.items():
        for row in range(len(reported)):
            more = newcombe_paired(broken[row], reported[row])
            if more.difference > gain.difference:
                gain, how = more, f"most by {name.removeprefix('repaired by ')}"
    return gain, how


def _alone(arrays: Arrays, name: str, others: Sequence[str]) -> int:
    alone = arrays[name] & ~union(arrays, *others)
    return int(alone.sum(axis=1).max())


def _blind(
    arrays: Arrays, gradient: Bools, probe: str, what: str, names: Sequence[str], m: int, source: str
) -> Probe:
    alone = int((union(arrays, *names) & ~gradient).sum(axis=1).max())
    surely = wilson(alone, m).low
    state = "pass" if alone == 0 else "fail" if surely > BLIND else "warn"
    limit = f"0; fail where the 95 % interval lies above {BLIND:g} (it begins at {surely:.3f})"
    return Probe(probe, what, "largest share broken by them alone", alone / m, limit, state, source)


def certain(only_new: int, only_old: int) -> bool:
    """Whether so many discordant examples are a difference (McNemar's mid-p below 0.01): from 7 against none."""
    return mcnemar_midp(only_new, only_old) < 0.01


def union(arrays: Arrays, *names: str) -> Bools:
    union: Bools = np.logical_or.reduce([arrays[name] for name in names])
    return union
