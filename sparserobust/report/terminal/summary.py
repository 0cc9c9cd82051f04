"""The comparison as plain text for a terminal: at most 100 columns, no colour codes."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.analysis.attacks import asked_attacks, measures_distance, norm_of
from sparserobust.analysis.differences import Difference
from sparserobust.analysis.estimates import (
    CLAIM_SEEDS,
    RowEstimate,
    clean_accuracy,
    estimate,
    stored_bytes,
)
from sparserobust.analysis.findings import Findings, analyse
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import diverged, is_made, no_reference
from sparserobust.analysis.nearest import median
from sparserobust.analysis.readings import NOT_FOUND, measured_by
from sparserobust.analysis.trust import GONE
from sparserobust.analysis.worst_case import Robustness
from sparserobust.records import Run
from sparserobust.report.terminal.below import WIDTH, ascii_text, below, wrapped
from sparserobust.report.text.attacks import attack_name, robust_name
from sparserobust.report.text.differences import RESULTS
from sparserobust.report.text.names import tagged_name
from sparserobust.report.text.numbers import count, kib, listed, percent, points, realised, significant
from sparserobust.report.text.share import share_lines
from sparserobust.report.text.trust import STATES

LONGEST_NAME = 44  # columns that names may take from the numbers
_NUMBERS = 1  # columns from here on are right-aligned
_MINUS, _KIB, _MACS = "minus dense", "KiB", "MACs"
_SHORT = {"not-distinguishable": "not dist.", "ns-after-holm": "n.s. Holm", "no-claim": "no claim"}
_NO_MASK, _DIVERGED, _INFINITE = "no mask", STATES["diverged"], "inf"
_NO_REFERENCE = "no reference"
_LEGEND = {
    "not dist.": "not dist. = not distinguishable from dense: the interval of the difference holds 0",
    "n.s. Holm": "n.s. Holm = significant on its own, but n.s. after Holm's correction over the table",
    "no claim": f"no claim = fewer than {CLAIM_SEEDS} seeds say nothing about a method",
    _NO_MASK: "no mask = the method could not choose its weights, which is a result of it",
    _DIVERGED: "diverged = the loss of its training was not finite: nothing is claimed of it or by it",
    _INFINITE: "inf = no adversarial image was found for half of the images or more",
    STATES["untrained"]: "untrained = its weights are those that were drawn",
    RESULTS["not-ranked"]: (
        "not ranked = the network, or the dense one beside it, is untrained, collapsed, diverged or an artefact"
    ),
}


def summary_table(runs: Sequence[Run]) -> str:
    """The main numbers of a report as text, one line per row, then what failed and what is not reliable.

    Accuracies are in percent, differences in points; "-" is not measured, "x3" three seeds. What nobody asked for
    has no column; where names need the room, the last columns are left to the report.

    Raises:
        ConfigError: no runs.
    """
    found = analyse(runs)
    lineup = found.lineup
    robust = lineup.robustness
    title = "robust" if robust is None else ascii_text(_title(robust, lineup))
    distance = _distance_title(lineup)
    head = ["method", "sparsity", "clean", title, "95 %", distance, _MINUS, _KIB, _MACS]
    seeds = {len(group.runs) for group in lineup.groups}
    rows = [head, *(_line(i, found, seeds=len(seeds) > 1) for i in range(len(lineup.groups)))]
    legend = [f"{count(min(seeds))} seeds per row"] if len(seeds) == 1 and seeds != {1} else []
    legend += [line for share in share_lines(lineup.groups) for line in wrapped(share)]
    if robust is not None and robust.several:
        names = listed([attack_name(name, lineup) for name in robust.worst.attacks])
        legend += wrapped(f"worst = the worst of {names} for each image")
    legend += [
        text for word, text in _LEGEND.items() if any(word in cell for row in rows[1:] for cell in row[2:])
    ]
    _drop(rows, _unasked(lineup, title, distance))
    left_out = _narrowed(rows, (distance, _MINUS, _KIB, _MACS))
    legend += [f"in the report: {', '.join(left_out)}"] if left_out else []
    widths = _widths(rows)
    widths[0] = max(8, min(widths[0], _spare(widths)))
    lines = ["  ".join(_fit(cell, widths[k], k) for k, cell in enumerate(row)).rstrip() for row in rows]
    lines.insert(1, "-" * min(WIDTH, max(len(line) for line in lines)))
    return "\n".join([*lines, *legend, *below(found)])


def _title(robust: Robustness, lineup: Lineup) -> str:
    """ "FGSM 0.1", "worst linf 0.1"."""
    name = f"worst {robust.norm or ''}".strip() if robust.several else robust_name(robust, lineup)
    return f"{name} {robust.eps:g}"


def _distance_title(lineup: Lineup) -> str:
    """ "Carlini-Wagner l2" for a single attack, scored or not, "median l2" for the nearest of several."""
    names = lineup.near.attacks if lineup.near is not None else _asked_for_distances(lineup)
    return ascii_text(f"{attack_name(names[0], lineup, norm='l2')} l2") if len(names) == 1 else "median l2"


def _asked_for_distances(lineup: Lineup) -> tuple[str, ...]:
    """The minimum-norm attacks in l2 that somebody asked for."""
    asked = asked_attacks(lineup.runs).items()
    return tuple(name for name, o in asked if measures_distance(o) and norm_of(o) == "l2")


def _unasked(lineup: Lineup, robust: str, distance: str) -> set[str]:
    """The heads of columns that no evaluator of the comparison was there for."""
    there = {
        robust: lineup.attack is not None or bool(asked_attacks(lineup.runs)),
        distance: lineup.near is not None or bool(_asked_for_distances(lineup)),
        _MINUS: bool(lineup.sparse),
        _KIB: any(measured_by(run, "best_bytes") for run in lineup.runs),
        _MACS: any(measured_by(run, "executed_macs") for run in lineup.runs),
    }
    there["95 %"] = there[robust]
    return {head for head, needed in there.items() if not needed}


def _drop(rows: list[list[str]], heads: set[str]) -> None:
    """Takes these columns out of all rows."""
    kept = [k for k, head in enumerate(rows[0]) if head not in heads]
    for row in rows:
        row[:] = [row[k] for k in kept]


def _narrowed(rows: list[list[str]], optional: Sequence[str]) -> list[str]:
    """Takes columns off the right of all rows until the names fit; returns the heads of those taken."""
    taken: list[str] = []
    while rows[0][-1] in optional and min(_widths(rows)[0], LONGEST_NAME) > _spare(_widths(rows)):
        taken.insert(0, rows[0][-1])
        for row in rows:
            del row[-1]
    return taken


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]


def _spare(widths: Sequence[int]) -> int:
    """The room that the other columns leave to the names."""
    return WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)


def _fit(cell: str, width: int, column: int) -> str:
    text = cell if len(cell) <= width else f"{cell[: width - 3]}..."
    return text.rjust(width) if column >= _NUMBERS else text.ljust(width)


def _line(i: int, found: Findings, *, seeds: bool) -> list[str]:
    group, value, state = found.lineup.groups[i], found.primary.values[i], found.trust[i].state
    attacked = found.lineup.attack is not None
    many = f" x{len(group.runs)}" if seeds and len(group.runs) > 1 else ""
    name = f"{tagged_name(group)}{many}"
    gone = attacked and state in GONE
    lost = all(diverged(run) for run in group.runs if is_made(run))
    if not group.made:
        clean = _NO_MASK if state == "cannot-choose" else "-"
        return [ascii_text(name), f"{group.target:.4f}", clean, *"------"]
    cells = [
        name,
        "-" if group.first.subject.untraced is not None else realised(group.sparsity),
        _percent(clean_accuracy(group)),
        _DIVERGED if lost else STATES[state] if gone else _percent(value) if attacked else "-",
        _interval(value) if attacked and not (gone or lost) else "-",
        _distance(median(group, found.lineup.near)),
        "-" if gone and not group.dense else _difference(group, found.differences.get(i)),
        _stored(group),
        _macs(group),
    ]
    return [ascii_text(cell) for cell in cells]


def _percent(e: RowEstimate) -> str:
    return "-" if e.value is None else percent(e.value)


def _interval(e: RowEstimate) -> str:
    return "-" if e.band is None else f"{percent(e.band[0])}-{percent(e.band[1])}"


def _distance(e: RowEstimate) -> str:
    if e.value is None:
        return _INFINITE if e.reason is not None and e.reason.code == NOT_FOUND else "-"
    return f"{e.value:.2f}"


def _difference(group: Group, d: Difference | None) -> str:
    if group.dense:
        return _NO_REFERENCE if all(no_reference(run) for run in group.runs) else "reference"
    if d is None or d.value is None:
        return RESULTS[d.result] if d is not None and RESULTS[d.result] else "-"
    return f"{points(d.value)} {_SHORT.get(d.result, RESULTS[d.result])}"


def _stored(group: Group) -> str:
    e = stored_bytes(group)
    return "-" if e.value is None else kib(e.value)


def _macs(group: Group) -> str:
    e = estimate(group, "executed_macs")
    if e.value is None:
        return "-"
    return count(e.value) if e.value < 1e6 else f"{significant(e.value / 1e6)} M"
