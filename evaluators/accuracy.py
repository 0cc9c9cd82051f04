"""Accuracy: top-1, top-5, NLL, calibration, per class, and the gap to the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sparserobust.attacks.losses import margin
from sparserobust.data import batches
from sparserobust.records import DIFFERENCE, Outcome, Score, ScoreSpec, Table, remark
from sparserobust.scoring import Batch, Context, Evaluator, Measurement
from sparserobust.settings import Positive
from sparserobust.stats import bootstrap, mean_normal, newcombe_independent, wilson


@dataclass(frozen=True, kw_only=True)
class Accuracy(Evaluator):
    """How often and how surely the model is right.

    Per example: whether it is (`correct`), and by how much the label's logit leads the largest other (`margin`,
    below 0 where it is wrong).

    Attributes:
        bins: equal-width confidence bins of the expected calibration error.
        train: whether training accuracy is measured where training data is given (one more forward pass
            over it).
    """

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "accuracy"
    source: ClassVar[str] = "ECE: Guo et al. 2017, arXiv:1706.04599, eq. 3, 15 bins"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="top1",
            unit="fraction",
            higher_is_better=True,
            headline=True,
            about="share classified correctly",
        ),
        ScoreSpec(
            name="top5", unit="fraction", higher_is_better=True, about="label among the five largest logits"
        ),
        ScoreSpec(name="nll", unit="nats", higher_is_better=False, about="mean negative log-likelihood"),
        ScoreSpec(name="ece", unit="fraction", higher_is_better=False, about="expected calibration error"),
        ScoreSpec(
            name="train_top1", unit="fraction", about="top-1 on the training examples, in evaluation mode"
        ),
        ScoreSpec(name="overfitting_gap", unit=DIFFERENCE, higher_is_better=False, about="train_top1 - top1"),
    )

    bins: Positive = 15
    train: bool = True

    def begin(self, context: Context) -> Measurement:
        """Starts counting."""
        return _Counting(self, context)


class _Counting(Measurement):
    def __init__(self, evaluator: Accuracy, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.correct: list[Tensor] = []
        self.top5: list[Tensor] = []
        self.loss: list[Tensor] = []
        self.confidence: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.margin: list[Tensor] = []

    def update(self, batch: Batch) -> None:
        logits = batch.logits
        self.correct.append(batch.correct.cpu())
        self.loss.append(batch.loss.double().cpu())
        self.confidence.append(logits.double().softmax(dim=1).amax(dim=1).cpu())
        self.labels.append(batch.labels.cpu())
        self.margin.append(-margin(logits, batch.labels).double().cpu())
        if logits.shape[1] > 5:
            best = logits.topk(5, dim=1).indices
            self.top5.append((best == batch.labels.unsqueeze(1)).any(dim=1).cpu())

    def finish(self) -> Outcome:
        evaluator = self.evaluator
        correct = torch.cat(self.correct).numpy()
        top1 = self._rate("top1", correct)
        scores = [top1]
        if self.top5:
            scores.append(self._rate("top5", torch.cat(self.top5).numpy()))
        scores.append(self._nll())
        confidence = torch.cat(self.confidence).numpy()
        pairs = np.stack([confidence, correct], axis=1)
        scores.append(self._ece(pairs))
        if evaluator.train and self.context.train is not None:
            train = self._train_top1()
            scores += [train, self._gap(train, top1)]
        return evaluator.outcome(
            scores=tuple(scores),
            per_example={"correct": correct, "margin": torch.cat(self.margin).numpy()},
            tables={"per_class": self._per_class(correct)},
        )

    def _rate(self, name: str, hits: np.ndarray) -> Score:
        return self.evaluator.rate(name, int(hits.sum()), len(hits))

    def _gap(self, train: Score, test: Score) -> Score:
        """Train minus test; n is that of the test examples, the fewer ones."""
        assert train.value is not None
        assert test.value is not None
        assert train.n
        assert test.n
        hits = round(train.value * train.n), round(test.value * test.n)
        bounds = newcombe_independent(hits[0], train.n, hits[1], test.n)
        return self.evaluator.score(
            "overfitting_gap", train.value - test.value, n=test.n, ci_low=bounds.low, ci_high=bounds.high
        )

    def _nll(self) -> Score:
        loss = torch.cat(self.loss).numpy()
        if not np.isfinite(loss).all():
            return self.evaluator.score("nll", None, n=len(loss), reason=remark("loss-not-finite"))
        estimate = mean_normal(loss)
        return self.evaluator.score(
            "nll", estimate.value, n=len(loss), ci_low=estimate.low, ci_high=estimate.high
        )

    def _ece(self, pairs: np.ndarray) -> Score:
        """With a percentile bootstrap interval, which resampling lifts: it is widened to hold the value."""
        bins = self.evaluator.bins
        error = bootstrap(
            binned(pairs, bins),
            lambda sample: sum_of_gaps(sample, bins),
            seed=self.context.seed,
            resamples=500,
        )
        assert error.low is not None
        assert error.high is not None
        low, high = min(error.low, error.value), max(error.high, error.value)
        return self.evaluator.score("ece", error.value, n=len(pairs), ci_low=low, ci_high=high)

    def _train_top1(self) -> Score:
        context = self.context
        hits: list[Tensor] = []
        with torch.no_grad():
            assert context.train is not None
            for images, labels in batches(context.train, context.batch_size, context.device):
                logits = context.model(images)
                hits.append((logits.argmax(dim=1) == labels).cpu())
                context.passes["forward"] += len(labels)
        return self._rate("train_top1", torch.cat(hits).numpy())

    def _per_class(self, correct: np.ndarray) -> Table:
        labels = torch.cat(self.labels).numpy()
        rows = []
        for label in np.unique(labels):
            hits = correct[labels == label]
            bounds = wilson(int(hits.sum()), len(hits))
            rows.append((int(label), float(hits.mean()), len(hits), bounds.low, bounds.high))
        return Table(columns=("class", "top1", "n", "ci_low", "ci_high"), rows=tuple(rows))


def calibration_error(pairs: np.ndarray, bins: int) -> np.ndarray:
    """Expected calibration error: sum over confidence bins of share * |accuracy - confidence|.

    Bins are (a, b], equally wide on [0, 1]. Source: Guo et al. 2017, eq. 3.

    Args:
        pairs: shape (..., n, 2), rows of (confidence, correct as 0 or 1).

    Returns:
        shape (...).
    """
    return sum_of_gaps(binned(pairs, bins), bins)


def binned(pairs: np.ndarray, bins: int) -> np.ndarray:
    """Rows of (number of the bin, correct - confidence), of the same shape."""
    confidence, correct = pairs[..., 0], pairs[..., 1]
    return np.stack([np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1), correct - confidence], axis=-1)


def sum_of_gaps(rows: np.ndarray, bins: int) -> np.ndarray:
    """The error, shape (...), of what `binned` gave, shape (..., n, 2)."""
    samples = rows.reshape(-1, *rows.shape[-2:])
    index = samples[..., 0].astype(np.intp)
    index += bins * np.arange(len(samples))[:, np.newaxis]
    gaps = np.bincount(index.ravel(), samples[..., 1].ravel(), minlength=bins * len(samples))
    error: np.ndarray = np.abs(gaps).reshape(-1, bins).sum(axis=1) / rows.shape[-2]
    return error.reshape(rows.shape[:-2])
