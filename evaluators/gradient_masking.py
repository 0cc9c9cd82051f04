"""Gradient masking: whether a reported robustness is the model's or its gradient's, with three gaps kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from evaluators.fgsm import FGSM
from evaluators.pgd import PGD
from sparserobust.audit import AuditMeasurement, AuditSettings
from sparserobust.records import DIFFERENCE, ScoreSpec
from sparserobust.scoring import Context, Evaluator, Measurement
from sparserobust.scoring.attack.budgets import budgets
from sparserobust.settings import Positive, Seed

AUDITED: dict[str, type[Evaluator]] = {"fgsm": FGSM, "pgd": PGD}


@dataclass(frozen=True, kw_only=True)
class GradientMasking(Evaluator):
    """The audit of an attack that follows gradients: FGSM, or PGD on the cross-entropy.

    Four robust accuracies are kept apart: as *reported* by the attack; *repaired*, the same attack after the best
    of several changes that leave every decision as it is (temperature of the logits, margin for cross-entropy,
    float64), so that the difference is an artefact for certain; by the best attack that follows *gradients* (PGD
    on two losses, DDN); and *audited*, with everything that needs none (Square, noise, images made on the dense
    model) besides. Their differences are the masking gap, the gap to a stronger gradient attack (a weak attack,
    nothing wrong with the model) and the gap to a gradient-free attack (gradients mislead still).

    The audit comes to "supported", "upper-bound", "artefact-proven" or "not-auditable", from the gaps and eleven
    probes with threshold and source. It audits all examples of the run; use a limit of a few hundred.

    Attributes:
        attack: "fgsm" or "pgd" (on the cross-entropy), whose numbers are audited.
        eps: linf budgets in pixels from 0 to 1.
        steps: of each PGD.
        queries: of Square, and uniform draws of noise.
        seed: of what is drawn.
    """

    name: ClassVar[str] = "gradient-masking"
    title: ClassVar[str] = "gradient masking"
    sees_dense_model: ClassVar[bool] = True
    source: ClassVar[str] = (
        "Carlini et al. 2019, arXiv:1902.06705; Gupta and Ajanthan 2022, arXiv:2003.13511; "
        "Pintor et al. 2022, arXiv:2106.09947"
    )
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
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
            about="(masking gap + gap to a gradient-free attack) / reported, at the eps where it is largest",
        ),
    )

    attack: Literal["fgsm", "pgd"] = "fgsm"
    eps: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.3)
    steps: Positive = 40
    queries: Positive = 500
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        budgets(self.eps, "linf")

    def begin(self, context: Context) -> Measurement:
        """Starts the audit."""
        eps, title = budgets(self.eps, "linf"), AUDITED[self.attack].title
        own = AuditSettings(self.attack, title, eps, self.steps, self.queries, self.seed)
        return AuditMeasurement(self, context, own)
