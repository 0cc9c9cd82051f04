"""The base of all attacks: the plugin proposes images, the library checks them, runs the model and counts."""

from __future__ import annotations

from sparserobust.scoring.attack_base import AttackBase
from sparserobust.scoring.contract import Context, Measurement
from sparserobust.scoring.fixed_budget import FixedBudget
from sparserobust.scoring.minimum_norm import MinimumNorm


class AttackEvaluator(AttackBase):
    """An attack. Its author writes `perturb` and nothing else.

    `perturb(batch)` sees only examples that the model gets right, and either

    - yields `(eps, images)` for every budget, in any order (a fixed-budget attack), or
    - returns `(images, found)`, the closest adversarial image of each example and whether one was found
      (a minimum-norm attack); where nothing was found the clean image counts, never another one.

    Every image is checked to be finite, in [0, 1] and within its budget (an excess up to 1e-6 is projected
    back, more fails the outcome), then the model itself decides. Examples that were wrong to begin with
    count as not robust and are never attacked.
    """

    def begin(self, context: Context) -> Measurement:
        """Starts the attack."""
        return MinimumNorm(self, context) if self.minimum_norm else FixedBudget(self, context)
