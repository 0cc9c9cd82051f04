"""The rows of a comparison as a pandas DataFrame (extra `frames`): the numbers of the report's main table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparserobust.analysis.claims import Quantity
from sparserobust.analysis.differences import Difference
from sparserobust.analysis.estimates import RowEstimate, estimate, stored_bytes
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import is_made
from sparserobust.analysis.nearest import median
from sparserobust.analysis.trust import GONE, Trust
from sparserobust.records.frame import COUNT, FLAG, NUMBER, TEXT, data_frame

if TYPE_CHECKING:
    from pandas import DataFrame

CLEAN, ROBUST, DISTANCE = "clean_accuracy", "robust_accuracy", "median_l2"
CLEAN_DIFFERENCE, ROBUST_DIFFERENCE = "clean_difference", "robust_difference"


def _with_interval(name: str) -> dict[str, str]:
    return dict.fromkeys([name, f"{name}_low", f"{name}_high"], NUMBER)


def _compared(name: str) -> dict[str, str]:
    return _with_interval(name) | {f"{name}_p_holm": NUMBER, f"{name}_result": TEXT}


COLUMNS = {
    "label": TEXT,
    "method": TEXT,
    "title": TEXT,
    "changed": TEXT,
    "tag": TEXT,
    "model": TEXT,
    "data": TEXT,
    "dense": FLAG,
    "sparsity": NUMBER,
    "target_sparsity": NUMBER,
    "seeds": COUNT,
    "networks": COUNT,
    "trust": TEXT,
    **_with_interval(CLEAN),
    **_with_interval(ROBUST),
    "attacks": TEXT,
    "norm": TEXT,
    "eps": NUMBER,
    **_compared(CLEAN_DIFFERENCE),
    **_compared(ROBUST_DIFFERENCE),
    **_with_interval(DISTANCE),
    "stored_bytes": NUMBER,
    "dense_bytes": NUMBER,
    "executed_macs": NUMBER,
    "dense_macs": NUMBER,
}


def rows_frame(lineup: Lineup, trust: Mapping[int, Trust], primary: Quantity, clean: Quantity) -> DataFrame:
    """One row per row of the line-up, in its order; see `Findings.to_frame`."""
    rows = [
        _about(group) | _measured(place, lineup, trust[place], primary, clean)
        for place, group in enumerate(lineup.groups)
    ]
    return data_frame(COLUMNS, rows)


def _about(group: Group) -> dict[str, Any]:
    subject = group.first.subject
    return {
        "label": subject.label,
        "method": subject.method,
        "title": subject.method_title,
        "changed": ",".join(f"{parameter.name}={parameter.value}" for parameter in subject.changed),
        "tag": ",".join(f"{facet.name or facet.kind}={facet.value}" for facet in group.tag),
        "model": subject.model,
        "data": group.first.data.name,
        "dense": group.dense,
        "sparsity": group.sparsity if group.made else None,
        "target_sparsity": group.target,
        "seeds": len(group.runs),
        "networks": sum(is_made(run) for run in group.runs),
    }


def _measured(place: int, lineup: Lineup, trust: Trust, primary: Quantity, clean: Quantity) -> dict[str, Any]:
    group, robust = lineup.groups[place], primary.robust
    found = {"trust": trust.state} | _estimate(CLEAN, clean.values[place])
    if robust is None:
        found |= _difference(CLEAN_DIFFERENCE, primary.differences.get(place))
    else:
        found |= {"attacks": ",".join(robust.worst.attacks), "norm": robust.norm, "eps": robust.eps}
        found |= _difference(CLEAN_DIFFERENCE, clean.differences.get(place))
        if trust.state not in GONE:
            found |= _estimate(ROBUST, primary.values[place])
            found |= _difference(ROBUST_DIFFERENCE, primary.differences.get(place))
    return (
        found
        | _estimate(DISTANCE, median(group, lineup.near))
        | {"stored_bytes": stored_bytes(group).value}
        | {name: estimate(group, name).value for name in ("dense_bytes", "executed_macs", "dense_macs")}
    )


def _estimate(name: str, found: RowEstimate) -> dict[str, Any]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _difference(name: str, found: Difference | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        name: found.value,
        f"{name}_low": found.low,
        f"{name}_high": found.high,
        f"{name}_p_holm": found.p_holm,
        f"{name}_result": found.result,
    }
