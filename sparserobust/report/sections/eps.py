"""Accuracy against the budget: the worst of all attacks for each image, and the attack that leads alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.curves import Curve, cumulative_curve, raw_curve, rises, worst_curve
from sparserobust.analysis.findings import Findings
from sparserobust.report.figures import eps
from sparserobust.report.figures.panels import Grid, by_method, places
from sparserobust.report.sections.section import Section
from sparserobust.report.text.attacks import (
    attack_name,
    budget_sign,
    left_out,
    members,
    robust_name,
)
from sparserobust.report.text.remarks import capital


@dataclass(frozen=True)
class AgainstEps:
    """A grid for the worst case and one for the attack that leads.

    Attributes:
        facts: sentences that depend on the records.
        budget: the sign of what it is drawn over.
    """

    grids: tuple[Grid, ...]
    facts: tuple[str, ...]
    budget: str


class EpsSection(Section):
    """Accuracy against the budget."""

    id: ClassVar[str] = "eps"
    title: ClassVar[str] = "Against the budget"
    place: ClassVar[float] = 50

    def build(self, findings: Findings) -> AgainstEps | None:
        """Accuracy against the budget, None where no attack was scored at several."""
        lineup = findings.lineup
        robust, attack = lineup.robustness, lineup.attack
        if robust is None or attack is None:
            return None
        grids = []
        if robust.several:
            names = members(robust.worst, lineup)
            about = f"{names}: an image counts as broken from the first budget on at which any broke it."
            title = capital(robust_name(robust, lineup))
            grids.append(_grid(findings, "worst", worst_curve(robust.worst), None, title, about))
        cumulative, raw = cumulative_curve(attack[0]), raw_curve(attack[0])
        heading = f"{attack_name(attack[0], lineup)} alone" if robust.several else ""
        about = (
            "Thin: as measured. A larger step that breaks less is no robustness, so the line is the worst so far."
            if any(rises(cumulative(g), raw(g)) for g in lineup.groups)
            else ""
        )
        grids.append(_grid(findings, "eps", cumulative, raw, heading, about))
        kept = tuple(grid for grid in grids if grid.panels)
        over = "over seeds (Student’s t)" if lineup.seeds > 1 else "over images (Wilson)"
        facts = (f"Bands are pointwise 95 % intervals {over}.", *left_out(robust.worst, lineup))
        return AgainstEps(kept, facts, budget_sign(robust.norm)) if kept else None

    def heading(self, part: AgainstEps) -> str:
        """With the sign of the budget."""
        return f"Against {part.budget}"


def _grid(found: Findings, kind: str, curve: Curve, beside: Curve | None, heading: str, about: str) -> Grid:
    """A panel per method, all over the same budgets."""
    lineup = found.lineup
    robust = lineup.robustness
    assert robust is not None
    suspicious, collapsed = places(found, "artefact", "diverged"), places(found, "collapsed")
    drawn = [g for i, g in enumerate(lineup.groups) if i not in collapsed | suspicious]
    chance = max(run.data.majority_share for run in lineup.runs)
    end = eps.reach(drawn, curve, robust.eps, chance)
    panels = by_method(
        found,
        kind,
        lambda ax, own: eps.draw(
            ax, lineup, own, curve, beside=beside, end=end, suspicious=suspicious, collapsed=collapsed
        ),
        lambda g: len(curve(g)) > 1,
        aside="accuracy, %",
        title=f"accuracy in percent against the budget {budget_sign(robust.norm)}, dense dashed",
    )
    return Grid(panels, heading, about)
