"""Networks in float16, bfloat16 and float64: images, budgets and logits are float32 all the same."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from evaluators import FGSM, CarliniWagner, Connectivity, MinimumNorm, Square
from sparserobust.report import write_report
from sparserobust.scoring import Evaluator
from sparserobust.scoring.contract import Measurement
from sparserobust.training import session
from tests.test_as_written.networks import examples, plain

TYPES = [torch.float16, torch.bfloat16, torch.float64]
HALVES = TYPES[:2]
EPS = (0.01, 0.05)


def by_hand(model: nn.Module, dtype: torch.dtype) -> tuple[Tensor, list[Tensor]]:
    """(which are right, which still are at each eps) of FGSM on float32 images, written out."""
    images, labels = examples()
    images = images.clone().requires_grad_()
    logits = model(images.to(dtype)).float()
    F.cross_entropy(logits, labels, reduction="sum").backward()
    moved = [(images.detach() + eps * images.grad.sign()).clamp(0, 1) for eps in EPS]
    with torch.no_grad():
        return logits.argmax(1) == labels, [model(m.to(dtype)).float().argmax(1) == labels for m in moved]


@pytest.mark.parametrize("dtype", TYPES)
def test_accuracy_and_fgsm_are_those_of_float32_images_in_its_own_type(dtype):
    model = plain().to(dtype)
    right, standing = by_hand(plain().to(dtype), dtype)
    run = sr.evaluate(model, examples(), ["accuracy", FGSM(eps=EPS)])
    assert run.subject.dtype == str(dtype).removeprefix("torch.")
    accuracy, fgsm = run.outcomes["accuracy"], run.outcomes["fgsm"]
    assert np.array_equal(accuracy.per_example["correct"], right.numpy())
    for eps, stands in zip(EPS, standing, strict=True):
        assert fgsm.score("robust_accuracy", at=eps).value == float((right & stands).double().mean())
    assert all(parameter.dtype == dtype for parameter in model.parameters())


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("evaluator", sr.list_evaluators())
def test_every_evaluator_measures_it(dtype, evaluator):
    data = sr.load_data("digits")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))
    sr.train(model, data, epochs=2, recipe="digits")
    outcome = sr.evaluate(model.to(dtype), data, [evaluator], limit=40).outcomes[evaluator]
    if evaluator == "transfer":
        assert str(outcome.reason) == "needs-dense-model"
        outcome = sr.evaluate(model.to(dtype), data, [evaluator], limit=40, dense_model=plain_on(1)).outcomes[
            evaluator
        ]
    if evaluator == "gradient-norm" and outcome.status == "skipped":
        return
    assert outcome.status == "ok", outcome.reason


def plain_on(channels: int) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(channels, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))


@pytest.mark.parametrize("dtype", TYPES)
def test_distances_differ_from_those_of_float32_by_its_rounding_alone(dtype):
    attacks = [CarliniWagner(), MinimumNorm(), Square(eps=(0.1,))]
    ours, single = (sr.evaluate(m, examples(), attacks).outcomes for m in (plain().to(dtype), plain()))
    slack = 100 * torch.finfo(dtype).eps if dtype in HALVES else 1e-4
    for name in ("carlini-wagner", "minimum-norm"):
        one, other = (outcomes[name].per_example["distance"] for outcomes in (ours, single))
        both = np.isfinite(one) & np.isfinite(other)
        assert both.sum() > 10
        assert np.median(np.abs(one[both] - other[both])) < slack * np.median(other[both])
        assert (one[both] > 0).mean() > 0.5


@pytest.mark.parametrize("dtype", TYPES)
def test_a_plugin_sees_float32_whatever_the_network_computes_in(dtype):
    seen: dict[str, Any] = {}

    class Looks(Evaluator):
        name: ClassVar = "looks"

        def begin(self, context: Any) -> Measurement:
            class Looking(Measurement):
                def update(self, batch: Any) -> None:
                    seen.update(
                        images=batch.images.dtype,
                        logits=batch.logits.dtype,
                        called=batch.model(batch.images).dtype,
                    )
                    seen.update(gradient=batch.loss_gradient.dtype)

                def finish(self) -> Any:
                    return Looks().outcome()

            return Looking()

    sr.evaluate(plain().to(dtype), examples(), [Looks()])
    assert set(seen.values()) == {torch.float32}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("method", ["magnitude", "snip", "freezenet", "dctps", "rigl"])
def test_half_precision_is_trained_on_float32_weights_which_are_rounded_at_the_end(dtype, method, tmp_path):
    data, model = examples(), plain().to(dtype)
    subject, single = (
        sr.sparsify(model, method, 0.6, data),
        sr.sparsify(plain().to(dtype).float(), method, 0.6, data),
    )
    for one in (subject, single):
        assert sr.train(one, data, recipe="digits", epochs=3).status == "completed"
    for name, values in subject.weights.values.items():
        assert values.dtype == dtype
        if method != "dctps":  # whose start is rounded: the block is kept in the network's type
            assert torch.equal(values, single.weights.values[name].to(dtype)), name
        assert torch.equal(subject.weights.masks[name], single.weights.masks[name])
    for name, one in subject.plan.items():
        effective = subject.effective_weights()[name]
        assert torch.equal(effective[~one.mask], one.offset[~one.mask])
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=plain())
    assert torch.equal(back.adapter().eval()(data[0]), subject.adapter().eval()(data[0]))
    assert back.record().dtype == str(dtype).removeprefix("torch.")


def test_a_training_in_half_precision_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path, monkeypatch):
    data, file = examples(), tmp_path / "half.checkpoint"
    whole, cut = (sr.sparsify(plain().half(), "magnitude", 0.5) for _ in range(2))
    sr.train(whole, data, recipe="digits", epochs=3)
    write = session.write_checkpoint

    def write_and_stop(*arguments: Any) -> None:
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "write_checkpoint", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        sr.train(cut, data, recipe="digits", epochs=3, checkpoint=file)
    monkeypatch.undo()
    assert {parameter.dtype for parameter in cut.model.parameters()} == {torch.float16}
    again = sr.sparsify(plain().half(), "magnitude", 0.5)
    sr.train(again, data, recipe="digits", epochs=3, checkpoint=file)
    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_scores_of_weights_are_taken_in_float32():
    """In half precision most of these products are 0, which would be ties."""
    small = plain()
    with torch.no_grad():
        small[3].weight.mul_(1e-4)
    halved = sr.sparsify(small.half(), "snip", 0.5, examples()).weights.masks
    single = sr.sparsify(small.half().float(), "snip", 0.5, examples()).weights.masks
    assert all(torch.equal(halved[name], single[name]) for name in single)


def test_the_report_says_what_a_network_computes_in(tmp_path):
    runs = [
        sr.evaluate(m, examples(), ["accuracy", "fgsm"], label=n)
        for n, m in (("a", plain()), ("b", plain().half()))
    ]
    page = write_report(runs, tmp_path / "r.html").read_text()
    assert "Computed in float16, with images, budgets and logits in float32: b 0." in page


@pytest.mark.parametrize("dtype", TYPES)
def test_connectivity_is_that_of_its_zeros(dtype):
    model = plain()
    with torch.no_grad():
        model[3].weight[:, :100] = 0
    expected, found = (Connectivity()(m, examples()).scores for m in (model, model.to(dtype)))
    assert [(s.name, s.value) for s in found] == [(s.name, s.value) for s in expected]


def test_images_in_float64_are_scored_as_float32():
    images, labels = examples()
    one, two = (sr.evaluate(plain(), (x, labels), ["fgsm"]) for x in (images, images.double()))
    assert one.outcomes["fgsm"].scores == two.outcomes["fgsm"].scores
    assert one.data.sha256 == two.data.sha256
