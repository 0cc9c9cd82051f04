"""What a reader should know of a row, gathered from the records of its seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sparserobust.analysis.attacks import is_attack, is_audit
from sparserobust.analysis.checks import Evidence
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import could_not_choose, diverged, is_made
from sparserobust.analysis.training import undertrained
from sparserobust.one_line import OneLine
from sparserobust.records import Remark, Run, remark

Noted = Iterable[tuple[Remark, str]]
"""(what, title of the evaluator that said it, "" where it is no evaluator's)."""


@dataclass(frozen=True, repr=False)
class Concern(OneLine):
    """Something a reader should know of a row.

    Attributes:
        remark: what.
        seeds: those it is true of, nothing where it is true of all.
        evidence: the check behind it, None where it is from the records themselves.
        source: title of the evaluator that said it, "" where it is no evaluator's.
    """

    remark: Remark
    seeds: tuple[int | None, ...] = ()
    evidence: Evidence | None = None
    source: str = ""


def of_checks(evidence: Iterable[Evidence], *, doubting: bool) -> list[Concern]:
    """What the checks say, worst first: what speaks against the number, or (`doubting` False) what does not."""
    ordered = sorted(evidence, key=lambda e: -e.level)
    return [Concern(e.why, evidence=e) for e in ordered if e.why and bool(e.level) is doubting]


def other_sparsity(group: Group) -> list[Concern]:
    """That it is not at the sparsity that was asked for: by 5 % of what it was to keep, or more."""
    if abs(group.sparsity - group.target) < 0.05 * (1 - group.target):
        return []
    subject = group.first.subject
    facts = {"sparsity": group.sparsity, "target": group.target, "method": subject.method}
    return [Concern(remark("other-sparsity", **facts))]


def not_made(group: Group) -> list[Concern]:
    """Why there is no network."""
    return _gathered(group, lambda run: [(run.subject.not_made, "")] if run.subject.not_made else [])


def undecided(group: Group) -> list[Concern]:
    """Why a method could not choose, of those seeds alone."""
    return _gathered(
        group,
        lambda run: [(run.subject.not_made, "")] if could_not_choose(run) and run.subject.not_made else [],
    )


def left_out(group: Group) -> list[Concern]:
    """Seeds whose method could not choose, which the means leave out."""
    return [
        Concern(remark("left-out-seeds", reason=own.remark.model_dump(mode="json"), seeds=list(own.seeds)))
        for own in undecided(group)
    ]


def failures(group: Group) -> list[Concern]:
    """Outcomes that failed with the error, and networks that could not be made for one."""
    return _gathered(group, _failures)


def _failures(run: Run) -> Noted:
    if not is_made(run):
        return [] if could_not_choose(run) or not run.subject.not_made else [(run.subject.not_made, "")]
    return [(o.reason, o.title) for o in run.outcomes.values() if o.status == "failed" and o.reason]


def warnings(group: Group, lineup: Lineup) -> list[Concern]:
    """What the records themselves warn of, a training that diverged among it.

    Attacks with no part in the number of the table warn in the section of attacks.
    """
    behind = lineup.robustness.worst.attacks if lineup.robustness is not None else ()
    return _gathered(group, lambda run: _warnings(run, behind))


def _warnings(run: Run, behind: Sequence[str]) -> Noted:
    if diverged(run):
        yield remark("training-diverged"), ""
    for name, o in run.outcomes.items():
        if not is_audit(o) and (name in behind or not is_attack(o)):
            yield from ((warning, o.title) for warning in o.warnings)
    yield from ((warning, "") for warning in run.subject.warnings)


def notes(group: Group) -> list[Concern]:
    """How the networks were made, where that is no reason for doubt."""
    return _gathered(group, _notes)


def _notes(run: Run) -> Noted:
    """What its images are normalised by where it was not trained here, and how its weights were read."""
    own = run.subject.normalization
    if own is not None and run.subject.training in ("unknown", "elsewhere"):
        yield remark("normalized", mean=list(own.mean), std=list(own.std)), ""
    yield from ((note, "") for note in run.subject.notes)


def other_constants(group: Group) -> list[Concern]:
    """That networks which no method made and somebody trained may want other images, or have other classes."""
    theirs = all(
        run.subject.method is None and run.subject.training in ("unknown", "elsewhere") for run in group.runs
    )
    return [Concern(remark("other-constants-or-classes"))] if theirs else []


def short_training(group: Group) -> list[Concern]:
    """That it has learnt little, and that it was not trained as long as the dense network beside it."""
    beside = {id(run): dense for run, dense in zip(group.runs, group.references, strict=False)}
    return _gathered(group, lambda run: _short_training(run, beside.get(id(run))))


def _short_training(run: Run, dense: Run | None) -> Noted:
    if (short := undertrained(run)) is not None:
        yield short, ""
    if dense is None or run.history is None or dense.history is None:
        return
    ours, theirs = len(run.history.epochs), len(dense.history.epochs)
    if ours != theirs and not diverged(run) and not diverged(dense):
        yield remark("other-epochs", epochs=ours, dense=theirs), ""


def _gathered(group: Group, of_run: Callable[[Run], Noted]) -> list[Concern]:
    """Each remark once, with the seeds where it is not true of all."""
    found: dict[tuple[Remark, str], list[int | None]] = {}
    for run in group.runs:
        for own in dict.fromkeys(of_run(run)):
            found.setdefault(own, []).append(run.subject.seed)
    everyone = len(group.runs)
    return [
        Concern(what, () if len(seeds) == everyone else tuple(seeds), source=source)
        for (what, source), seeds in found.items()
    ]
