"""Transfer: adversarial images made on the dense model shown to the sparse one, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from evaluators.pgd import PGD
from sparserobust.attacks.budget import checked
from sparserobust.attacks.losses import margin
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.pgd import pgd
from sparserobust.errors import ModelError
from sparserobust.records import DIFFERENCE, Outcome, Remark, Score, ScoreSpec, remark
from sparserobust.scoring import Batch, Context, Evaluator, Measurement, Skip
from sparserobust.scoring.attack.budgets import budgets
from sparserobust.scoring.attackable import require_attackable
from sparserobust.scoring.per_batch import Arrays, PerBatch
from sparserobust.settings import Above0, Positive, Seed
from sparserobust.stats import newcombe_paired

RATES = {
    "white_box": "broken on the sparse model, of the images made on it",
    "transfer_in": "broken on the sparse model, of the images made on the dense one",
    "dense_white_box": "broken on the dense model, of the images made on it",
    "transfer_out": "broken on the dense model, of the images made on the sparse one",
}
"""The four directions, by the name of their array per example; their scores are called `..._success_rate`."""
NOTHING_RIGHT = remark("nothing-right-on-both")


@dataclass(frozen=True, kw_only=True)
class Transfer(Evaluator):
    """Adversarial images made on the dense model shown to the sparse model, and back.

    PGD in linf on the margin, on the images that both models get right. Its images are driven on to the largest
    margin: those that only just fool one model hardly transfer to another. An image made within a smaller budget
    stays where it reached a larger margin, so what is made never gets weaker with eps.

    Images that break the sparse model although they were made on the dense one show what its own gradients miss:
    where they break more than its own, beyond the interval of the paired difference, its gradients are masked.

    Attributes:
        eps: linf budgets in pixels from 0 to 1.
        steps: for each start and budget, on either model.
        step_size: in pixels; None for 2 * eps, which falls to 0 along half a cosine.
        restarts: starts for each budget; the first is the clean image, the others are drawn.
        seed: of the drawn starts.
    """

    name: ClassVar[str] = "transfer"
    title: ClassVar[str] = "transfer"
    sees_dense_model: ClassVar[bool] = True
    source: ClassVar[str] = (
        "Carlini et al. 2019, arXiv:1902.06705, checklist: transfer; PGD of Madry et al. 2018, arXiv:1706.06083"
    )
    headline_eps: ClassVar[float] = 0.1
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        *(
            ScoreSpec(
                name=f"{name}_success_rate",
                unit="fraction",
                higher_is_better=False,
                axis="eps",
                headline=name == "transfer_in",
                about=about,
            )
            for name, about in RATES.items()
        ),
        ScoreSpec(
            name="transfer_gap",
            unit=DIFFERENCE,
            higher_is_better=False,
            axis="eps",
            about="transfer_in minus white_box, paired: above 0 beyond its interval is a sign of gradient masking",
        ),
    )

    eps: tuple[float, ...] = PGD.default_eps["linf"]
    steps: Positive = 40
    step_size: Above0 | None = None
    restarts: Positive = 1
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.budgets

    @property
    def budgets(self) -> tuple[float, ...]:
        """What `eps` comes to, in [0, 1].

        Raises:
            ConfigError: none, two alike, or one that cannot be.
        """
        return budgets(self.eps, "linf")

    def begin(self, context: Context) -> Measurement:
        """Skipped for the dense model itself, and without one."""
        if context.subject.method == "dense":
            raise Skip(remark("is-dense-model"))
        if context.dense_model is None:
            raise Skip(remark("needs-dense-model"))
        return _Transferring(self, context, context.dense_model)

    def made_on(self, oracle: Oracle, images: Tensor, labels: Tensor) -> Iterator[tuple[float, Tensor]]:
        """(eps, adversarial images) from the smallest budget to the largest, each with the largest margin so far."""
        best, reached = images.clone(), margin(oracle.logits(images), labels)
        for eps in sorted(self.budgets):
            made = pgd(
                oracle,
                images,
                labels,
                norm="linf",
                eps=eps,
                steps=self.steps,
                step_size=self.step_size,
                restarts=self.restarts,
                stop_when_fooled=False,
                seed=self.seed,
            )
            gained = margin(oracle.logits(made), labels)
            better = gained > reached
            best[better], reached[better] = made[better], gained[better]
            yield eps, best.clone()


class _Transferring(PerBatch):
    """Which images break which model: boolean arrays (eps, n), False where either model is wrong from the start."""

    def __init__(self, evaluator: Transfer, context: Context, dense: nn.Module) -> None:
        super().__init__(evaluator, context)
        self.transfer = evaluator
        self.dense = dense
        self._dense_attackable = False

    def measure(self, batch: Batch) -> Arrays:
        """All four directions on one batch."""
        other = Batch(self.dense, batch.images, batch.labels, self.passes)
        self._require_attackable(batch, other)
        both = batch.correct & other.correct
        chosen = both.cpu().numpy()
        broken = {name: np.zeros((len(self.transfer.budgets), len(batch)), dtype=bool) for name in RATES}
        if chosen.any():
            made_on = ((batch, "white_box", "transfer_out"), (other, "transfer_in", "dense_white_box"))
            for source, on_sparse, on_dense in made_on:
                images, labels = source.images[both], source.labels[both]
                for eps, made in self.transfer.made_on(Oracle(source.model, self.passes), images, labels):
                    made = checked(images, made, "linf", eps, self.transfer.label)
                    row = self.transfer.budgets.index(eps)
                    broken[on_sparse][row, chosen] = self._fools(batch.model, made, labels)
                    broken[on_dense][row, chosen] = self._fools(self.dense, made, labels)
        return {
            "correct": batch.correct.cpu().numpy(),
            "dense_correct": other.correct.cpu().numpy(),
            **broken,
        }

    def _require_attackable(self, batch: Batch, other: Batch) -> None:
        if batch.logits.shape[1] != other.logits.shape[1]:
            raise ModelError(
                f"the dense model has {other.logits.shape[1]} outputs and this one {batch.logits.shape[1]}; "
                "give the dense model of the same data"
            )
        self.require_attackable(batch)
        if not self._dense_attackable:
            require_attackable(other, self.passes)
            self._dense_attackable = True

    def _fools(self, model: nn.Module, images: Tensor, labels: Tensor) -> np.ndarray:
        fooled: np.ndarray = Oracle(model, self.passes).fooled(images, labels).cpu().numpy()
        return fooled

    def finish(self) -> Outcome:
        """The four success rates at every eps, and what the difference on the sparse model says."""
        transfer, arrays = self.transfer, self.joined()
        both = arrays["correct"] & arrays["dense_correct"]
        scores = [
            score for row, eps in enumerate(transfer.budgets) for score in self._at(eps, row, arrays, both)
        ]
        return transfer.outcome(
            scores=tuple(scores), per_example=arrays, axis=transfer.budgets, verdict=verdict(scores)
        )

    def _at(self, eps: float, row: int, arrays: Arrays, both: np.ndarray) -> Iterator[Score]:
        transfer, n = self.transfer, int(both.sum())
        headline = eps == min(transfer.budgets, key=lambda e: (abs(e - transfer.headline_eps), e))
        for name in RATES:
            yield transfer.rate(
                f"{name}_success_rate",
                int(arrays[name][row].sum()),
                n,
                at=eps,
                headline=headline and name == "transfer_in",
                nothing=NOTHING_RIGHT,
            )
        if not n:
            yield transfer.score("transfer_gap", None, at=eps, n=0, reason=NOTHING_RIGHT)
            return
        gap = newcombe_paired(arrays["transfer_in"][row, both], arrays["white_box"][row, both])
        yield transfer.score("transfer_gap", gap.difference, at=eps, n=n, ci_low=gap.low, ci_high=gap.high)


def verdict(scores: Sequence[Score]) -> Remark:
    """About the sparse model: whether what was made elsewhere surely breaks more than its own."""
    gaps = [s for s in scores if s.name == "transfer_gap" and s.value is not None and s.ci_low is not None]
    if not gaps:
        return NOTHING_RIGHT
    worst = max(gaps, key=lambda s: s.ci_low if s.ci_low is not None else -1.0)
    assert worst.ci_low is not None
    if worst.ci_low <= 0:
        return remark("no-masked-gradients")
    return remark("masked-gradients", eps=worst.at, gap=worst.value, low=worst.ci_low, high=worst.ci_high)
