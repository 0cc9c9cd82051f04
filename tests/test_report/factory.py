"""Runs made of chosen numbers: no torch, no training."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from sparserobust.records import (
    DIFFERENCE,
    FRACTION,
    AttackFacts,
    ChangedParameter,
    DataRecord,
    Environment,
    EpochRecord,
    History,
    LayerRecord,
    Norm,
    Outcome,
    Picture,
    Remark,
    Run,
    Score,
    ScoreSpec,
    SubjectRecord,
    Table,
    remark,
)
from sparserobust.stats import wilson

N = 200
EPS = (0.05, 0.1, 0.3)
HEADLINE = 0.1

METHODS = {
    "dctps": "DCTpS",
    "freezenet": "FreezeNet",
    "freezenet-wd": "FreezeNet-WD",
    "grasp": "GraSP",
    "imp": "IMP",
    "snip": "SNIP",
    "starfire-ck": "STARFIRE CK",
    "starfire-window": "STARFIRE window",
    "synflow": "SynFlow",
}
"""Methods whose papers write them in another way than they are registered."""
WORDS: dict[str, dict[Any, str]] = {
    "allocation": {"global": "global", "erk": "ERK", "epl": "EPL", "epl-published": "published EPL"},
    "offset": {"zero": "zero offset", "frozen": "frozen", "dct": "DCT"},
    "rescue": {"random": "rescue", None: "no rescue"},
    "control": {"layer-shuffled": "layer-shuffled"},
    "trainable_alpha": {False: "fixed alpha"},
}
"""What methods call the values of their parameters."""
TITLES = {
    "carlini-wagner": "Carlini–Wagner",
    "fgsm": "FGSM",
    "flops": "FLOPs",
    "minimum-norm-linf": "minimum norm",
    "pgd": "PGD",
    "pgd-l2": "PGD",
    "square": "Square",
}
"""Evaluators whose title is not their name without hyphens."""
BUDGET = ("robust_accuracy", "attack_success_rate")
STEP = ("margin_attack_success_rate", "zero_gradient_share", "area_under_curve", "eps_at_chance")
MEASURES = {
    "accuracy": ("top1", "nll", "overfitting_gap"),
    "carlini-wagner": ("median_l2", *BUDGET),
    "connectivity": ("connected", "collapsed_layers", "effective_sparsity"),
    "fgsm": (*BUDGET, *STEP),
    "flops": ("dense_macs", "executed_macs"),
    "gradient-masking": ("audited_robust_accuracy", "masking_gap"),
    "gradient-norm": ("relative_to_dense",),
    "minimum-norm": ("median_l2", *BUDGET, "optimality"),
    "minimum-norm-linf": ("median_linf", *BUDGET, "optimality"),
    "pgd": BUDGET,
    "pgd-l2": BUDGET,
    "saliency": ("trainable_input_pixels", "effective_pixels", "gini"),
    "square": BUDGET,
    "storage": ("zero_fraction", "trainable_fraction", "dense_bytes", "best_bytes", "compression"),
    "transfer": ("transfer_in_success_rate", "transfer_gap"),
}
"""What each evaluator promises to measure, as far as a report asks for it."""
UNITS = {
    "best_bytes": "bytes",
    "collapsed_layers": "count",
    "compression": "x",
    "dense_bytes": "bytes",
    "dense_macs": "MACs",
    "executed_macs": "MACs",
    "masking_gap": DIFFERENCE,
    "median_l2": "l2",
    "median_linf": "linf",
    "nll": "nats",
    "overfitting_gap": DIFFERENCE,
    "relative_to_dense": "x",
    "snipit_bytes": "bytes",
    "transfer_gap": DIFFERENCE,
} | dict.fromkeys(
    [
        "top1", "zero_fraction", "trainable_fraction", "effective_sparsity", "trainable_input_pixels",
        "zero_gradient_share", "robust_accuracy", "attack_success_rate", "margin_attack_success_rate",
        "audited_robust_accuracy", "transfer_in_success_rate",
    ],
    FRACTION,
)  # fmt: skip
NEAREST = ("carlini-wagner", "minimum-norm", "minimum-norm-linf")


def attack_facts(name: str, norm: Norm | None = None, headline: float = HEADLINE) -> AttackFacts | None:
    """What one of our attacks says of itself; None for what is none."""
    known: dict[str, Norm] = {"fgsm": "linf", "pgd": "linf", "pgd-l2": "l2", "square": "linf"}
    known |= {"carlini-wagner": "l2", "minimum-norm": "l2", "minimum-norm-linf": "linf"}
    if name not in known:
        return None
    blind = name == "square"
    return AttackFacts(
        norm=norm or known[name],
        goal="minimum-distance" if name in NEAREST else "fixed-budget",
        access="black-box" if blind else "white-box",
        needs_gradient=not blind,
        headline=headline,
    )


def stated(name: str) -> dict[str, Any]:
    """What every outcome of an evaluator says of it, scored or not."""
    specs = tuple(ScoreSpec(name=score, unit=UNITS.get(score, "")) for score in MEASURES.get(name, ()))
    title = TITLES.get(name, name.replace("-", " "))
    return {"evaluator": name, "title": title, "measures": specs, "attack": attack_facts(name)}


def first(k: int, n: int = N) -> np.ndarray:
    """The first k of n images are right."""
    return np.arange(n) < k


def rate(name: str, hits: int, n: int, **facts: Any) -> Score:
    bounds = wilson(hits, n)
    return Score(
        name=name, value=hits / n, unit=FRACTION, n=n, ci_low=bounds.low, ci_high=bounds.high, **facts
    )


def number(name: str, value: float | None, **facts: Any) -> Score:
    """A score in the unit that its evaluator gives it."""
    return Score(name=name, value=value, unit=UNITS.get(name, ""), **facts)


def accuracy(right: np.ndarray) -> Outcome:
    k, n = int(right.sum()), len(right)
    scores = (
        rate("top1", k, n, headline=True),
        number("nll", 0.25, n=n),
        number("overfitting_gap", 0.02, n=n),
    )
    return Outcome(status="ok", scores=scores, per_example={"correct": right}, **stated("accuracy"))


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
        scores.append(rate("robust_accuracy", int(kept.sum()), n, at=eps, headline=eps == HEADLINE))
        scores.append(rate("attack_success_rate", m - int(kept.sum()), m, at=eps))
        scores.append(rate("margin_attack_success_rate", m - int(other.sum()), m, at=eps))
    scores.append(number("zero_gradient_share", zero, n=n))
    arrays = {"correct": right, "robust": np.stack(robust), "margin_robust": np.stack(margin)}
    return Outcome(
        status="ok",
        scores=tuple(scores),
        per_example=arrays,
        axis=EPS,
        verdict=remark("not-audited"),
        **stated("fgsm"),
    )


def warned(outcome: Outcome, warning: Remark) -> Outcome:
    """The outcome with a warning at its first score."""
    first_score, *others = outcome.scores
    first_score = first_score.model_copy(update={"warnings": (*first_score.warnings, warning)})
    return outcome.model_copy(update={"scores": (first_score, *others)})


def carlini_wagner(right: np.ndarray, distance: np.ndarray) -> Outcome:
    found = distance[right]
    median = float(np.median(found))
    finite = np.isfinite(median)
    lost = int(np.isinf(found).sum())
    reason = None if finite else remark("not-found", lost=lost, of=len(found))
    scores = (
        number("median_l2", median if finite else None, n=len(found), reason=reason),
        rate("robust_accuracy", int((right & (distance > 0.5)).sum()), len(right), at=0.5, headline=True),
    )
    return Outcome(
        status="ok",
        scores=scores,
        per_example={"correct": right, "distance": np.where(right, distance, 0.0)},
        axis=(0.5,),
        verdict=remark("found", found=len(found) - lost, of=len(found)),
        **stated("carlini-wagner") | {"attack": attack_facts("carlini-wagner", headline=0.5)},
    )


def storage(zero: float, trainable: float, best: float = 2048.0) -> Outcome:
    scores = (
        number("zero_fraction", zero),
        number("trainable_fraction", trainable),
        number("dense_bytes", 40960.0),
        number("best_bytes", best, at="stored"),
        number("snipit_bytes", 1024.0),
        number("compression", 40960.0 / best, at="stored"),
    )
    return Outcome(status="ok", scores=scores, **stated("storage"))


def flops(executed: float, dense: float = 1192960.0) -> Outcome:
    scores = (number("dense_macs", dense), number("executed_macs", executed))
    return Outcome(status="ok", scores=scores, **stated("flops"))


def gradient_norm(kept: float, unmasked: float) -> Outcome:
    scores = (
        number("relative_to_dense", kept, at="kept"),
        number("relative_to_dense", unmasked, at="unmasked"),
    )
    return Outcome(status="ok", scores=scores, **stated("gradient-norm"))


def connectivity(collapsed: int = 0) -> Outcome:
    scores = [
        number(name, value, at=at)
        for at in ("forward", "trainable")
        for name, value in (
            ("collapsed_layers", float(collapsed)),
            ("connected", 1.0),
            ("effective_sparsity", 0.91),
        )
    ]
    table = Table(columns=("layer", "constant_units"), rows=(("a", 3.0), ("b", 4.0)))
    return Outcome(status="ok", scores=tuple(scores), tables={"layers": table}, **stated("connectivity"))


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
        number("trainable_input_pixels", 0.5, n=64, headline=True),
        number("effective_pixels", 0.4, at="logit"),
        number("effective_pixels", 0.3, at="margin"),
        number("effective_pixels_noise", 0.637),
        number("effective_pixels_untrained", 0.6),
        number("gini", 0.5, at="logit"),
    )
    return Outcome(status="ok", scores=scores, pictures=tuple(pictures), **stated("saliency"))


def skipped(name: str, reason: str | Remark, **facts: Any) -> Outcome:
    return Outcome(status="skipped", reason=reason, **stated(name) | facts)


def failed(name: str, reason: str | Remark) -> Outcome:
    return Outcome(status="failed", reason=reason, **stated(name))


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
        chosen_because="last-without-validation",
        status="completed",
        steps=30,
        examples=300,
        batch_size=10,
        device="cpu",
        threads=1,
    )


def changed_parameter(name: str, value: Any) -> ChangedParameter:
    """With the method's own words for the value, where it has some."""
    words = next((own for known, own in WORDS.get(name, {}).items() if known == value), None)
    return ChangedParameter(name=name, value=value, words=words)


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
    training: str | None = None,
) -> Run:
    """A run of `method` at `sparsity` with these outcomes; 1000 prunable weights in two layers.

    `changed` are parameters that are not the default: they stand in the label as `sparsify` writes it. `training` is
    "recorded" with a history and "elsewhere" without one, unless given.
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
    small = min(kept, max(100, kept - 800))
    subject = SubjectRecord(
        label=shown,
        label_given=label is not None,
        model=model,
        parameters=1010,
        method=method,
        method_title=METHODS.get(method, method) if method is not None else "",
        params=params if changed is not None else {},
        changed=tuple(changed_parameter(name, value) for name, value in (changed or {}).items()),
        offset=offset,
        target_sparsity=sparsity,
        sparsity=1 - kept / 1000,
        kept=kept,
        prunable=1000,
        rescued=rescued,
        seed=seed,
        training=training or ("recorded" if trained is not None else "elsewhere"),
        layers=(
            LayerRecord(name="a.weight", shape=(20, 40), numel=800, kept=kept - small),
            LayerRecord(name="b.weight", shape=(10, 20), numel=200, kept=small),
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


def cannot(weights: int = 100) -> Remark:
    """The reason where a method had nothing to choose so many weights by."""
    message = (
        f"event 2 of 60: only 12 of 1000 scores are finite and non-zero, but {weights} weights are to be kept; score "
        "on more examples, another initialisation or a lower sparsity"
    )
    return remark("cannot-choose", weights=weights, message=message, layers=[])


CANNOT = cannot()
BROKEN = remark("not-made", error="ModelError", message="layers a and b share one tensor")


def not_made(one: Run, reason: Remark = CANNOT) -> Run:
    """The run as it is recorded when there is no network: skipped where the method could not choose, else failed."""
    subject = one.subject.model_copy(
        update={"layers": (), "rescued": 0, "weights_sha256": "", "training": "unknown", "not_made": reason}
    )
    status = "skipped" if reason.code == CANNOT.code else "failed"
    outcomes = {
        name: Outcome(
            evaluator=name, title=o.title, attack=o.attack, measures=o.measures, status=status, reason=reason
        )
        for name, o in one.outcomes.items()
    }
    return one.model_copy(update={"subject": subject, "outcomes": outcomes, "history": None, "passes": {}})


def attacked(clean: int, robust: int, **facts: Any) -> tuple[Outcome, Outcome]:
    """Accuracy and FGSM outcomes: the first `clean` images right, the first `robust` of them robust at .1."""
    right = first(clean)
    steps = [first((clean + robust) // 2), first(robust), first(robust // 4)]
    return accuracy(right), fgsm(right, steps, **facts)
