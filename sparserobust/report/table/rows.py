"""The main table: records in, frozen rows of text and strips out. The template only places them."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.analysis.attacks import ROBUST
from sparserobust.analysis.differences import Difference, comparisons
from sparserobust.analysis.estimates import clean_accuracy, estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.trust import GONE, State
from sparserobust.report.look.marks import Mark, mark
from sparserobust.report.table.cells import (
    Cell,
    difference_cell,
    distance_cell,
    harmonic_cell,
    macs_cell,
    not_made_text,
    percent_cell,
    saving_words,
    stored_cell,
)
from sparserobust.report.table.columns import (
    ABSENT,
    attack_columns,
    attack_head,
    distance_title,
    has_column,
    kept_text,
    primary_title,
    shown_columns,
)
from sparserobust.report.table.row_strip import ranked_ends, strip_of
from sparserobust.report.table.strip import Scale, Strip, scale_over
from sparserobust.report.text.differences import result_text
from sparserobust.report.text.names import row_name, row_tag, shows_offset
from sparserobust.report.text.numbers import DASH, count, fixed, realised
from sparserobust.report.text.share import share_lines
from sparserobust.report.text.trust import STATES

QUIET: tuple[State, ...] = ("no-red-flag", "not-scored", "cannot-choose")
"""States that need no chip beside the name."""


@dataclass(frozen=True)
class Row:
    """One row of the main table.

    Attributes:
        says_dense: whether "dense at inference" stands beside a name that does not show its offset.
        not_made: stands in place of the numbers where there is no network.
    """

    anchor: str
    name: str
    tag: str
    mark: Mark
    dense: bool
    dense_at_inference: bool
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
        absent: what was not run, so that its column is left out.
        shares: of which weights the sparsities are, where that is not all.
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
    has_dense_at_inference: bool
    has_trainable_harmonic: bool
    single_seed: bool
    shares: tuple[str, ...]


def main_table(found: Findings) -> MainTable:
    """Every row, grouped by target sparsity, dense first."""
    lineup = found.lineup
    scale = scale_over(ranked_ends(found))
    rows = [_row(i, found, scale) for i in range(len(lineup.groups))]
    sections = [Section("", "", tuple(row for row in rows if row.dense))] if lineup.dense else []
    for sparsity in lineup.sparsities:
        own = [i for i, group in enumerate(lineup.groups) if not group.dense and group.target == sparsity]
        sections.append(
            Section(f"Sparsity {sparsity:g}", kept_text(lineup, own), tuple(rows[i] for i in own))
        )
    shown = shown_columns(found)
    single = all(len(group.runs) == 1 for group in lineup.groups)
    return MainTable(
        primary=primary_title(lineup),
        pairing="paired by image, 95 %" if single else "paired by seed, 95 %",
        scale=scale,
        others=tuple(attack_head(name, lineup) for name in attack_columns(lineup)),
        distance=distance_title(lineup),
        sections=tuple(sections),
        shown=frozenset(shown),
        absent=tuple(ABSENT[column] for column in ABSENT if not has_column(column, lineup)),
        comparisons=comparisons(dict(found.differences)),
        has_rescue=any(row.rescued for row in rows),
        has_artefact=any(row.struck for row in rows),
        has_undecided="cannot-choose" in {trust.state for trust in found.trust.values()},
        has_dense_at_inference=any(row.dense_at_inference for row in rows),
        has_trainable_harmonic="harmonic" in shown and any(row.dense_at_inference for row in rows),
        single_seed=single,
        shares=tuple(share_lines(lineup.groups)),
    )


def _row(i: int, found: Findings, scale: Scale | None) -> Row:
    lineup, group = found.lineup, found.lineup.groups[i]
    trust, value = found.trust[i], found.primary.values[i]
    d = found.differences.get(i)
    gone = trust.state in GONE and lineup.attack is not None
    struck = trust.state == "artefact"
    primary = Cell(DASH, reason=_gone_text(trust.state)) if gone else percent_cell(value, dim=False)
    saving, alert = saving_words(group)
    subject = group.first.subject
    return Row(
        anchor=f"row-{i}",
        name=row_name(group),
        tag=row_tag(group),
        mark=mark(group),
        dense=group.dense,
        dense_at_inference=group.dense_at_inference,
        says_dense=group.dense_at_inference and not shows_offset(subject),
        chip="" if trust.state in QUIET else STATES[trust.state],
        filled=struck,
        sparsity=sparsity_text(group),
        rescued=f"+{count(subject.rescued)}" if subject.rescued else "",
        clean=percent_cell(clean_accuracy(group)),
        primary=primary,
        struck=struck,
        bold=d is not None and d.result == "higher" and trust.reliable,
        strip=strip_of(i, found, scale, hidden=gone),
        difference=difference_cell(group, d, gone=gone),
        word="" if d is None or gone else result_text(d),
        word_tone=_tone(d),
        smallest="" if d is None or d.smallest is None or gone else fixed(100 * d.smallest),
        others=_others(group, lineup),
        distance=distance_cell(group, lineup.near),
        harmonic=harmonic_cell(group),
        stored=stored_cell(group),
        macs=macs_cell(group),
        saving=saving,
        saving_alert=alert,
        not_made=not_made_text(group),
    )  # fmt: skip


def sparsity_text(group: Group) -> str:
    """The realised sparsity, a dash where it is not known which weights can be sparse, "" without a network."""
    if not group.made:
        return ""
    return DASH if group.first.subject.untraced is not None else realised(group.sparsity)


def _gone_text(state: State) -> str:
    return f"{STATES[state]}: robustness not meaningful"


def _others(group: Group, lineup: Lineup) -> tuple[Cell, ...]:
    """Robust accuracy under each attack with a column, at the budget of the table."""
    if lineup.attack is None:
        return ()
    eps = lineup.attack[1]
    return tuple(
        percent_cell(estimate(group, ROBUST, evaluator=name, at=eps), dim=False)
        for name in attack_columns(lineup)
    )


def _tone(d: Difference | None) -> str:
    if d is None or d.value is None:
        return "dim"
    return {"higher": "strong", "lower": "strong", "not-ranked": "alert"}.get(d.result, "dim")
