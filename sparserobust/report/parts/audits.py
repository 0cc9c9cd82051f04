"""The audit of gradient masking: a badge for every network, the three gaps, and the probes behind them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sparserobust.records import Run
from sparserobust.report import audit
from sparserobust.report.attacks import Robustness
from sparserobust.report.cells import Cell, percent_cell
from sparserobust.report.estimates import RowEstimate, estimate, estimate_by
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.marks import Mark
from sparserobust.report.numbers import DASH, listed, percent, points, signed_bracket, significant, target
from sparserobust.report.readings import AUDIT, attack_name, ok

LEVELS = {audit.SUPPORTED: 0, audit.UPPER_BOUND: 1, audit.NOT_AUDITABLE: 1, audit.PROVEN: 2}
GAPS = ("masking_gap", "attack_slack", "residual_gap")
STATES = {"fail": 2, "warn": 1}
SUPPORTED_GAP = 0.02  # what the audit itself lets pass, where a gap has no interval


@dataclass(frozen=True)
class Word:
    """A badge: the state in words, with how many seeds share it where there are several."""

    text: str
    level: int


@dataclass(frozen=True)
class Gaps:
    """Where the four robust accuracies lie, in percent from the left: audited, gradient, repaired, reported.

    `sure` says of residual gap, slack and masking gap whether it speaks against the number.
    """

    places: tuple[float, float, float, float]
    sure: tuple[bool, bool, bool]

    @property
    def parts(self) -> tuple[tuple[str, float, float], ...]:
        """(how it is drawn, from, width) of the three gaps between them, none narrower than nothing."""
        kinds = ["sure" if sure else "slack" for sure in self.sure]
        ends = zip(self.places, self.places[1:], strict=False)
        return tuple((kind, low, max(0.0, high - low)) for kind, (low, high) in zip(kinds, ends, strict=True))


@dataclass(frozen=True)
class AuditRow:
    """One network: its badges, accuracies and gaps."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    words: tuple[Word, ...]
    reported: Cell
    audited: Cell
    gaps: tuple[Cell, ...]
    strip: Gaps | None
    first: bool


@dataclass(frozen=True)
class Probes:
    """The probes of one network, and what the audit says of it; `counts` how many passed, warned and failed."""

    who: str
    sentence: str
    counts: str
    alert: bool
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, int], ...], ...]


@dataclass(frozen=True)
class Audits:
    """The part.

    Attributes:
        eps: the budget that its numbers are at, None where only words are known.
        attack: whose numbers were audited.
        said: (networks that the audit does not support, its sentence about them).
        lower: sentences about networks of which the run's worst case leaves less than the audit.
    """

    eps: float | None
    attack: str
    rows: tuple[AuditRow, ...]
    said: tuple[tuple[str, str], ...]
    lower: tuple[str, ...]
    probes: tuple[Probes, ...]


def audits(found: Judged) -> Audits | None:
    """The part, None where no network was audited."""
    lineup = found.lineup
    if not audit.states(lineup.runs):
        return None
    eps = audit.budget(lineup.runs, lineup.robustness)
    rows, last = [], None
    for group in lineup.groups:
        if group.not_made:
            continue
        sparsity = "" if group.dense else target(group.target)
        rows.append(_row(group, sparsity, eps, first=last is not None and sparsity != last))
        last = sparsity
    probes = [own for group in lineup.groups if (own := _probes(group)) is not None]
    lower = [text for group in lineup.groups if (text := _lower(group, lineup, eps))]
    return Audits(eps, _audited(lineup), tuple(rows), _said(lineup), tuple(lower), tuple(probes))


def _audited(lineup: Lineup) -> str:
    """The attack whose numbers were audited, "" where the records disagree or do not say."""
    named = {str(o.settings.get("attack", "")) for run in lineup.runs if (o := ok(run, AUDIT)) is not None}
    return attack_name(named.pop()) if len(named) == 1 else ""


def _said(lineup: Lineup) -> tuple[tuple[str, str], ...]:
    """What the audit says of the worst run of each group it does not support, those with one sentence together."""
    found: dict[str, list[str]] = {}
    for group in lineup.groups:
        worst = audit.worst(group.runs)
        if worst is not None and worst[2] and worst[1] != audit.SUPPORTED:
            found.setdefault(_sentence(worst[2]), []).append(_who(group, worst[0]))
    return tuple((listed(who), text) for text, who in found.items())


