"""The comparison as plain text for a terminal: at most 100 columns, no colour codes."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Run
from sparserobust.report.attacks import Robustness
from sparserobust.report.cells import NOT_FOUND
from sparserobust.report.compare import ALIKE, NOT_AFTER_HOLM, NOT_RANKED, Difference
from sparserobust.report.estimates import CLAIM_SEEDS, RowEstimate, band, clean_accuracy, estimate
from sparserobust.report.groups import Group, Lineup, arrange
from sparserobust.report.judged import Judged, judged
from sparserobust.report.nearest import median
from sparserobust.report.numbers import count, kib, listed, percent, points, realised, significant
from sparserobust.report.readings import AUDIT, attack_name
from sparserobust.report.soundness import NO_REFERENCE, diverged, no_reference
from sparserobust.report.threat import KNOWN
from sparserobust.report.told import WIDTH, ascii_text, told, wrapped
from sparserobust.report.trust import COLLAPSED, NO_MASK
from sparserobust.report.unmade import is_made

LONGEST_NAME = 44  # columns that names may take from the numbers
_NUMBERS = 1  # columns from here on are right-aligned
_OPTIONAL = ("C&W l2", "median l2", "minus dense", "KiB", "MACs")
_SHORT = {ALIKE: "not dist.", NOT_AFTER_HOLM: "not Holm"}
_NO_MASK, _NO_CLAIM, _DIVERGED, _INFINITE = "no mask", "no claim", "diverged", "inf"
_LEGEND = {
    "not dist.": "not dist. = not distinguishable from dense: the interval of the difference holds 0",
    "not Holm": "not Holm = differs from dense, but not after Holm's correction over the table",
    _NO_CLAIM: f"no claim = fewer than {CLAIM_SEEDS} seeds say nothing about a method",
    _NO_MASK: "no mask = the method could not choose its weights, which is a result of it",
    _DIVERGED: "diverged = the loss of its training was not finite: nothing is claimed of it or by it",
    _INFINITE: "inf = no adversarial image was found for half of the images or more",
    NOT_RANKED: "not ranked = the network, or the dense one beside it, collapsed, diverged or is an artefact",
}


def summary_table(runs: Sequence[Run]) -> str:
    """The main numbers of a report as text, one line per row, then what failed and what may not be believed.

    Accuracies are in percent, differences in points; "-" is not measured, "x3" three seeds. What nobody asked for
    has no column; where names need the room, the last columns are left to the report.

    Raises:
        ConfigError: no runs.
    """
    found = judged(arrange(runs))
    lineup = found.lineup
    robust = lineup.robustness
    title = "robust" if robust is None else ascii_text(_title(robust))
    distance = "C&W l2" if lineup.near is None or lineup.near.attacks == ("carlini-wagner",) else "median l2"
    head = ["method", "sparsity", "clean", title, "95 %", distance, "minus dense", "KiB", "MACs"]
    seeds = {len(group.runs) for group in lineup.groups}
    rows = [head, *(_line(i, found, seeds=len(seeds) > 1) for i in range(len(lineup.groups)))]
    legend = [f"{count(min(seeds))} seeds per row"] if len(seeds) == 1 and seeds != {1} else []
    if robust is not None and robust.several:
        names = listed([attack_name(name) for name in robust.worst.attacks])
        legend += wrapped(f"worst = the worst of {names} for each image")
    legend += [
        text for word, text in _LEGEND.items() if any(word in cell for row in rows[1:] for cell in row[2:])
    ]
    _drop(rows, _unasked(lineup, title, distance))
    left_out = _narrowed(rows)
    legend += [f"in the report: {', '.join(left_out)}"] if left_out else []
    widths = _widths(rows)
    widths[0] = max(8, min(widths[0], _spare(widths)))
    lines = ["  ".join(_fit(cell, widths[k], k) for k, cell in enumerate(row)).rstrip() for row in rows]
    lines.insert(1, "-" * min(WIDTH, max(len(line) for line in lines)))
    return "\n".join([*lines, *legend, *told(found)])


def _title(robust: Robustness) -> str:
    """ "FGSM 0.1", "worst linf 0.1"."""
    norm = robust.worst.norm
    name = f"worst {norm}".strip() if robust.several else robust.name
    return f"{name} {robust.eps:g}"


def _unasked(lineup: Lineup, robust: str, distance: str) -> set[str]:
    """The heads of columns that no evaluator of the comparison was there for."""
    asked = {name for run in lineup.runs for name in run.outcomes}
    nearest = any(name.startswith(("carlini-wagner", "minimum-norm")) for name in asked)
    there = {
        robust: lineup.attack is not None or bool(asked & {*KNOWN, AUDIT}),
        distance: lineup.near is not None or nearest,
        "minus dense": bool(lineup.sparse),
        "KiB": "storage" in asked,
        "MACs": "flops" in asked,
    }
    there["95 %"] = there[robust]
    return {head for head, needed in there.items() if not needed}


def _drop(rows: list[list[str]], heads: set[str]) -> None:
    """Takes these columns out of all rows."""
    kept = [k for k, head in enumerate(rows[0]) if head not in heads]
    for row in rows:
        row[:] = [row[k] for k in kept]


def _narrowed(rows: list[list[str]]) -> list[str]:
    """Takes columns off the right of all rows until the names fit; returns the heads of those taken."""
    taken: list[str] = []
    while rows[0][-1] in _OPTIONAL and min(_widths(rows)[0], LONGEST_NAME) > _spare(_widths(rows)):
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


def _line(i: int, found: Judged, *, seeds: bool) -> list[str]:
    group, value = found.lineup.groups[i], found.primary[i]
    attacked = found.lineup.attack is not None
    many = f" x{len(group.runs)}" if seeds and len(group.runs) > 1 else ""
    name = f"{group.name} {group.tag}".strip() + many
    gone = attacked and found.trust[i].verdict == COLLAPSED
    lost = all(diverged(run) for run in group.runs if is_made(run))
    if group.not_made:
        clean = _NO_MASK if found.trust[i].verdict == NO_MASK else "-"
        return [ascii_text(name), f"{group.target:.4f}", clean, *"------"]
    cells = [
        name,
        realised(group.sparsity),
        _percent(clean_accuracy(group)),
        _DIVERGED if lost else "collapsed" if gone else _percent(value) if attacked else "-",
        _interval(value) if attacked and not (gone or lost) else "-",
        _distance(median(group, found.lineup.near)),
        "-" if gone else _difference(group, found.differences.get(i)),
        _stored(group),
        _macs(group),
    ]
    return [ascii_text(cell) for cell in cells]


def _percent(e: RowEstimate) -> str:
    return "-" if e.value is None else percent(e.value)


def _interval(e: RowEstimate) -> str:
    ends = band(e)
    return "-" if ends is None else f"{percent(ends[0])}-{percent(ends[1])}"


def _distance(e: RowEstimate) -> str:
    if e.value is None:
        return _INFINITE if e.reason.startswith(NOT_FOUND) else "-"
    return f"{e.value:.2f}"


def _difference(group: Group, d: Difference | None) -> str:
    if group.dense:
        return NO_REFERENCE if all(no_reference(run) for run in group.runs) else "reference"
    if d is None or d.value is None:
        return d.word if d is not None and d.word else "-"
    word = _NO_CLAIM if d.word.startswith(_NO_CLAIM) else _SHORT.get(d.word, d.word)
    return f"{points(d.value)} {word}"


def _stored(group: Group) -> str:
    at = "seeded" if group.first.subject.positions == "seeded" else "stored"
    e = estimate(group, "storage", "best_bytes", at=at)
    return "-" if e.value is None else kib(e.value)


def _macs(group: Group) -> str:
    e = estimate(group, "flops", "executed_macs")
    if e.value is None:
        return "-"
    return count(e.value) if e.value < 1e6 else f"{significant(e.value / 1e6)} M"
