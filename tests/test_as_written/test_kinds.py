"""Kinds of networks that torch makes of a plain one: they have its numbers, or are refused in one line."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import sparserobust as sr
from evaluators import FGSM, CarliniWagner
from sparserobust.errors import ModelError
from sparserobust.weights.fingerprint import fingerprint
from tests.test_as_written.networks import SHAPE, examples, plain

EVALUATORS: list[Any] = ["accuracy", FGSM(eps=(0.01, 0.05)), CarliniWagner(steps=10), "saliency"]
EVALUATORS += ["flops", "storage", "connectivity"]


def half_zero(model: nn.Sequential) -> nn.Sequential:
    """The plain network, half of whose linear weights are 0 by a hook of torch."""
    prune.l1_unstructured(model[3], "weight", 0.5)
    return model


def removed(model: nn.Sequential) -> nn.Sequential:
    prune.remove(half_zero(model)[3], "weight")
    return model


class Compiled(nn.Module):
    """A network of which a part is compiled."""

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        self.features = torch.compile(model[:3], backend="aot_eager")
        self.head = model[3]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


def locked(model: nn.Sequential) -> nn.Sequential:
    model.lock = threading.Lock()
    model[0].notes = {"log": sys.stderr, "names": ["a"]}
    return model


def normed(function: Callable[[nn.Module], nn.Module], model: nn.Sequential) -> nn.Sequential:
    function(model[3])
    return model.eval()


EQUAL: dict[str, Callable[[], nn.Module]] = {
    "compiled": lambda: torch.compile(plain(), backend="eager"),
    "compiled in part": lambda: Compiled(plain()),
    "data parallel": lambda: nn.DataParallel(plain()),
    "compiled and data parallel": lambda: torch.compile(nn.DataParallel(plain()), backend="eager"),
    "scripted": lambda: torch.jit.script(plain()),
    "jit-traced": lambda: torch.jit.trace(plain(), examples()[0]),
    "frozen": lambda: plain().requires_grad_(False),
    "partly frozen": lambda: nn.Sequential(plain()[:3].requires_grad_(False), plain()[3]),
    "with a lock and a stream": lambda: locked(plain()),
    "in training mode": lambda: plain().train(),
    "weight norm, old": lambda: normed(nn.utils.weight_norm, plain()),
    "weight norm": lambda: normed(nn.utils.parametrizations.weight_norm, plain()),
}
SPARSIFIED = [kind for kind in EQUAL if not kind.startswith("weight norm")]


@pytest.fixture(autouse=True)
def without_deprecations():
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch.jit, torch.ao.quantization and the old weight_norm announce their end
        yield


def scores_of(model: Any) -> dict[str, Any]:
    run = sr.evaluate(model, examples(), EVALUATORS)
    assert all(outcome.status == "ok" for outcome in run.outcomes.values()), run.outcomes
    scores = {(name, s.name, s.at): s.value for name, outcome in run.outcomes.items() for s in outcome.scores}
    scores.pop(("flops", "fvcore_macs", None))  # torch.jit cannot trace what is compiled
    return {**scores, "sparsity": run.subject.sparsity, "prunable": run.subject.prunable}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return scores_of(plain())


@pytest.mark.parametrize("kind", EQUAL)
def test_it_has_the_numbers_of_the_plain_network(kind, expected):
    found = scores_of(EQUAL[kind]())
    if kind.startswith(
        "weight norm"
    ):  # which computes the same weight to rounding, and stores its lengths too
        assert found.keys() == expected.keys()
        known = {key for key, value in expected.items() if value is not None}
        differing = {key for key in known if found[key] != pytest.approx(expected[key], rel=1e-4, abs=1e-6)}
        assert {key[0] for key in differing} <= {"storage"}
    else:
        assert found == expected


def test_masks_of_torchs_hooks_are_zeros_of_the_weights():
    hooked, plainly = scores_of(half_zero(plain())), scores_of(removed(plain()))
    assert hooked == plainly
    assert plainly["sparsity"] == pytest.approx(720 / 1548)


@pytest.mark.parametrize("kind", SPARSIFIED)
@pytest.mark.parametrize("method", ["snip", "freezenet"])
def test_a_method_makes_of_it_what_it_makes_of_the_plain_network(kind, method):
    data, model = examples(), EQUAL[kind]()
    mine, theirs = (sr.sparsify(m, method, 0.6, data) for m in (model, plain()))
    for mask, other in zip(mine.weights.masks.values(), theirs.weights.masks.values(), strict=True):
        assert torch.equal(mask, other)
    if kind == "frozen":
        with pytest.raises(ModelError, match=r"has no parameter to train: requires_grad is False for all"):
            sr.train(mine, data, recipe="digits", epochs=2)
        return
    for one in (mine, theirs):
        sr.train(one, data, recipe="digits", epochs=2)
    weights, others = mine.effective_weights(), theirs.effective_weights()
    if kind == "partly frozen":
        assert (
            torch.equal(weights["0.0.weight"], mine.weights.masks["0.0.weight"] * plain()[0].weight)
            or method != "snip"
        )
        return
    for name, weight, other in zip(weights, weights.values(), others.values(), strict=True):
        assert torch.equal(weight, other), name
    assert not torch.equal(list(weights.values())[1], plain()[3].weight)


def test_training_a_wrapped_network_trains_what_is_in_it():
    inner = plain()
    before = inner[3].weight.detach().clone()
    sr.train(nn.DataParallel(inner), examples(), recipe="digits", epochs=1)
    assert not torch.equal(inner[3].weight, before)


def test_only_what_is_not_frozen_is_trained():
    model = plain()
    model[0].requires_grad_(False)
    subject = sr.sparsify(model, "magnitude", 0.5)
    start = subject.model[0].weight.detach().clone(), subject.model[3].weight.detach().clone()
    sr.train(subject, examples(), recipe="digits", epochs=2)
    assert torch.equal(subject.model[0].weight, start[0])
    assert not torch.equal(subject.model[3].weight, start[1])
    assert not subject.model[0].weight.requires_grad


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))


def in_csr() -> nn.Module:
    model = plain()
    model[3].weight = nn.Parameter(model[3].weight.detach().to_sparse_csr())
    return model


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(192, 10, dtype=torch.complex64))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.flatten(1).to(torch.complex64) @ self.weight).abs()


class Unwilling(nn.Sequential):
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise RuntimeError("not me")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "lazy": (lazy, r"1\.weight has no shape yet, as its layer is lazy; run the model on one image first"),
    "meta": (lambda: plain().to("meta"), r"0\.weight is on the meta device and has no values"),
    "sparse layout": (in_csr, r"3\.weight is kept in the layout sparse_csr; make it dense first"),
    "exported": (
        lambda: torch.export.export(plain(), (examples()[0],)).module(),
        "is what torch.export makes",
    ),
    "exported program": (lambda: torch.export.export(plain(), (examples()[0],)), r"its \.module\(\) is one"),
    "state_dict": (lambda: plain().state_dict(), "got a state_dict; load it into a network"),
    "name": (lambda: "mlp5", r"create_model\('mlp5', data\) makes one"),
    "class": (lambda: nn.Identity, "call it to make one"),
    "nothing": (lambda: None, "must be a torch.nn.Module, got NoneType"),
    "NaN": (lambda: plain().apply(_with_nan), "entries that are NaN or infinite"),
}


@torch.no_grad()
def _with_nan(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        module.weight[0, 0] = torch.nan


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("use", ["evaluate", "sparsify", "train", "one evaluator", "dense model"])
def test_what_cannot_be_used_is_refused_in_one_line_by_everything(kind, use):
    made, message = REFUSED[kind]
    data = examples()
    uses: dict[str, Callable[[Any], object]] = {
        "evaluate": lambda m: sr.evaluate(m, data, ["accuracy"]),
        "sparsify": lambda m: sr.sparsify(m, "snip", 0.5, data),
        "train": lambda m: sr.train(m, data, epochs=1),
        "one evaluator": lambda m: FGSM()(m, data),
        "dense model": lambda m: sr.evaluate(plain(), data, ["transfer"], dense_model=m),
    }
    if use == "dense model" and kind == "nothing":
        return
    with pytest.raises(ModelError, match=message) as refused:
        uses[use](made())
    assert "\n" not in str(refused.value)


def test_complex_weights_are_scored_and_neither_pruned_nor_trained():
    data = examples()
    run = sr.evaluate(Complex(), data, ["accuracy", "fgsm"])
    assert {outcome.status for outcome in run.outcomes.values()} == {"ok"}
    for use in (
        lambda: sr.sparsify(Complex(), "magnitude", 0.5),
        lambda: sr.train(Complex(), data, epochs=1),
    ):
        with pytest.raises(ModelError, match="weight is complex"):
            use()


@pytest.mark.parametrize("kind", ["scripted", "jit-traced"])
def test_a_dct_offset_on_a_scripted_network_is_refused(kind):
    with pytest.raises(ModelError, match=r"a scripted network is fixed"):
        sr.sparsify(EQUAL[kind](), "dctps", 0.5)


@pytest.mark.parametrize("norm", [nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm])
def test_a_dct_offset_under_spectral_norm_is_refused_and_masks_are_not(norm):
    with pytest.raises(ModelError, match="make it a plain weight first"):
        sr.sparsify(normed(norm, plain()), "dctps", 0.5)
    subject = sr.sparsify(normed(norm, plain()), "magnitude", 0.5)
    assert sr.train(subject, examples(), recipe="digits", epochs=1).status == "completed"


def test_a_network_that_refuses_to_be_copied_is_refused_in_one_line():
    with pytest.raises(ModelError, match=r"Unwilling cannot be copied \(RuntimeError: not me\)") as refused:
        sr.sparsify(Unwilling(*plain()), "magnitude", 0.5)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_copied_is_shared_and_what_can_is_not():
    model = locked(plain())
    copied = sr.sparsify(model, "magnitude", 0.0).model
    assert copied.lock is model.lock
    assert copied[0].notes["log"] is model[0].notes["log"]
    assert copied[0].notes["names"] is not model[0].notes["names"]
    assert copied[0].weight is not model[0].weight


def quantised(scale: float = 1.0) -> nn.Module:
    model = plain()
    with torch.no_grad():
        model[3].weight.mul_(scale)
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})


def test_quantised_layers_are_scored_and_what_they_multiply_is_not_measured():
    images, labels = examples()
    run = sr.evaluate(quantised(), (images, labels), ["accuracy", "fgsm", "flops", "storage", "connectivity"])
    hits = (quantised()(images).argmax(1) == labels).double().mean()
    assert run.outcomes["accuracy"].score("top1").value == float(hits)
    assert run.outcomes["fgsm"].status == "failed"
    for name in ("flops", "storage", "connectivity"):
        assert run.outcomes[name].status == "skipped"
        assert "quantized::linear_dynamic" in str(run.outcomes[name].reason)
    assert run.subject.untraced is not None
    for use in (
        lambda: sr.sparsify(quantised(), "magnitude", 0.5),
        lambda: sr.train(quantised(), (images, labels)),
    ):
        with pytest.raises(ModelError, match="has quantised layers"):
            use()


def test_two_quantised_networks_are_not_taken_for_one():
    one, other = (sr.evaluate(quantised(scale), examples(), ["accuracy"]).subject for scale in (1.0, 3.0))
    assert one.weights_sha256 != other.weights_sha256
    assert fingerprint(quantised(1.0)) == fingerprint(quantised(1.0))
    assert fingerprint(quantised(1.0)) != fingerprint(quantised(3.0))


def test_shape_of_images_is_not_guessed_for_a_traced_network():
    assert sr.sparsify(EQUAL["jit-traced"](), "magnitude", 0.5, input_shape=SHAPE).prunable == 1548
