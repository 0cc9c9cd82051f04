"""The audit of gradient masking: a badge for every network, the three gaps, and the probes behind them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sparserobust.analysis import audits
from sparserobust.analysis.attacks import AUDITED
from sparserobust.analysis.audits import Audited
from sparserobust.analysis.estimates import RowEstimate, estimate, estimate_by
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.worst_case import Robustness
from sparserobust.records import AuditState, Norm
from sparserobust.report.sections.probes import COLUMNS, STATES, Text, probe_rows
from sparserobust.report.table.cells import Cell, percent_cell, points_cell
from sparserobust.report.table.plain import Head, heads
from sparserobust.report.text.attacks import budget_text, worst_name
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import DASH, listed, percent
from sparserobust.report.text.remarks import capital
from sparserobust.report.text.trust import AUDIT_STATES, audit_sentence

LEVELS: dict[AuditState, int] = {
    "supported": 0,
    "upper-bound": 1,
    "not-auditable": 1,
    "artefact-proven": 2,
}
KINDS = ("audited", "gradient", "repaired", "reported")
STRONGER = "attack_slack"
"""The gap to a stronger gradient attack, which healthy networks have too."""
GAPS = ("masking_gap", STRONGER, "residual_gap")
SCORES = frozenset({*(f"{kind}_robust_accuracy" for kind in KINDS), *GAPS, "artefact_share"})
"""The scores that stand here; the share of the artefact is what the gaps say in points."""
SUPPORTED_GAP = 0.02  # what the audit itself lets pass, where a gap has no interval


@dataclass(frozen=True)
class Word:
    """A badge: the state in words, with how many seeds share it where there are several."""

    text: str
    level: int
    fine: bool = False


@dataclass(frozen=True)
class Gaps:
    """Where the four robust accuracies lie, in percent from the left: audited, gradient, repaired, reported.

    `sure` says of the gap to a gradient-free attack, that to a stronger gradient attack and the masking gap whether it
    speaks against the number.
    """

    places: tuple[float, float, float, float]
    sure: tuple[bool, bool, bool]

    @property
    def parts(self) -> tuple[tuple[str, float, float], ...]:
        """(how it is drawn, from, width) of the three gaps between them, none narrower than nothing."""
        kinds = ["sure" if sure else "open" for sure in self.sure]
        ends = zip(self.places, self.places[1:], strict=False)
        return tuple((kind, low, max(0.0, high - low)) for kind, (low, high) in zip(kinds, ends, strict=True))


@dataclass(frozen=True)
class AuditRow(Head):
    """One network: its badges, accuracies and gaps."""

    words: tuple[Word, ...]
    reported: Cell
    audited: Cell
    gaps: tuple[Cell, ...]
    strip: Gaps | None


@dataclass(frozen=True)
class Probes:
    """The probes of one network, and what the audit says of it; `counts` how many passed, warned and failed."""

    who: str
    sentence: str
    counts: str
    alert: bool
    columns: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True)
class Audits:
    """The part.

    Attributes:
        budget: that its numbers are at, "" where only words are known.
        attack: whose numbers were audited.
        said: (networks that the audit does not support, its sentence about them).
        lower: sentences about networks of which the run's worst case leaves less than the audit.
    """

    budget: str
    attack: str
    rows: tuple[AuditRow, ...]
    said: tuple[tuple[str, str], ...]
    lower: tuple[str, ...]
    probes: tuple[Probes, ...]


def audit_part(found: Findings) -> Audits | None:
    """The part, None where no network was audited."""
    lineup = found.lineup
    if not audits.all_audited(lineup.runs):
        return None
    eps, norm = audits.budget(lineup.runs, lineup.robustness), _norm(lineup)
    made = [group for group in lineup.groups if group.made]
    rows = [_row(head, group, eps) for head, group in zip(heads(made), made, strict=True)]
    probes = [own for group in lineup.groups if (own := _probes(group)) is not None]
    lower = [text for group in lineup.groups if (text := _lower(group, lineup, norm, eps))]
    budget = "" if eps is None else budget_text(norm, eps)
    return Audits(budget, _attack(lineup), tuple(rows), _said(lineup), tuple(lower), tuple(probes))


def _norm(lineup: Lineup) -> Norm | None:
    """The norm in which everything was audited, None where there are several."""
    norms = audits.norms(lineup.runs)
    return next(iter(norms)) if len(norms) == 1 else None


def _attack(lineup: Lineup) -> str:
    """The attack whose numbers were audited, "" where the records disagree or do not say."""
    facts = [f.outcome.audit for f in audits.all_audited(lineup.runs) if f.outcome.status == "ok"]
    named = {own.attack for own in facts if own is not None}
    return named.pop() if len(named) == 1 else ""


def _said(lineup: Lineup) -> tuple[tuple[str, str], ...]:
    """What the audit says of the worst run of each group it does not support, those with one sentence together."""
    found: dict[str, list[str]] = {}
    for group in lineup.groups:
        worst = audits.worst(group.runs)
        if worst is not None and worst.state != "supported" and (text := _sentence(worst)):
            found.setdefault(text, []).append(_who(group, worst))
    return tuple((listed(who), text) for text, who in found.items())


def _lower(group: Group, lineup: Lineup, norm: Norm | None, eps: float | None) -> str:
    """ "SNIP 0.9: the audit’s best attack leaves 41.3 %, the worst of FGSM and PGD 39.3 %", "" where it is not less."""
    worst = lineup.worst(norm) if norm is not None else None
    if eps is None or worst is None or not group.made:
        return ""
    left = _at(group, AUDITED, eps).value
    own = estimate_by(group, Robustness(worst, eps).reading).value
    if left is None or own is None or own >= left:
        return ""
    ours = f"{worst_name(worst, lineup)} in this run {percent(own)} %"
    best = f"the audit’s best attack leaves {percent(left)} %, {ours}"
    return f"{row_title(group)}, {budget_text(norm, eps)}: {best}"


def _row(head: Head, group: Group, eps: float | None) -> AuditRow:
    counts = dict(audits.counted(group.runs))
    many = len(group.runs) > 1
    words = [
        Word(
            f"{AUDIT_STATES[state]} ×{n}" if many else AUDIT_STATES[state],
            LEVELS[state],
            fine=state == "supported",
        )
        for state, n in counts.items()
    ]
    blank = Cell(DASH, reason="not audited")
    doubted = set(counts) != {"supported"}
    gaps = tuple(blank if eps is None else _gap(group, name, eps, doubted=doubted) for name in GAPS)
    return AuditRow(
        **vars(head),
        words=tuple(words) or (Word("not audited", 0),),
        reported=blank if eps is None else percent_cell(_left(group, "reported", eps), dim=False),
        audited=blank if eps is None else percent_cell(_left(group, "audited", eps)),
        gaps=gaps,
        strip=None if eps is None else _strip(group, eps, gaps),
    )


def _sentence(found: Audited) -> str:
    text = audit_sentence(found)
    return f"{capital(text)}." if text else ""


def _at(group: Group, score: str, eps: float) -> RowEstimate:
    return estimate(group, score, at=eps)


def _left(group: Group, kind: str, eps: float) -> RowEstimate:
    return _at(group, f"{kind}_robust_accuracy", eps)


def _gap(group: Group, name: str, eps: float, *, doubted: bool) -> Cell:
    """A gap in points; in red where the audit doubts the network and the gap speaks against the number.

    That to a stronger gradient attack never does.
    """
    e = _at(group, name, eps)
    if e.value is None:
        return points_cell(e)
    counts = e.low > 0 if e.low is not None else e.value > SUPPORTED_GAP
    return points_cell(e, alert=doubted and counts and name != STRONGER)


def _strip(group: Group, eps: float, gaps: tuple[Cell, ...]) -> Gaps | None:
    values = [_left(group, kind, eps).value for kind in KINDS]
    known = [round(100 * min(1.0, max(0.0, v)), 2) for v in values if v is not None]
    if len(known) < len(KINDS):
        return None
    masking, stronger, gradient_free = (cell.alert for cell in gaps)
    return Gaps((known[0], known[1], known[2], known[3]), (gradient_free, stronger, masking))


def _probes(group: Group) -> Probes | None:
    """The probes of the run with the worst state; the first of several."""
    worst = audits.worst(group.runs)
    table = worst.outcome.tables.get("probes") if worst is not None else None
    if worst is None or table is None or not table.rows or "state" not in table.columns:
        return None
    states = Counter(str(state) for state in table.column("state"))
    return Probes(
        who=_who(group, worst),
        sentence=_sentence(worst),
        counts=", ".join(f"{states[state]} {word}" for state, word in STATES.items() if states[state]),
        alert=bool(states["fail"] or states["warn"]),
        columns=COLUMNS,
        rows=probe_rows(table, dense=group.dense),
    )


def _who(group: Group, found: Audited) -> str:
    if len(group.runs) == 1:
        return row_title(group)
    return f"{row_title(group)}, seed {found.run.subject.seed}"
