"""The comparison as plain text for a terminal: at most 100 columns, no colour codes."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Run
from sparserobust.report.compare import ALIKE, NOT_AFTER_HOLM, NOT_RANKED, Difference
from sparserobust.report.estimates import CLAIM_SEEDS, RowEstimate, band, estimate
from sparserobust.report.groups import Group, Lineup, arrange
from sparserobust.report.judged import Judged, judged
from sparserobust.report.nearest import median
from sparserobust.report.numbers import THIN, count, kib, listed, percent, points, realised, significant
from sparserobust.report.readings import attack_name, by_design
from sparserobust.report.soundness import NO_REFERENCE, diverged, no_reference
from sparserobust.report.trust import COLLAPSED, NO_MASK
from sparserobust.report.unmade import in_short, is_made

WIDTH = 100
LONGEST_NAME = 44  # columns that names may take from the numbers
_NUMBERS = 1  # columns from here on are right-aligned
_OPTIONAL = ("C&W l2", "median l2", "minus dense", "KiB", "MACs")
_SHORT = {ALIKE: "not dist.", NOT_AFTER_HOLM: "not Holm"}
_NO_MASK, _NO_CLAIM, _DIVERGED = "no mask", "no claim", "diverged"
_LEGEND = {
    "not dist.": "not dist. = not distinguishable from dense: the interval of the difference holds 0",
    "not Holm": "not Holm = differs from dense, but not after Holm's correction over the table",
    _NO_CLAIM: f"no claim = fewer than {CLAIM_SEEDS} seeds say nothing about a method",
    _NO_MASK: "no mask = the method could not choose its weights, which is a result of it",
    _DIVERGED: "diverged = the loss of its training was not finite: nothing is claimed of it or by it",
    NOT_RANKED: "not ranked = the network, or the dense one beside it, collapsed, diverged or is an artefact",
}


def summary_table(runs: Sequence[Run]) -> str:
    """The main numbers of a report as text, one line per row, then what was not made, failed or was skipped.

    Accuracies are in percent, differences in points; "-" is not measured, "x3" three seeds. Where names need the
    room, the last columns are left to the report.

    Raises:
        ConfigError: no runs.
    """
    found = judged(arrange(runs))
    lineup = found.lineup
    robust = lineup.robustness
    title = "robust" if robust is None else f"{'worst' if robust.several else robust.name} {robust.eps:g}"
    distance = "C&W l2" if lineup.near is None or lineup.near.attacks == ("carlini-wagner",) else "median l2"
    head = ["method", "sparsity", "clean", title, "95 %", distance, "minus dense", "KiB", "MACs"]
    seeds = {len(group.runs) for group in lineup.groups}
    rows = [head, *(_line(i, found, seeds=len(seeds) > 1) for i in range(len(lineup.groups)))]
    legend = [f"{count(min(seeds))} seeds per row"] if len(seeds) == 1 and seeds != {1} else []
    if robust is not None and robust.several:
        names = listed([attack_name(name) for name in robust.worst.attacks])
        legend.append(_fit(_ascii(f"worst = the worst of {names} for each image"), WIDTH, 0).rstrip())
    legend += [
        text for word, text in _LEGEND.items() if any(word in cell for row in rows[1:] for cell in row[2:])
    ]
    left_out = _narrowed(rows)
    legend += [f"in the report: {', '.join(left_out)}"] if left_out else []
    widths = _widths(rows)
    widths[0] = max(8, min(widths[0], _spare(widths)))
    lines = ["  ".join(_fit(cell, widths[k], k) for k, cell in enumerate(row)).rstrip() for row in rows]
    lines.insert(1, "-" * min(WIDTH, max(len(line) for line in lines)))
    return "\n".join([*lines, *legend, *_problems(lineup)])


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
        return [_ascii(name), f"{group.target:.4f}", clean, *"------"]
    cells = [
        name,
        realised(group.first.subject.sparsity),
        _percent(estimate(group, "accuracy", "top1")),
        _DIVERGED if lost else "collapsed" if gone else _percent(value) if attacked else "-",
        _interval(value) if attacked and not (gone or lost) else "-",
        _number(median(group, found.lineup.near), "{:.2f}"),
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


def _ascii(text: str) -> str:
    """Plain minus signs and spaces, which every terminal shows; control characters never reach it."""
    plain = text.replace("−", "-").replace(THIN, " ").replace("ℓ∞", "linf").replace("ℓ₂", "l2")
    return "".join(c if c.isprintable() else "?" for c in plain)


def _problems(lineup: Lineup) -> list[str]:
    """One line for each row that could not be made and for each outcome that is not ok."""
    lines = []
    for group in lineup.groups:
        seeds_of: dict[str, list[int | None]] = {}
        for run in group.runs:
            if not is_made(run):
                seeds_of.setdefault(in_short(run.subject.not_made or ""), []).append(run.subject.seed)
                continue
            for name, outcome in run.outcomes.items():
                if outcome.status != "ok" and not by_design(run, outcome):
                    lines.append(f"{run.subject.label}: {name} {outcome.status}: {outcome.reason}")
        for reason, seeds in seeds_of.items():
            some = f", seed {', '.join(map(str, seeds))}" if len(seeds) < len(group.runs) else ""
            lines.append(f"{group.title}{some}: {reason}")
    plain = (_ascii(" ".join(line.split())) for line in lines)
    return [_fit(line, WIDTH, 0).rstrip() for line in dict.fromkeys(plain)]
