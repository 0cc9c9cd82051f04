"""Which columns the main table has, and what stands at their heads."""

from __future__ import annotations

from sparserobust.analysis.attacks import measures_distance
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Lineup
from sparserobust.analysis.readings import measured
from sparserobust.report.text.attacks import attack_name, robust_budget, robust_name
from sparserobust.report.text.numbers import NBSP, count

COLUMNS = 2  # attacks with a column of their own; the others stand in a table of attacks
ABSENT = {
    "budget": "attack within a budget",
    "distance": "minimum-norm attack",
    "stored": "bytes",
    "macs": "multiply-adds",
}
"""What a note says was not run, by column."""


def has_column(column: str, lineup: Lineup) -> bool:
    """Whether there is anything to show in a column."""
    if column == "budget":
        return lineup.attack is not None
    if column == "distance":
        return any(
            o.status == "ok" and measures_distance(o) for run in lineup.runs for o in run.outcomes.values()
        )
    score = {"stored": "best_bytes", "macs": "executed_macs"}[column]
    return any(measured(run, score) for run in lineup.runs)


def shown_columns(found: Findings) -> set[str]:
    """The optional columns."""
    lineup = found.lineup
    shown = {column for column in ("stored", "macs") if has_column(column, lineup)}
    if lineup.near is not None:
        shown.add("distance")
    if lineup.sparse and all(
        any(measured(run, score) for run in lineup.runs) for score in ("zero_fraction", "top1")
    ):
        shown.add("harmonic")
    if lineup.attack is not None:
        shown.add("clean")
    if lineup.sparse:
        shown.add("difference")
    if any(d.smallest is not None for d in found.differences.values()) and not attack_columns(lineup):
        shown.add("smallest")
    return shown


def attack_head(attack: str, lineup: Lineup) -> str:
    """The attack's name, without the norm that the head of the robust accuracy says."""
    norm = lineup.robustness.norm if lineup.robustness is not None else None
    return attack_name(attack, lineup, norm=norm)


def primary_title(lineup: Lineup) -> tuple[str, str]:
    """What the interval in the row shows: ("robust accuracy, %", "FGSM, ε = 0.1")."""
    robust = lineup.robustness
    if robust is None:
        return "clean accuracy, %", "no attack scored"
    return "robust accuracy, %", f"{robust_name(robust, lineup)}, {robust_budget(robust)}"


def distance_title(lineup: Lineup) -> tuple[str, str]:
    """The attack behind the median distance, or how many."""
    names = lineup.near.attacks if lineup.near is not None else ()
    if len(names) == 1:
        return f"{attack_name(names[0], lineup, norm='l2')},", "median ℓ₂"
    return f"nearest of{NBSP}{len(names)},", "median ℓ₂"


def attack_columns(lineup: Lineup) -> list[str]:
    """The attacks with a column of their own: those behind the worst case, or those beside the one attack."""
    if lineup.attack is None or lineup.robustness is None:
        return []
    names = [lineup.attack[0], *lineup.other_attacks]
    return names[:COLUMNS] if lineup.robustness.several else names[1 : COLUMNS + 1]


def kept_text(lineup: Lineup, places: list[int]) -> str:
    """How many weights the target leaves; a range where the groups differ."""
    subjects = [lineup.groups[i].first.subject for i in places]
    prunable = {s.prunable for s in subjects}
    kept = sorted({s.kept for s in subjects})
    if len(prunable) > 1:
        return "target"
    number = count(kept[0]) if len(kept) == 1 else f"{count(kept[0])} to {count(kept[-1])}"
    which = "prunable weights" if any(s.outside for s in subjects) else "weights"
    return f"target; {number} of {count(prunable.pop())} {which} kept"
