"""What an attack does to the model, its settings or its own results is no way to another number."""

from __future__ import annotations

import copy
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

import sparserobust as sr
from evaluators import FGSM, PGD, Accuracy, Transfer
from sparserobust.records import Score, ScoreSpec
from sparserobust.scoring import Evaluator, FixedBudgetAttack, Measurement, MinimumNormAttack

from .doubles import Threshold, attack_of, grey, value

HANDLES = []


def forward_hook(model: nn.Module) -> None:
    HANDLES.append(model.register_forward_hook(lambda module, args, logits: -logits))


def pre_hook(model: nn.Module) -> None:
    HANDLES.append(model.line.register_forward_pre_hook(lambda module, args: (1 - args[0],)))


def global_hook(model: nn.Module) -> None:
    HANDLES.append(register_module_forward_hook(lambda module, args, out: -out))


def submodule(model: nn.Module) -> None:
    model.line = nn.Linear(4, 2)


def added(model: nn.Module) -> None:
    model.more = nn.Linear(4, 2)
    model.register_buffer("count", torch.zeros(3))


def attribute(model: nn.Module) -> None:
    model.scale = -1.0


def own_forward(model: nn.Module) -> None:
    model.forward = lambda images: -type(model).forward(model, images)


def class_forward(model: nn.Module) -> None:
    real = type(model).forward
    type(model).forward = lambda self, images: -real(self, images)


def no_weight(model: nn.Module) -> None:
    del model.line.weight
    model.line.weight = None


def resized(model: nn.Module) -> None:
    model.line.weight.data = torch.zeros(0)


def half(model: nn.Module) -> None:
    model.half()


class Scaled(Threshold):
    scale = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * super().forward(images)


@pytest.mark.parametrize(
    "misdeed",
    [
        *(forward_hook, pre_hook, global_hook, submodule, added, attribute),
        *(own_forward, class_forward, no_weight, resized, half),
    ],
)
def test_nothing_that_an_attack_does_to_the_model_outlives_its_turn(
    misdeed: Callable[[nn.Module], None],
) -> None:
    """It hands back clean images: no example may fall, for it and for those after it; the model is as it was."""
    data = grey([0.3, 0.45, 0.7, 0.9], [0, 0, 1, 0])
    model = Scaled()
    expected = {
        name: o.scores
        for name, o in sr.evaluate(copy.deepcopy(model), data, [Accuracy(), FGSM()]).outcomes.items()
    }
    keys, members = list(model.state_dict()), set(vars(model))

    def tamper(batch: Any) -> Any:
        misdeed(batch.model.network)
        yield 0.1, batch.images

    run = sr.evaluate(model, data, [attack_of(tamper), Accuracy(), FGSM()])
    assert value(run.outcomes["theirs"], "robust_accuracy") == 0.75
    assert {name: run.outcomes[name].scores for name in expected} == expected
    assert (list(model.state_dict()), set(vars(model))) == (keys, members)
    assert model.line.weight.dtype == torch.float32
    assert not model._forward_hooks
    assert not model.line._forward_pre_hooks
    assert torch.equal(model(data[0]), Scaled()(data[0]))


def test_the_dense_model_is_put_back_too() -> None:
    dense, model = Threshold(), Threshold()
    data = grey([0.45, 0.7], [0, 1])

    @dataclass(frozen=True, kw_only=True)
    class Spoiler(Evaluator):
        name: ClassVar = "spoiler"
        sees_dense_model: ClassVar = True

        def begin(self, context: Any) -> Any:
            context.dense_model.line.weight.data.zero_()
            raise RuntimeError

    alone, after = (
        sr.evaluate(model, data, [*before, Transfer(eps=(0.1,), steps=5)], dense_model=dense).outcomes[
            "transfer"
        ]
        for before in ((), (Spoiler(),))
    )
    assert alone.status == "ok"
    assert after.scores == alone.scores


def test_an_image_at_its_cap_lies_within_it_for_both_kinds_of_attack() -> None:
    """0.3 in single precision is more than 0.3: the same images count alike."""
    images, labels = grey([0.45, 0.48, 0.3], [0, 0, 0])

    class Nearest(MinimumNormAttack):
        name, norm = "nearest", "linf"

        def nearest(self, batch: Any) -> Any:
            return (batch.images + 0.3).clamp(0, 1), torch.ones(len(batch), dtype=torch.bool)

    near = Nearest(eps=(0.1, 0.3))(Threshold(), (images, labels))
    fixed = attack_of(lambda b: iter([(0.3, (b.images + 0.3).clamp(0, 1))]), eps=(0.3,))(
        Threshold(), (images, labels)
    )
    assert value(near, "robust_accuracy", at=0.3) == value(fixed, "robust_accuracy") == 0.0
    assert value(near, "robust_accuracy", at=0.1) == 1.0


