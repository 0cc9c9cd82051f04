"""A run with something in every field, and its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sparserobust.records import (
    DIFFERENCE,
    FRACTION,
    AttackFacts,
    AuditFacts,
    ChangedParameter,
    DataRecord,
    Environment,
    EpochRecord,
    History,
    LayerRecord,
    Normalization,
    Outcome,
    OutsideParameter,
    PartRecord,
    Picture,
    Run,
    Score,
    ScoreSpec,
    SubjectRecord,
    Table,
    load_run,
    remark,
    said,
)

KEPT = Path(__file__).parent / "kept"


def fgsm() -> Outcome:
    robust = np.zeros((2, 11), dtype=bool)
    robust[0, ::2] = robust[1, 3] = True
    warning = remark("no-gradient", images=2, of=11)
    return Outcome(
        evaluator="fgsm",
        title="FGSM",
        status="ok",
        attack=AttackFacts(
            norm="linf", goal="fixed-budget", access="white-box", needs_gradient=True, headline=0.2
        ),
        measures=(
            ScoreSpec(
                name="robust_accuracy", unit=FRACTION, higher_is_better=True, axis="eps", headline=True
            ),
            ScoreSpec(name="attack_success_rate", unit=FRACTION, higher_is_better=False, axis="eps"),
        ),
        scores=(
            Score(name="robust_accuracy", value=0.5, unit=FRACTION, at=0.1, n=11, ci_low=0.25, ci_high=0.75),
            Score(name="attack_success_rate", value=0.25, unit=FRACTION, at=0.1, n=8),
            Score(
                name="robust_accuracy", value=1 / 3, unit=FRACTION, at=0.2, n=11, headline=True, warnings=(warning,)
            ),
            Score(name="attack_success_rate", value=0.5, unit=FRACTION, at=0.2, n=8),
            Score(name="median_l2", value=None, unit="l2", reason=remark("not-found", lost=6, of=11)),
            Score(name="artefact_gap", value=-0.1, unit=DIFFERENCE, ci_low=-0.3, ci_high=0.1),
        ),
        per_example={
            "correct": np.arange(11) % 3 == 0,
            "robust": robust,
            "distance": np.array([0.0, 0.123456789, np.inf, 1e-12, 3.0, 1, 2, 3, 4, 5, 6]),
        },
        axis=(0.1, 0.2),
        verdict=remark("not-audited"),
        tables={"layers": Table(columns=("layer", "kept", "note"), rows=(("a", 3.0, None), ("b", 0.5, "x")))},
        pictures=(Picture(role="clean", index=0, caption="3", png="aGk="),),
        settings={"eps": [0.1, 0.2], "backend": "native", "nested": {"a": None}},
        source="somewhere",
        passes={"forward": 22},
        seconds=0.25,
        cached=3,
    )  # fmt: skip


def make_run() -> Run:
    epoch = EpochRecord(
        epoch=1, loss=1.5, train_accuracy=0.5, val_accuracy=None, learning_rate=0.1, sparsity=(0.5,),
        gradient_mean=1e-9, gradient_std=0.0, gradient_unmasked_mean=1.0, gradient_unmasked_std=0.1, seconds=0.1,
    )  # fmt: skip
    history = History(
        recipe="r", settings={"lr": 0.1}, seed=0, data="digits", layers=("a",), epochs=(epoch,), chosen_epoch=1,
        chosen_because="last-without-validation", status="completed", steps=3, examples=11, batch_size=4, device="cpu",
        threads=1,
    )  # fmt: skip
    subject = SubjectRecord(
        label="snip[allocation=epl] 0.8", model="mlp5", model_title="MLP5", parameters=12, method="snip",
        method_title="SNIP", params={"allocation": "epl"},
        changed=(ChangedParameter(name="allocation", value="epl", words="EPL"),), target_sparsity=0.8, sparsity=0.8,
        kept=2, prunable=10, exclude=("head",), outside=0.375, normalization=Normalization(mean=(0.5,), std=(0.25,)),
        outside_parameters=(
            OutsideParameter(name="head.weight", numel=6, why="excluded", is_weight=True),
            OutsideParameter(name="positions", numel=20, why="add", is_weight=False),
        ),
        rescued=1, seed=4, training="recorded",
        layers=(
            LayerRecord(
                name="a", shape=(5, 2), numel=10, kept=2, rescued=1,
                parts=(
                    PartRecord(name="q", numel=4, kept=1), PartRecord(name="k", numel=3, kept=1),
                    PartRecord(name="v", numel=3, kept=0),
                ),
            ),
        ),
        warnings=(remark("layer-collapsed", layer="b.weight"),), weights_sha256="ab", file_sha256="ef",
    )  # fmt: skip
    return Run(
        subject=subject,
        data=DataRecord(
            name="digits", title="digits", split="test", n=11, num_classes=10, input_shape=(1, 8, 8),
            majority_share=0.2, sha256="cd",
        ),
        seed=0,
        outcomes={
            "fgsm": fgsm(),
            "gradient-masking": Outcome(
                evaluator="gradient-masking", title="gradient masking", status="ok",
                audit=AuditFacts(state="upper-bound", attack="FGSM", norm="linf"),
                verdict=remark("audit-probes", probes=[["G1", 0.5]]),
            ),
            "storage": Outcome(evaluator="storage", status="skipped", reason=said("no weights")),
            "flops": Outcome(
                evaluator="flops", status="failed", reason=remark("raised", error="RuntimeError", message="x")
            ),
        },
        history=history,
        environment=Environment(
            sparserobust="0", python="3", packages={"torch": "2"}, device="cpu", device_name="x", threads=1,
            batch_size=256, created="2020-01-01", seconds=1.0,
        ),
        passes={"forward": 11},
    )  # fmt: skip


def plain(record: Run | Outcome) -> dict[str, Any]:
    """The record's JSON without the sha256 of its content."""
    return json.loads(record.model_dump_json())


def kept(name: str) -> dict[str, Any]:
    """The JSON of a kept file, as "v1/diverged"."""
    return json.loads((KEPT / f"{name}.json").read_text("utf-8"))


def old(name: str) -> Run:
    """A kept record of version 1, loaded."""
    return load_run(KEPT / "v1" / f"{name}.json")
