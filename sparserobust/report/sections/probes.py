"""The probes of an audit of gradient masking in words: what each asks, by which statistic, and whose idea it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparserobust.records import Table
from sparserobust.report.text.numbers import DASH, significant

PROBES: dict[str, tuple[str, str, str]] = {
    "G0": (
        "the model returns logits",
        "share of images whose log-probabilities come back",
        "ours: losses that expect logits fail on them",
    ),
    "G1": (
        "there is a gradient",
        "share of images without any",
        "Croce and Hein 2020; Pintor et al. 2022, I1",
    ),
    "G2": (
        "the softmax can be used",
        "share of images where it is flat or rounded to 0 and 1",
        "ours, float32",
    ),
    "G3": (
        "another temperature, margin or float64 changes nothing",
        "largest gain in success",
        "Gupta and Ajanthan 2022",
    ),
    "G4": (
        "PGD on the margin finds no more than on the cross-entropy",
        "largest gain in success",
        "Pintor et al. 2022, M6",
    ),
    "G5": (
        "iterating is no worse than one step",
        "share broken by one step alone",
        "Carlini et al. 2019, item 3",
    ),
    "G6": (
        "twice the steps find no more",
        "share broken by them alone",
        "Carlini et al. 2019, item 11",
    ),
    "G7": (
        "with eps 1 nothing survives",
        "share that does",
        "Carlini et al. 2019, item 5",
    ),
    "G8": (
        "attacks without gradients find nothing new",
        "largest share broken by them alone",
        "Croce and Hein 2020; Carlini et al. 2019, items 8, 10",
    ),
    "G9": (
        "images made on the dense model break nothing new",
        "largest share broken by them alone",
        "Carlini et al. 2019, item 9",
    ),
    "G10": (
        "the gradient is that of the function",
        "median relative error of directional slopes",
        "central differences, ours",
    ),
}
"""(what it asks, its statistic, its source) of each probe."""
COLUMNS = ("probe", "what", "statistic", "value", "limit", "state", "source")
STATES = {"pass": "pass", "warn": "warn", "fail": "fail", "not-run": "not run"}
LEVELS = {"fail": 2, "warn": 1}
_NOT_RUN = {
    "no-dense-model": "no dense model was given",
    "no-float64": "the model does not compute in float64",
}
_OF_DENSE = "this is the dense network"

Text = tuple[str, int]
"""What stands in a cell, and how bad it is."""


def probe_rows(table: Table, *, dense: bool) -> tuple[tuple[Text, ...], ...]:
    """The recorded probes as text, a row each under `COLUMNS`; `dense` says that they are of the dense network."""
    return tuple(_row(dict(zip(table.columns, values, strict=True)), dense=dense) for values in table.rows)


def _row(found: Mapping[str, Any], *, dense: bool) -> tuple[Text, ...]:
    probe, state = str(found.get("probe")), str(found.get("state"))
    what, statistic, source = PROBES.get(probe, (DASH, DASH, DASH))
    detail, value = found.get("detail"), found.get("value")
    if state == "not-run":
        why = _OF_DENSE if dense and detail == "no-dense-model" else _NOT_RUN.get(str(detail), "")
        source = f"{source}; {why}" if why else source
    elif probe == "G3":
        what = f"{what} ({f'most by {detail}' if detail else 'none gains'})"
    texts = [probe, what, statistic, DASH if value is None else significant(float(value), 4), _limit(found)]
    return (
        *((text, 0) for text in texts),
        (STATES.get(state, state), LEVELS.get(state, 0)),
        (source, 0),
    )


def _limit(found: Mapping[str, Any]) -> str:
    """ "0.05; fail from 0.5", "0; fail where the 95 % interval lies above 0.005 (it begins at 0.000)"."""
    warn, fail, low = found.get("warn"), found.get("fail"), found.get("low")
    if low is not None and warn is not None:
        above = "" if fail is None or fail == warn else f" {fail:g}"
        return f"{warn:g}; fail where the 95 % interval lies above{above} (it begins at {low:.3f})"
    if warn is None:
        return DASH if fail is None else f"< {fail:g}"
    return f"{warn:g}" if fail is None or found.get("state") == "not-run" else f"{warn:g}; fail from {fail:g}"
