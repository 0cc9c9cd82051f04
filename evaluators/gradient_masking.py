"""Gradient masking: whether a reported robustness is the model's or its gradient's, with three gaps kept apart."""

from __future__ import annotations

from collections.abc import Sequence

from evaluators.fgsm import FGSM
from evaluators.pgd import PGD
from sparserobust.arguments import seed_number, whole_number
from sparserobust.records import DIFFERENCE, ScoreSpec
from sparserobust.scoring import Context, Evaluator, Measurement
from sparserobust.scoring.masking_attacks import AuditMeasurement, Plan
from sparserobust.scoring.settings import budgets, one_of

AUDITED: dict[str, type[Evaluator]] = {"fgsm": FGSM, "pgd": PGD}


class GradientMasking(Evaluator):
    """The audit of an attack that follows gradients: FGSM, or PGD on the cross-entropy.

    Four robust accuracies are kept apart: as *reported* by the attack; *repaired*, the same attack after the best
    of several changes that leave every decision as it is (temperature of the logits, margin for cross-entropy,
    float64), so that the difference is an artefact for certain; by the best attack that follows *gradients* (PGD
    on two losses, DDN); and *audited*, with everything that needs none (Square, noise, images made on the dense
    model) besides. Their differences are the masking gap, the attack's slack (a weak attack, nothing wrong with the
    model) and the residual gap (gradients mislead still).

    The audit comes to "supported", "upper-bound", "artefact-proven" or "not-auditable", from the gaps and eleven
    probes with threshold and source. It audits all examples of the run; use a limit of a few hundred.

    Args:
        attack: "fgsm" or "pgd" (on the cross-entropy), whose numbers are audited.
        eps: linf budgets in pixels from 0 to 1.
        steps: of each PGD.
        queries: of Square, and uniform draws of noise.
        seed: of what is drawn.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "gradient-masking"
    title = "gradient masking"
    sees_dense_model = True
    source = (
        "Carlini et al. 2019, arXiv:1902.06705; Gupta and Ajanthan 2022, arXiv:2003.13511; "
        "Pintor et al. 2022, arXiv:2106.09947"
    )
    scores = (
        *(
            ScoreSpec(
                name=f"{kind}_robust_accuracy",
                unit="fraction",
                higher_is_better=True,
                axis="eps",
                headline=kind == "audited",
                about=about,
            )
            for kind, about in (
                ("reported", "what the attack as it is leaves, over all examples"),
                ("repaired", "what the best decision-preserving repair of the same attack leaves"),
                ("gradient", "what all attacks that follow gradients leave together"),
                ("audited", "what all attacks leave together, each example by the worst for it"),
            )
        ),
        *(
            ScoreSpec(name=name, unit=DIFFERENCE, higher_is_better=False, axis="eps", about=about)
            for name, about in (
                ("masking_gap", "reported - repaired: an artefact for certain, no decision differs"),
                ("attack_slack", "repaired - gradient: the attack is weak, which is no fault of the model"),
                ("residual_gap", "gradient - audited: gradients mislead still"),
            )
        ),
        ScoreSpec(
            name="artefact_share",
            unit="fraction",
            higher_is_better=False,
            about="(masking gap + residual gap) / reported, at the eps where it is largest",
        ),
    )

    def __init__(
        self,
        *,
        attack: str = "fgsm",
        eps: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.3),
        steps: int = 40,
        queries: int = 500,
        seed: int = 0,
    ) -> None:
        self.attack = one_of("attack", attack, AUDITED)
        self.eps = budgets(eps, "linf")
        self.steps = whole_number("steps", steps, least=1)
        self.queries = whole_number("queries", queries, least=1)
        self.seed = seed_number(seed)

    def begin(self, context: Context) -> Measurement:
        """Starts the audit."""
        plan = Plan(self.attack, AUDITED[self.attack].title, self.eps, self.steps, self.queries, self.seed)
        return AuditMeasurement(self, context, plan)