class Lying(torch.Tensor):
    """Says of every comparison what suits it."""

    @classmethod
    def __torch_function__(cls, function: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") in ("sub", "aminmax", "ne", "__and__"):
            return torch.zeros(())
        return super().__torch_function__(function, kinds, args, kwargs or {})


def test_a_tensor_of_a_class_of_its_own_is_looked_at_as_a_plain_one() -> None:
    far = attack_of(lambda b: iter([(0.1, (b.images + 0.4).as_subclass(Lying))]))(
        Threshold(), grey([0.45], [0])
    )
    assert far.status == "failed"
    assert "left its budget" in str(far.reason)


def test_a_budget_may_be_yielded_as_a_number_of_another_library() -> None:
    for number in (np.float32(0.1), torch.tensor(0.1), np.float64(0.1)):
        outcome = attack_of(lambda b, n=number: iter([(n, b.images + 0.1)]))(Threshold(), grey([0.45], [0]))
        assert value(outcome, "robust_accuracy") == 0.0


def test_an_attack_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparserobust.scoring.attack.fixed_budget.MOST_STEPS", 50)

    def endless(batch: Any) -> Any:
        while True:
            yield 0.1, batch.images

    outcome = attack_of(endless)(Threshold(), grey([0.45], [0]))
    assert "has yielded 50 times and goes on" in str(outcome.reason)


@dataclass(frozen=True, kw_only=True)
class Summing(FixedBudgetAttack):
    """Rewrites its results in `summary`, or gives what the library counts."""

    name: ClassVar = "summing"
    norm: ClassVar = "linf"

    doubled: bool = False

    def within(self, batch: Any) -> Any:
        return ((eps, batch.images) for eps in self.budgets)

    def summary(self, arrays: Any, chance: float) -> Any:
        arrays["robust"] &= False
        return (self.score("robust_accuracy", 0.0, at=0.1, headline=True),) if self.doubled else ()


def test_what_summary_writes_into_its_arrays_reaches_no_record() -> None:
    outcome = Summing(eps=(0.1,))(Threshold(), grey([0.3, 0.7], [0, 1]))
    assert outcome.per_example["robust"].all()
    doubled = Summing(eps=(0.1,), doubled=True)(Threshold(), grey([0.3, 0.7], [0, 1]))
    assert "must not give robust_accuracy, which the library counts" in str(doubled.reason)


class Forged(Measurement):
    def __init__(self, evaluator: Evaluator, parts: dict[str, Any]) -> None:
        self.evaluator, self.parts = evaluator, parts

    def finish(self) -> Any:
        return self.evaluator.outcome(**self.parts)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (
            {"scores": (Score(name="top1", value=1.0, unit="fraction"),)},
            "score 'top1' in 'fraction', which it does not",
        ),
        (
            {"scores": (Score(name="q", value=1.0, unit="bytes"),)},
            "score 'q' in 'bytes', which it does not declare",
        ),
        ({"per_example": {"q": np.zeros(3)}}, r"q of shape \(3,\); expected 2 examples"),
    ],
)
def test_an_outcome_that_is_not_what_was_declared_fails_alone(parts: dict[str, Any], text: str) -> None:
    class Forger(Evaluator):
        name, scores = "forger", (ScoreSpec(name="q", unit="", headline=True),)

        def begin(self, context: Any) -> Any:
            return Forged(self, parts)

    run = sr.evaluate(Threshold(), grey([0.3, 0.7], [0, 1]), [Forger(), Accuracy()])
    assert run.outcomes["accuracy"].status == "ok"
    assert run.outcomes["forger"].status == "failed"
    assert re.search(text, str(run.outcomes["forger"].reason))


def test_an_evaluator_that_exits_is_failed_and_the_others_go_on() -> None:
    def leave(batch: Any) -> Any:
        raise SystemExit(0)

    run = sr.evaluate(Threshold(), grey([0.3], [0]), [attack_of(leave), Accuracy()])
    assert (run.outcomes["theirs"].status, run.outcomes["accuracy"].status) == ("failed", "ok")


def test_the_default_budgets_of_all_attacks_cannot_be_changed_by_one() -> None:
    with pytest.raises(TypeError):
        FixedBudgetAttack.default_eps["linf"] = (0.5,)  # type: ignore[index]
    assert isinstance(PGD.default_eps, types.MappingProxyType)


def test_an_attack_with_a_setting_that_no_text_tells_all_of_is_not_kept(tmp_path: Any) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Step(FixedBudgetAttack):
        name: ClassVar = "step"
        norm: ClassVar = "linf"

        size: Callable[[float], float]

        def within(self, batch: Any) -> Any:
            return ((eps, (batch.images + self.size(eps)).clamp(0, 1)) for eps in self.budgets)

    data = grey([0.45, 0.48], [0, 0])
    for factor, robust in ((0.0, 1.0), (1.0, 0.0)):
        attack = Step(eps=(0.1,), size=lambda eps, factor=factor: factor * eps)
        outcome = sr.evaluate(Threshold(), data, [attack], cache=tmp_path).outcomes["step"]
        assert (outcome.cached, value(outcome, "robust_accuracy")) == (0, robust)
