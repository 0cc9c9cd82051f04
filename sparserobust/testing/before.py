"""The laws of W_eff = offset + mask * values, for a method that fixes its mask before training."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.apply import sparsify
from sparserobust.data import Data
from sparserobust.errors import ConfigError
from sparserobust.methods.base import Method
from sparserobust.methods.by_score import PruneByScore
from sparserobust.methods.parameters import WithAllocation, WithControl
from sparserobust.restore import load_subject
from sparserobust.sparsity.allocation import allocate, kept_count
from sparserobust.subject import Subject
from sparserobust.testing.choice import SEED, check_examples, check_repeats
from sparserobust.testing.networks import examples_of, random_state, small_data, small_networks
from sparserobust.uses import effective_weights
from sparserobust.weights.plan import sha256_of

SPARSITY = 0.8


def check_before(method: Method, params: dict[str, Any]) -> None:
    """Raises AssertionError, naming the law, unless the method keeps what a method before training must keep.

    On a network with BatchNorm and on a residual one: the exact count and the sparsity reported, the same mask for the
    same seed, after another sparsity and whatever the global random states are, scores on all the examples given,
    sparsity 0 as dense, the model and the random states unchanged by scoring, both controls, bit-identical logits from
    a saved model, and the law off the mask after every step of SGD with momentum, Adam and AdamW, with weight decay.
    An offset that decays is gamma * W0 there, and Adam is refused.
    """
    data, name = small_data(), method.name
    sparsity = 0.0 if name == "dense" else SPARSITY
    control = method.control if isinstance(method, WithControl) else None
    published = isinstance(method, WithAllocation) and method.allocation.endswith("-published")
    for model in small_networks():

        def make(target: float, model: nn.Module = model, **changes: Any) -> Subject:
            return sparsify(model, name, target, data, seed=SEED, **params | changes)

        before = _state(model)
        subject = make(sparsity)
        after = _state(model)
        for what, was in before.items():
            assert after[what] == was, f"scoring by {name} changed {what}"
        _check_count(subject, method, sparsity)
        _check_start(subject, model, method)
        check_repeats(subject, method, model, data, sparsity)
        own_statistics = method.scoring().get("batchnorm") == "batch"  # of each batch: its size counts
        if isinstance(method, PruneByScore) and method.samples is not None and not own_statistics:
            check_examples(method, model, data)
        if method.offset != "dct" and not control and not published:
            _check_zero(make(0.0), model, name)
        if isinstance(method, WithControl) and not control:
            _check_controls(subject, make, method)
        _check_saved(subject, model, data, name)
        for optimizer in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
            _check_law(copy.deepcopy(subject), data, optimizer, method)


def _check_count(subject: Subject, method: Method, sparsity: float) -> None:
    """Exactly k + rescued; under a published rule for ties or allocation what that rule says."""
    name, rescued = method.name, sum(subject.rescued.values())
    k = kept_count(subject.prunable, sparsity)
    if isinstance(method, WithAllocation) and method.allocation.endswith("-published"):
        shapes = {key: tuple(mask.shape) for key, mask in _masks(subject).items()}
        k = sum((allocate(method.allocation, shapes, k) or {}).values())
    got = subject.kept - rescued
    ties = method.ties if isinstance(method, PruneByScore) else "draw"
    fits = {"draw": got == k, "keep": got >= k, "drop": got <= k, "strict": got < k}[ties]
    assert fits, (
        f"{name} keeps {subject.kept} weights, expected exactly {k + rescued}; keep model.kept_at(sparsity) of them"
    )
    asked = isinstance(method, WithControl) and method.rescue
    assert asked or not rescued, f"{name} rescued weights without a stated rescue rule"
    assert subject.sparsity == 1 - subject.kept / subject.prunable, f"{name} reports another sparsity"
    assert subject.target_sparsity == sparsity


def _check_start(subject: Subject, model: nn.Module, method: Method) -> None:
    """Before training: the weights that the method starts from on the mask, its offset elsewhere."""
    new = isinstance(method, WithControl) and method.control == "reinitialised"
    start = subject.parent if new else effective_weights(model)
    assert start is not None
    plan = subject.plan
    for key, weight in subject.effective_weights().items():
        mask, offset = plan[key].mask, plan[key].offset
        assert plan[key].kind == method.offset
        on_mask = offset if method.offset == "dct" else start[key]
        wanted = torch.where(mask, on_mask, offset)
        assert torch.equal(weight, wanted), f"{method.name}: {key} is not what training starts from"
        if method.offset == "zero":
            assert not bool(offset.any()), f"{method.name}: the offset of {key} is not zero"
        elif method.offset == "frozen":
            assert torch.equal(offset, start[key]), (
                f"{method.name}: the offset of {key} is not its initial weight"
            )


def _check_zero(subject: Subject, model: nn.Module, name: str) -> None:
    dense = effective_weights(model)
    assert subject.kept == subject.prunable, f"{name} at sparsity 0 does not keep every weight"
    for key, weight in subject.effective_weights().items():
        assert torch.equal(weight, dense[key]), f"{name} at sparsity 0 is not the dense network in {key}"


def _check_controls(subject: Subject, make: Callable[..., Any], method: Method) -> None:
    """Layer-shuffled: as many in each layer; reinitialised: the same mask under other weights."""
    name, masks = method.name, _masks(subject)
    shuffled: Subject = make(SPARSITY, control="layer-shuffled")
    for key, mask in _masks(shuffled).items():
        counts = [int(m.sum()) - s.rescued.get(key, 0) for m, s in ((masks[key], subject), (mask, shuffled))]
        assert counts[0] == counts[1], f"{name} shuffled keeps another number of weights in {key}"
    if method.offset == "dct":
        return
    new: Subject = make(SPARSITY, control="reinitialised", initialisation="kaiming-normal")
    for key, weight in new.effective_weights().items():
        assert torch.equal(_masks(new)[key], masks[key]), f"{name} reinitialised has another mask of {key}"
        changed = weight[masks[key]] != subject.effective_weights()[key][masks[key]]
        assert bool(changed.all()), f"{name} reinitialised has old weights in {key}"


def _check_saved(subject: Subject, model: nn.Module, data: Data, name: str) -> None:
    """A file brings back logits, masks and offsets, bit for bit."""
    images = examples_of(data)[0]
    with tempfile.TemporaryDirectory() as folder:
        back = load_subject(subject.save(Path(folder) / "m.sparse"), model=copy.deepcopy(model))
    with torch.no_grad():
        logits = [copy.deepcopy(s.model).eval()(images) for s in (subject, back)]
    assert torch.equal(logits[0], logits[1]), f"{name}: a saved model has other logits"
    for key, plan in subject.plan.items():
        same = torch.equal(plan.mask, back.plan[key].mask) and torch.equal(plan.offset, back.plan[key].offset)
        assert same, f"{name}: a saved model has another mask or offset of {key}"


def _check_law(subject: Subject, data: Data, optimizer: Any, method: Method) -> None:
    """Three steps; after each, off the mask W_eff is the offset, exactly."""
    name, decay = method.name, subject.weights.decay
    settings = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    stepper = optimizer(subject.model.parameters(), lr=0.05, weight_decay=0.01, **settings)
    if decay is not None and optimizer is torch.optim.Adam:
        try:
            subject.weights.hold(stepper)
        except ConfigError:
            return
        raise AssertionError(f"{name}: Adam decays each weight by another factor and was not refused")
    handle = subject.weights.hold(stepper)
    images, labels = examples_of(data)
    start, initial = _values(subject), subject.plan
    gamma = dict.fromkeys(initial, 1.0)
    for _ in range(3):
        stepper.zero_grad()
        F.cross_entropy(subject.model.train()(images), labels).backward()  # type: ignore[no-untyped-call]
        stepper.step()
        effective = subject.effective_weights()
        for key, plan in subject.plan.items():
            off = ~plan.mask
            assert torch.equal(plan.mask, initial[key].mask), f"{name}: the mask of {key} changed in a step"
            assert torch.equal(effective[key][off], plan.offset[off]), (
                f"{name}: off the mask {key} is not its {plan.kind} offset after a step of {optimizer.__name__}"
            )
            if plan.kind == "dct":
                continue  # alpha is trained
            wanted = initial[key].offset if decay is None else initial[key].offset * decay.gamma[key]
            assert torch.equal(plan.offset, wanted), (
                f"{name}: the offset of {key} is not {'gamma times ' if decay else ''}that of the start"
            )
            if decay is not None:
                assert decay.gamma[key] < gamma[key], (
                    f"{name}: weight decay does not shrink the offset of {key}"
                )
                gamma[key] = decay.gamma[key]
    handle.remove()
    moved = any(not torch.equal(a, b) for a, b in zip(start, _values(subject), strict=True))
    assert moved, f"{name}: no kept weight was trained"


def _state(model: nn.Module) -> dict[str, Any]:
    """All that scoring must leave as it was, comparable with ==."""
    return {
        "a weight or buffer": sha256_of(model.state_dict()),
        "a submodule's mode": [module.training for module in model.modules()],
        "what asks for a gradient": [p.requires_grad for p in model.parameters()],
        ".grad": [p.grad is None for p in model.parameters()],
    } | random_state()


def _masks(subject: Subject) -> dict[str, Tensor]:
    return subject.weights.masks


def _values(subject: Subject) -> list[Tensor]:
    return [values.detach().clone() for values in subject.weights.values.values()]
