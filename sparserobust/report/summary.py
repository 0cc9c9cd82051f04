"""The comparison as plain text for a terminal: at most 100 columns, no colour codes."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Run
from sparserobust.report.compare import ALIKE, NOT_AFTER_HOLM, Difference
from sparserobust.report.estimates import RowEstimate, band, estimate
from sparserobust.report.groups import Group, arrange
from sparserobust.report.judged import Judged, judged
from sparserobust.report.numbers import THIN, count, kib, percent, points, realised, significant
from sparserobust.report.readings import attack_name
from sparserobust.report.trust import COLLAPSED

WIDTH = 100
_NUMBERS = 1  # columns from here on are right-aligned
_SHORT = {ALIKE: "not dist.", NOT_AFTER_HOLM: "not Holm"}
_LEGEND = {
    "not dist.": "not dist. = not distinguishable from dense: the interval of the difference holds 0",
    "not Holm": "not Holm = differs from dense, but not after Holm's correction over the table",
}


def summary_table(runs: Sequence[Run]) -> str:
    """The main numbers of a report as text, one line per row, then what failed or was skipped.

    Accuracies are in percent, differences in points; "-" is not measured, "x3" three seeds.

    Raises:
        ConfigError: no runs.
    """
    found = judged(arrange(runs))
    attack = found.lineup.attack
    title = f"{attack_name(attack[0])} {attack[1]:g}" if attack else "robust"
    head = ["method", "sparsity", "clean", title, "95 %", "C&W l2", "minus dense", "KiB", "MACs"]
    rows = [head, *(_line(i, found) for i in range(len(found.lineup.groups)))]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    spare = WIDTH - sum(widths[1:]) - 2 * (len(head) - 1)
    widths[0] = min(widths[0], max(8, spare))
    lines = ["  ".join(_fit(cell, widths[k], k) for k, cell in enumerate(row)).rstrip() for row in rows]
    lines.insert(1, "-" * min(WIDTH, max(len(line) for line in lines)))
    legend = [text for word, text in _LEGEND.items() if any(word in row[6] for row in rows)]
    return "\n".join([*lines, *legend, *_problems(found.lineup.runs)])


def _fit(cell: str, width: int, column: int) -> str:
    text = cell if len(cell) <= width else f"{cell[: width - 3]}..."
    return text.rjust(width) if column >= _NUMBERS else text.ljust(width)


def _line(i: int, found: Judged) -> list[str]:
    group, value = found.lineup.groups[i], found.primary[i]
    attacked = found.lineup.attack is not None
    seeds = f" x{len(group.runs)}" if len(group.runs) > 1 else ""
    gone = attacked and found.trust[i].verdict == COLLAPSED
    cells = [
        f"{group.name} {group.tag}".strip() + seeds,
        realised(group.first.subject.sparsity),
        _percent(estimate(group, "accuracy", "top1")),
        "collapsed" if gone else _percent(value) if attacked else "-",
        _interval(value) if attacked and not gone else "-",
        _number(estimate(group, "carlini-wagner", "median_l2"), "{:.2f}"),
        "-" if gone else _difference(group, found.differences.get(i)),
        _stored(group),
        _macs(group),
    ]
    return [_ascii(cell) for cell in cells]


def _percent(e: RowEstimate) -> str:
    return "-" if e.value is None else percent(e.value)


def _interval(e: RowEstimate) -> str:
    ends = band(e)
    return "-" if ends is None else f"{percent(ends[0])}-{percent(ends[1])}"


def _number(e: RowEstimate, form: str) -> str:
    return "-" if e.value is None else form.format(e.value)


def _difference(group: Group, d: Difference | None) -> str:
    if group.dense:
        return "reference"
    return "-" if d is None or d.value is None else f"{points(d.value)} {_SHORT.get(d.word, d.word)}"


def _stored(group: Group) -> str:
    at = "seeded" if group.first.subject.positions == "seeded" else "stored"
    e = estimate(group, "storage", "best_bytes", at=at)
    return "-" if e.value is None else kib(e.value)


def _macs(group: Group) -> str:
    e = estimate(group, "flops", "executed_macs")
    if e.value is None:
        return "-"
    return count(e.value) if e.value < 1e6 else f"{significant(e.value / 1e6)} M"


def _ascii(text: str) -> str:
    """Plain minus signs and spaces, which every terminal shows; control characters never reach it."""
    plain = text.replace("−", "-").replace(THIN, " ")
    return "".join(c if c.isprintable() else "?" for c in plain)


def _problems(runs: Sequence[Run]) -> list[str]:
    """One line per outcome that is not ok."""
    lines = []
    for run in runs:
        for name, outcome in run.outcomes.items():
            if outcome.status != "ok":
                text = f"{run.subject.label}: {name} {outcome.status}: {' '.join((outcome.reason or '').split())}"
                lines.append(_fit(_ascii(text), WIDTH, 0).rstrip())
    return list(dict.fromkeys(lines))