def _lower(group: Group, lineup: Lineup, eps: float | None) -> str:
    """ "SNIP 0.9: the audit’s best attack leaves 41.3 %, the worst of FGSM and PGD 39.3 %", "" where it is not less."""
    worst = lineup.worst("linf")
    if eps is None or worst is None or group.not_made:
        return ""
    left = _at(group, "audited_robust_accuracy", eps).value
    own = estimate_by(group, Robustness(worst, eps).reading).value
    if left is None or own is None or own >= left:
        return ""
    best = f"the audit’s best attack leaves {percent(left)} %, {worst.name} in this run {percent(own)} %"
    return f"{group.title}, ε = {eps:g}: {best}"


def _row(group: Group, sparsity: str, eps: float | None, *, first: bool) -> AuditRow:
    told = Counter(word for _, word, _ in audit.states(group.runs))
    many = len(group.runs) > 1
    words = [
        Word(f"{word} ×{told[word]}" if many else word, LEVELS[word]) for word in audit.STATES if told[word]
    ]
    blank = Cell(DASH, reason="not audited")
    doubted = set(told) != {audit.SUPPORTED}
    gaps = tuple(blank if eps is None else _gap(group, name, eps, doubted=doubted) for name in GAPS)
    return AuditRow(
        name=group.name,
        tag=group.tag,
        mark=group.mark,
        sparsity=sparsity,
        words=tuple(words) or (Word("not audited", 0),),
        reported=blank
        if eps is None
        else percent_cell(_at(group, "reported_robust_accuracy", eps), dim=False),
        audited=blank if eps is None else percent_cell(_at(group, "audited_robust_accuracy", eps)),
        gaps=gaps,
        strip=None if eps is None else _strip(group, eps, gaps),
        first=first,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _at(group: Group, score: str, eps: float) -> RowEstimate:
    return estimate(group, AUDIT, score, at=eps)


def _gap(group: Group, name: str, eps: float, *, doubted: bool) -> Cell:
    """A gap in points; in red where the audit doubts the network and the gap counts. Slack speaks against none."""
    e = _at(group, name, eps)
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    interval = signed_bracket(e.low, e.high) if e.low is not None and e.high is not None else ""
    counts = e.low > 0 if e.low is not None else e.value > SUPPORTED_GAP
    return Cell(points(e.value), interval, alert=doubted and counts and name != "attack_slack")


def _strip(group: Group, eps: float, gaps: tuple[Cell, ...]) -> Gaps | None:
    kinds = ("audited", "gradient", "repaired", "reported")
    values = [_at(group, f"{kind}_robust_accuracy", eps).value for kind in kinds]
    known = [round(100 * min(1.0, max(0.0, v)), 2) for v in values if v is not None]
    if len(known) < len(kinds):
        return None
    masking, slack, residual = (cell.alert for cell in gaps)
    return Gaps((known[0], known[1], known[2], known[3]), (residual, slack, masking))


def _probes(group: Group) -> Probes | None:
    """The probes of the run with the worst state; the first of several."""
    worst = audit.worst(group.runs)
    outcome = ok(worst[0], AUDIT) if worst is not None else None
    table = outcome.tables.get("probes") if outcome is not None else None
    if worst is None or table is None or not table.rows or "state" not in table.columns:
        return None
    states = Counter(str(state) for state in table.column("state"))
    counts = ", ".join(f"{states[s]} {s}" for s in ("pass", "warn", "fail", "not run") if states[s])
    return Probes(
        who=_who(group, worst[0]),
        sentence=_sentence(worst[2]),
        counts=counts,
        alert=bool(states["fail"] or states["warn"]),
        columns=table.columns,
        rows=tuple(
            tuple(
                (_text(value, dense=group.dense), STATES.get(str(value), 0) if column == "state" else 0)
                for column, value in zip(table.columns, row, strict=True)
            )
            for row in table.rows
        ),
    )


def _who(group: Group, run: Run) -> str:
    return group.title if len(group.runs) == 1 else f"{group.title}, seed {run.subject.seed}"


def _text(value: str | float | None, *, dense: bool) -> str:
    """A cell of the probes; the dense network itself lacks no dense model."""
    if isinstance(value, str):
        return value.replace("no dense model was given", "this is the dense network") if dense else value
    return DASH if value is None else significant(value, 4)
