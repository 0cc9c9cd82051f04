"""Runs made of chosen numbers: no torch, no training."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from sparserobust.records import (
    DataRecord,
    Environment,
    EpochRecord,
    History,
    LayerRecord,
    Outcome,
    Picture,
    Run,
    Score,
    SubjectRecord,
    Table,
)
from sparserobust.stats import wilson

N = 200
EPS = (0.05, 0.1, 0.3)


def first(k: int, n: int = N) -> np.ndarray:
    """The first k of n images are right."""
    return np.arange(n) < k


def rate(name: str, hits: int, n: int, **facts: Any) -> Score:
    bounds = wilson(hits, n)
    return Score(name=name, value=hits / n, n=n, ci_low=bounds.low, ci_high=bounds.high, **facts)


def accuracy(right: np.ndarray) -> Outcome:
    k, n = int(right.sum()), len(right)
    scores = (
        rate("top1", k, n, headline=True),
        Score(name="nll", value=0.25, unit="nats", n=n),
        Score(name="overfitting_gap", value=0.02, n=n),
    )
    return Outcome(evaluator="accuracy", status="ok", scores=scores, per_example={"correct": right})


def fgsm(
    right: np.ndarray,
    robust: Sequence[np.ndarray],
    margin: Sequence[np.ndarray] | None = None,
    zero: float = 0.0,
) -> Outcome:
    """FGSM at EPS with these survivors; the step on the margin breaks the same images unless given."""
    margin = margin or robust
    n, m = len(right), int(right.sum())
    scores = []
    for eps, kept, other in zip(EPS, robust, margin, strict=True):
        scores.append(rate("robust_accuracy", int(kept.sum()), n, at=eps, headline=eps == 0.1))
        scores.append(rate("attack_success_rate", m - int(kept.sum()), m, at=eps))
        scores.append(rate("margin_attack_success_rate", m - int(other.sum()), m, at=eps))
    scores.append(Score(name="zero_gradient_share", value=zero, n=n))
    arrays = {"correct": right, "robust": np.stack(robust), "margin_robust": np.stack(margin)}
    return Outcome(
        evaluator="fgsm",
        status="ok",
        scores=tuple(scores),
        per_example=arrays,
        axis=EPS,
        verdict="upper bound, not audited",
    )


def carlini_wagner(right: np.ndarray, distance: np.ndarray, warnings: tuple[str, ...] = ()) -> Outcome:
    found = distance[right]
    median = float(np.median(found))
    finite = np.isfinite(median)
    lost = int(np.isinf(found).sum())
    reason = None if finite else f"not found: {lost} of {len(found)}"
    scores = [
        Score(name="median_l2", value=median if finite else None, unit="l2", n=len(found), reason=reason)
    ]
    scores.append(
        rate("robust_accuracy", int((right & (distance > 0.5)).sum()), len(right), at=0.5, headline=True)
    )
    return Outcome(
        evaluator="carlini-wagner",
        status="ok",
        scores=tuple(scores),
        per_example={"correct": right, "distance": np.where(right, distance, 0.0)},
        axis=(0.5,),
        verdict=f"not found: {lost} of {len(found)}" if lost else f"found {len(found)} of {len(found)}",
        warnings=warnings,
    )


def storage(zero: float, trainable: float, best: float = 2048.0) -> Outcome:
    scores = (
        Score(name="zero_fraction", value=zero),
        Score(name="trainable_fraction", value=trainable),
        Score(name="dense_bytes", value=40960.0),
        Score(name="best_bytes", value=best, at="stored"),
        Score(name="snipit_bytes", value=1024.0),
        Score(name="compression", value=40960.0 / best, at="stored"),
    )
    return Outcome(evaluator="storage", status="ok", scores=scores)


def flops(executed: float, dense: float = 1192960.0) -> Outcome:
    scores = (Score(name="dense_macs", value=dense), Score(name="executed_macs", value=executed))
    return Outcome(evaluator="flops", status="ok", scores=scores)


def gradient_norm(kept: float, unmasked: float) -> Outcome:
    scores = (
        Score(name="relative_to_dense", value=kept, at="kept"),
        Score(name="relative_to_dense", value=unmasked, at="unmasked"),
    )
    return Outcome(evaluator="gradient-norm", status="ok", scores=scores)


def connectivity(collapsed: int = 0) -> Outcome:
    scores = [
        Score(name=name, value=value, at=at)
        for at in ("forward", "trainable")
        for name, value in (
            ("collapsed_layers", float(collapsed)),
            ("connected", 1.0),
            ("effective_sparsity", 0.91),
        )
    ]
    table = Table(columns=("layer", "constant_units"), rows=(("a", 3.0), ("b", 4.0)))
    return Outcome(evaluator="connectivity", status="ok", scores=tuple(scores), tables={"layers": table})


def saliency() -> Outcome:
    def png(seed: int) -> str:
        pixels = np.random.default_rng(seed).integers(0, 255, (8, 8), dtype=np.uint8)
        raw = io.BytesIO()
        Image.fromarray(pixels).save(raw, format="PNG")
        return base64.b64encode(raw.getvalue()).decode()

    pictures = [
        Picture(role=role, index=i, caption=f"class {i}", png=png(2 * i + (role == "logit")))
        for i in range(2)
        for role in ("input", "logit")
    ]
    scores = (
        Score(name="trainable_input_pixels", value=0.5, n=64, headline=True),
        Score(name="effective_pixels", value=0.4, at="logit"),
        Score(name="effective_pixels", value=0.3, at="margin"),
        Score(name="effective_pixels_noise", value=0.637),
        Score(name="effective_pixels_untrained", value=0.6),
        Score(name="gini", value=0.5, at="logit"),
    )
    return Outcome(evaluator="saliency", status="ok", scores=scores, pictures=tuple(pictures))


def skipped(name: str, reason: str) -> Outcome:
    return Outcome(evaluator=name, status="skipped", reason=reason)


def failed(name: str, reason: str) -> Outcome:
    return Outcome(evaluator=name, status="failed", reason=reason)


def history(recipe: str = "digits", lr: float = 0.003, epochs: int = 3, level: float = 0.9) -> History:
    """A training whose gradients shrink towards `level`."""
    records = tuple(
        EpochRecord(
            epoch=e,
            loss=1.0 / e,
            train_accuracy=1 - 0.3 / e,
            val_accuracy=1 - 0.4 / e,
            learning_rate=lr,
            sparsity=(0.9, 0.9),
            gradient_mean=0.01 * (1.1 - level) + 0.01 / e,
            gradient_std=0.002,
            gradient_unmasked_mean=0.01 / e,
            gradient_unmasked_std=0.002,
            seconds=0.1,
        )
        for e in range(1, epochs + 1)
    )
    return History(
        recipe=recipe,
        settings={"name": recipe, "lr": lr, "epochs": epochs},
        seed=0,
        data="digits",
        layers=("a", "b"),
        epochs=records,
        chosen_epoch=epochs,
        chosen_because="the last",
        status="completed",
        steps=30,
        examples=300,
        batch_size=10,
        device="cpu",
        threads=1,
    )


def run(
    method: str | None = "snip",
    sparsity: float = 0.9,
    *outcomes: Outcome,
    seed: int = 0,
    label: str | None = None,
    offset: str = "zero",
    data_sha: str = "d" * 64,
    n: int = N,
    majority: float = 0.1,
    model: str = "mlp5",
    trained: History | None = None,
    rescued: int = 0,
    command: str | None = None,
    input_shape: tuple[int, ...] = (1, 8, 8),
    changed: dict[str, Any] | None = None,
) -> Run:
    """A run of `method` at `sparsity` with these outcomes; 1000 prunable weights in two layers.

    `changed` are parameters that are not the default: they stand in the label as `sparsify` writes it.
    """
    kept = round((1 - sparsity) * 1000)
    bracket = f"[{', '.join(f'{k}={v}' for k, v in changed.items())}]" if changed else ""
    made = "dense" if method == "dense" else f"{method}{bracket} {sparsity:g}"
    shown = label if label is not None else made
    offset = (changed or {}).get("offset", offset)
    params = {
        "allocation": "global",
        "offset": offset,
        "rescue": None,
        "score_samples": 100,
        **(changed or {}),
    }
    subject = SubjectRecord(
        label=shown,
        model=model,
        parameters=1010,
        method=method,
        params=params if changed is not None else {},
        offset=offset,
        target_sparsity=sparsity,
        sparsity=1 - kept / 1000,
        kept=kept,
        prunable=1000,
        rescued=rescued,
        seed=seed,
        layers=(
            LayerRecord(name="a.weight", shape=(20, 40), numel=800, kept=max(0, kept - 100)),
            LayerRecord(name="b.weight", shape=(10, 20), numel=200, kept=min(kept, 100)),
        ),
        weights_sha256=f"{shown}-{seed}",
    )
    return Run(
        subject=subject,
        data=DataRecord(
            name="digits",
            split="test",
            n=n,
            num_classes=10,
            input_shape=input_shape,
            majority_share=majority,
            sha256=data_sha,
        ),
        seed=0,
        outcomes={o.evaluator: o for o in outcomes},
        history=trained,
        environment=Environment(
            sparserobust="0.1.0",
            python="3.11.9",
            packages={"numpy": "2.0"},
            device="cpu",
            device_name="x86_64",
            threads=1,
            batch_size=256,
            created="2026-11-21T02:00:00+00:00",
            seconds=1.5,
            command=command,
        ),
    )


CANNOT = (
    "cannot choose 100 weights: event 2 of 60: only 12 of 1000 scores are finite and non-zero, but 100 weights are to "
    "be kept; score on more examples, another initialisation or a lower sparsity"
)


def not_made(one: Run, reason: str = CANNOT, status: str = "skipped") -> Run:
    """The run as it is recorded when there is no network."""
    subject = one.subject.model_copy(
        update={"layers": (), "rescued": 0, "weights_sha256": "", "not_made": reason}
    )
    outcomes = {name: Outcome(evaluator=name, status=status, reason=reason) for name in one.outcomes}
    return one.model_copy(update={"subject": subject, "outcomes": outcomes, "history": None, "passes": {}})


def attacked(clean: int, robust: int, **facts: Any) -> tuple[Outcome, Outcome]:
    """Accuracy and FGSM outcomes: the first `clean` images right, the first `robust` of them robust at .1."""
    right = first(clean)
    steps = [first((clean + robust) // 2), first(robust), first(robust // 4)]
    return accuracy(right), fgsm(right, steps, **facts)
