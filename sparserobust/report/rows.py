"""The main table: records in, frozen rows of text and strips out. The template only places them."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.cells import (
    Cell,
    difference_cell,
    distance_cell,
    harmonic_cell,
    macs_cell,
    percent_cell,
    saving_words,
    stored_cell,
)
from sparserobust.report.compare import HIGHER, LOWER, NOT_RANKED, Difference, comparisons
from sparserobust.report.estimates import clean_accuracy, estimate
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.marks import Mark
from sparserobust.report.names import shows_offset
from sparserobust.report.numbers import (
    DASH,
    NBSP,
    count,
    fixed,
    realised,
)
from sparserobust.report.readings import attack_name
from sparserobust.report.row_strip import believable_ends, strip_of
from sparserobust.report.strip import Scale, Strip, scale_over
from sparserobust.report.trust import ARTEFACT, COLLAPSED, FINE, NO_MASK, NOT_SCORED

COLUMNS = 2  # attacks with a column of their own; the others stand in a table of attacks


@dataclass(frozen=True)
class Row:
    """One row of the main table.

    Attributes:
        says_dense: whether "runs dense" stands beside a name that does not show its offset.
        not_made: stands in place of the numbers where there is no network.
    """

    anchor: str
    name: str
    tag: str
    mark: Mark
    dense: bool
    runs_dense: bool
    says_dense: bool
    chip: str
    filled: bool
    sparsity: str
    rescued: str
    clean: Cell
    primary: Cell
    struck: bool
    bold: bool
    strip: Strip
    difference: Cell
    word: str
    word_tone: str
    smallest: str
    others: tuple[Cell, ...]
    distance: Cell
    harmonic: Cell
    stored: Cell
    macs: Cell
    saving: str
    saving_alert: bool
    not_made: str


@dataclass(frozen=True)
class Section:
    """The rows of one target sparsity; the dense references have no title."""

    title: str
    about: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class MainTable:
    """The table of all subjects, with what its head and notes need.

    Attributes:
        primary: what the interval in the row shows, e.g. "robust accuracy, %" and "FGSM, ε = 0.1".
        shown: the optional columns that have a number or a reason in some row.
        absent: evaluators that were scored on no row, so that their column is left out.
    """

    primary: tuple[str, str]
    pairing: str
    scale: Scale | None
    others: tuple[str, ...]
    distance: tuple[str, str]
    sections: tuple[Section, ...]
    shown: frozenset[str]
    absent: tuple[str, ...]
    comparisons: int
    has_rescue: bool
    has_artefact: bool
    has_undecided: bool
    has_runs_dense: bool
    has_trainable_harmonic: bool
    single_seed: bool


def main_table(judged: Judged) -> MainTable:
    """Every row, grouped by target sparsity, dense first."""
    lineup = judged.lineup
    scale = scale_over(believable_ends(judged))
    rows = [_row(i, judged, scale) for i in range(len(lineup.groups))]
    sections = [Section("", "", tuple(row for row in rows if row.dense))] if lineup.dense else []
    for sparsity in lineup.sparsities:
        own = [i for i, group in enumerate(lineup.groups) if not group.dense and group.target == sparsity]
        sections.append(Section(f"Sparsity {sparsity:g}", _kept(lineup, own), tuple(rows[i] for i in own)))
    scored = {name for run in lineup.runs for name, outcome in run.outcomes.items() if outcome.status == "ok"}
    columns = {"stored": "storage", "macs": "flops"}
    shown = {column for column, evaluator in columns.items() if evaluator in scored}
    if lineup.near is not None:
        shown.add("distance")
    absent = [e for e in ("fgsm", "carlini-wagner", *columns.values()) if e not in scored]
    if "storage" in scored and "accuracy" in scored and lineup.sparse:
        shown.add("harmonic")
    if lineup.attack is not None:
        shown.add("clean")
    if lineup.sparse:
        shown.add("difference")
    if any(d.smallest is not None for d in judged.differences.values()) and not _columns(lineup):
        shown.add("smallest")
    single = all(len(group.runs) == 1 for group in lineup.groups)
    return MainTable(
        primary=_primary_title(lineup),
        pairing="paired by image, 95 %" if single else "paired by seed, 95 %",
        scale=scale,
        others=tuple(attack_name(name) for name in _columns(lineup)),
        distance=_distance_title(lineup),
        sections=tuple(sections),
        shown=frozenset(shown),
        absent=tuple(e for e in absent if e != "carlini-wagner" or lineup.near is None),
        comparisons=comparisons(judged.differences),
        has_rescue=any(row.rescued for row in rows),
        has_artefact=any(row.struck for row in rows),
        has_undecided=NO_MASK in {trust.verdict for trust in judged.trust.values()},
        has_runs_dense=any(row.runs_dense for row in rows),
        has_trainable_harmonic="harmonic" in shown and any(row.runs_dense for row in rows),
        single_seed=single,
    )


def _primary_title(lineup: Lineup) -> tuple[str, str]:
    robust = lineup.robustness
    if robust is None:
        return "clean accuracy, %", "no attack scored"
    return "robust accuracy, %", f"{robust.name}, {robust.budget}"


def _distance_title(lineup: Lineup) -> tuple[str, str]:
    if lineup.near is None or lineup.near.attacks == ("carlini-wagner",):
        return "C&W,", "median ℓ₂"
    names = lineup.near.attacks
    return (f"{attack_name(names[0])}," if len(names) == 1 else f"nearest of{NBSP}{len(names)},"), "median ℓ₂"


def _columns(lineup: Lineup) -> list[str]:
    """The attacks with a column of their own: those behind the worst case, or those beside the one attack."""
    if lineup.attack is None or lineup.robustness is None:
        return []
    names = [lineup.attack[0], *lineup.other_attacks]
    return names[:COLUMNS] if lineup.robustness.several else names[1 : COLUMNS + 1]


def _kept(lineup: Lineup, places: list[int]) -> str:
    """How many weights the target leaves; a range where the groups differ."""
    subjects = [lineup.groups[i].first.subject for i in places]
    prunable = {s.prunable for s in subjects}
    kept = sorted({s.kept for s in subjects})
    if len(prunable) > 1:
        return "target"
    number = count(kept[0]) if len(kept) == 1 else f"{count(kept[0])} to {count(kept[-1])}"
    return f"target; {number} of {count(prunable.pop())} weights kept"


def _row(i: int, judged: Judged, scale: Scale | None) -> Row:
    lineup, group = judged.lineup, judged.lineup.groups[i]
    trust, value = judged.trust[i], judged.primary[i]
    d = judged.differences.get(i)
    gone = trust.verdict == COLLAPSED and lineup.attack is not None
    struck = trust.verdict == ARTEFACT
    primary = (
        Cell(DASH, reason="collapsed: robustness not meaningful") if gone else percent_cell(value, dim=False)
    )
    saving, alert = saving_words(group)
    subject = group.first.subject
    return Row(
        anchor=f"row-{i}",
        name=group.name,
        tag=group.tag,
        mark=group.mark,
        dense=group.dense,
        runs_dense=group.runs_dense,
        says_dense=group.runs_dense and not shows_offset(subject),
        chip="" if trust.verdict in (FINE, NOT_SCORED, NO_MASK) else trust.verdict,
        filled=struck,
        sparsity="" if group.not_made else realised(group.sparsity),
        rescued=f"+{count(subject.rescued)}" if subject.rescued else "",
        clean=percent_cell(clean_accuracy(group)),
        primary=primary,
        struck=struck,
        bold=d is not None and d.word == HIGHER and trust.verdict in (FINE, NOT_SCORED),
        strip=strip_of(i, judged, scale, hidden=gone),
        difference=difference_cell(group, d, gone),
        word="" if d is None or gone else d.word,
        word_tone=_tone(d),
        smallest="" if d is None or d.smallest is None or gone else fixed(100 * d.smallest),
        others=_others(group, lineup),
        distance=distance_cell(group, lineup.near),
        harmonic=harmonic_cell(group),
        stored=stored_cell(group),
        macs=macs_cell(group),
        saving=saving,
        saving_alert=alert,
        not_made=group.not_made,
    )  # fmt: skip


def _others(group: Group, lineup: Lineup) -> tuple[Cell, ...]:
    """Robust accuracy under each attack with a column, at the budget of the table."""
    if lineup.attack is None:
        return ()
    eps = lineup.attack[1]
    return tuple(
        percent_cell(estimate(group, name, "robust_accuracy", at=eps), dim=False) for name in _columns(lineup)
    )


def _tone(d: Difference | None) -> str:
    if d is None or d.value is None:
        return "dim"
    return {HIGHER: "strong", LOWER: "strong", NOT_RANKED: "alert"}.get(d.word, "dim")
