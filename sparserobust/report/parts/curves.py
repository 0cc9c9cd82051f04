"""The curves of attacks: accuracy against the budget, success against the distance."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.attacks import NORM_SIGNS, WorstCase
from sparserobust.report.figures import distance, eps
from sparserobust.report.groups import Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import listed
from sparserobust.report.parts.panels import Grid, by_method, places
from sparserobust.report.readings import attack_name
from sparserobust.report.trust import ARTEFACT, COLLAPSED, DIVERGED


@dataclass(frozen=True)
class Curves:
    """A section of grids, one for each attack or worst case; `facts` are sentences that depend on the records.

    Attributes:
        name: of the attack or worst case; `budget`: the sign of what it is drawn over.
    """

    grids: tuple[Grid, ...]
    facts: tuple[str, ...]
    name: str
    budget: str = "ε"


def against_eps(found: Judged) -> Curves | None:
    """Accuracy against the budget: the worst of all attacks for each image, then the attack that leads alone."""
    robust, attack = found.lineup.robustness, found.lineup.attack
    if robust is None or attack is None:
        return None
    name = attack_name(attack[0])
    grids = []
    if robust.several:
        about = f"{robust.worst.members}: an image counts as broken from the first budget on at which any broke it."
        title = f"{robust.name[:1].upper()}{robust.name[1:]}"
        worst = eps.worst_curve(robust.worst)
        grids.append(_grid(found, "worst", worst, None, title, about))
    cumulative, raw = eps.cumulative_curve(attack[0]), eps.raw_curve(attack[0])
    heading = f"{name} alone" if robust.several else ""
    rises = any(_rises(cumulative(g), raw(g)) for g in found.lineup.groups)
    about = (
        "Thin: as measured. A larger step that breaks less is no robustness, so the line is the worst so far."
    )
    grids.append(_grid(found, "eps", cumulative, raw, heading, about if rises else ""))
    kept = [grid for grid in grids if grid.panels]
    over = "over seeds (Student’s t)" if found.lineup.seeds > 1 else "over images (Wilson)"
    facts = [f"Bands are pointwise 95 % intervals {over}.", *_left_out(robust.worst)]
    return Curves(tuple(kept), tuple(facts), robust.name, robust.budget.split()[0]) if kept else None


def _rises(cumulative: eps.Points, raw: eps.Points) -> bool:
    return [e.value for _, e in cumulative] != [e.value for _, e in raw]


def _grid(
    found: Judged, kind: str, curve: eps.Curve, beside: eps.Curve | None, heading: str, about: str
) -> Grid:
    """A panel per method, all over the same budgets."""
    lineup = found.lineup
    assert lineup.robustness is not None
    suspicious, collapsed = places(found, ARTEFACT, DIVERGED), places(found, COLLAPSED)
    drawn = [g for i, g in enumerate(lineup.groups) if i not in collapsed | suspicious]
    chance = max(run.data.majority_share for run in lineup.runs)
    end = eps.reach(drawn, curve, lineup.robustness.eps, chance)
    panels = by_method(
        found,
        kind,
        lambda ax, own: eps.draw(
            ax, lineup, own, curve, beside=beside, end=end, suspicious=suspicious, collapsed=collapsed
        ),
        lambda g: len(curve(g)) > 1,
        aside="accuracy, %",
        title=f"accuracy in percent against the budget {lineup.robustness.budget.split()[0]}, dense dashed",
    )
    return Grid(panels, heading, about)


def against_distance(found: Judged) -> Curves | None:
    """Success against the l2 distance of the nearest image that any attack found, a panel per method."""
    lineup = found.lineup
    worst = lineup.worst("l2")
    if worst is None or not _has_distances(lineup, worst):
        return None
    suspicious, collapsed = places(found, ARTEFACT, DIVERGED), places(found, COLLAPSED)
    end = distance.reach([g for i, g in enumerate(lineup.groups) if i not in collapsed], worst)
    if end is None:
        return None
    panels = by_method(
        found,
        "l2-",
        lambda ax, own: distance.draw(
            ax, lineup, own, worst, end=end, suspicious=suspicious, collapsed=collapsed
        ),
        lambda g: any(distance.distances(run, worst) is not None for run in g.runs),
        aside="examples broken, %",
        title="share of correct images broken within an l2 distance, dense dashed",
    )
    if lineup.seeds > 1:
        fact = "Mean over seeds; bands are pointwise 95 % intervals over seeds (Student’s t)."
    else:
        fact = "Bands hold for the whole curve at once (simultaneous 95 %, DKW)."
    name = worst.name if len(worst.attacks) == 1 else f"the {worst.name}"
    return Curves((Grid(panels),), (fact, *_left_out(worst)), name) if panels else None


def _has_distances(lineup: Lineup, worst: WorstCase) -> bool:
    """Whether one of the attacks looks for the nearest image; those of fixed budgets alone make steps."""
    return any(
        "distance" in run.outcomes[name].per_example
        for run in lineup.runs
        for name in worst.attacks
        if name in run.outcomes
    )


def _left_out(worst: WorstCase) -> list[str]:
    """What is not part of the worst case, so that all networks have met the same attacks."""
    if not worst.left_out:
        return []
    names = listed([attack_name(name) for name in worst.left_out])
    sign = NORM_SIGNS.get(worst.norm, "")
    return [f"Left out in {sign}, because some network lacks it: {names}."]
