"""Attacks within given budgets: accuracy that is left at every eps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool
from torch import Tensor

from sparserobust.attacks.budget import checked
from sparserobust.errors import PluginError
from sparserobust.records import Outcome, Score, remark
from sparserobust.scoring.attack_base import AttackBase, Steps
from sparserobust.scoring.attack_counting import AttackMeasurement
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.per_batch import Arrays

PENDING = 2**26
"""Pixels that may wait for the model's decision: it is put back, which compares all weights, once for all of them."""


class FixedBudget(AttackMeasurement):
    """robust_accuracy and attack_success_rate at every eps."""

    attack: AttackBase

    def attacked(self, batch: Batch) -> Arrays:
        attack = self.attack
        arrays = {"robust": self._survivors(batch, attack.perturb).numpy()}
        if attack.has_second_opinion:
            arrays["margin_robust"] = self._survivors(batch, attack.second_opinion).numpy()
        return arrays

    def _survivors(
        self, batch: Batch, perturb: Callable[[Batch], Steps | tuple[Tensor, Tensor]]
    ) -> Bool[Tensor, "eps n"]:
        """Whether each example is correct and stays so, for every eps of the attack.

        The plugin gets copies; what it writes into them does not reach what is checked here.
        """
        attack, correct = self.attack, batch.correct
        images, labels = batch.images[correct], batch.labels[correct]
        robust = torch.zeros(len(attack.eps), len(batch), dtype=torch.bool)
        if not len(labels):
            return robust
        seen: set[float] = set()
        pending: list[tuple[int, Tensor]] = []

        def decide() -> None:
            """Asks the model about all images that wait, after putting it back once."""
            self.context.guard.restore()
            for row, waiting in pending:
                robust[row, correct.cpu()] = ~self.fooled(batch, waiting, labels, restore=False).cpu()
            pending.clear()

        for eps, adversarial in perturb(batch.only(correct, self.passes)):
            if not isinstance(eps, int | float) or float(eps) not in attack.eps:
                raise PluginError(
                    f"{attack.name} yielded images for eps {eps!r}, which is not among {attack.eps}"
                )
            adversarial = checked(images, adversarial, attack.norm, float(eps), attack.name)
            pending.append((attack.eps.index(float(eps)), adversarial))
            if len(pending) * images.numel() > PENDING:
                decide()
            seen.add(float(eps))
        decide()
        if missing := [eps for eps in attack.eps if eps not in seen]:
            raise PluginError(
                f"{attack.name} yielded no images for eps {', '.join(f'{eps:g}' for eps in missing)}"
            )
        return robust

    def finish(self) -> Outcome:
        attack = self.attack
        arrays = self.joined()
        correct, robust = arrays["correct"], arrays["robust"]
        scores: list[Score] = []
        for index, eps in enumerate(attack.eps):
            scores += self.robust_scores("", robust[index], correct, eps)
        if attack.has_second_opinion:
            for index, eps in enumerate(attack.eps):
                scores += self.robust_scores("margin_", arrays["margin_robust"][index], correct, eps)
        if attack.checks_gradient:
            scores.append(attack.rate("zero_gradient_share", int(self.flat.sum()), len(self.flat)))
        return attack.outcome(
            scores=(*scores, *attack.summary(arrays, self.chance)),
            per_example=arrays,
            axis=attack.eps,
            verdict=remark("not-audited"),
        )
