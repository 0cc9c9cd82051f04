"""`check_method`: the laws of W_eff = offset + mask * values, for one method."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from sparserobust.apply import build_method, sparsify
from sparserobust.data import Data
from sparserobust.sparsity.allocation import kept_count
from sparserobust.subject import Subject
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.weights.plan import prunable_modules, values_of

SPARSITY = 0.8


def check_method(name: str, **params: Any) -> None:
    """Raises AssertionError, naming the law, unless the method keeps what every method must keep.

    On a network with BatchNorm and on a residual one: the exact count, the same mask for the same seed, the
    model and the random states unchanged by scoring, and the law off the mask after every step of SGD with
    momentum, Adam and AdamW, with weight decay.

    Args:
        name: as registered.
        params: the method's parameters.
    """
    data = small_data()
    method = build_method(name, params)
    sparsity = 0.0 if name == "dense" else SPARSITY
    for model in small_networks():
        before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
        random_before = torch.get_rng_state()
        subject = sparsify(model, name, sparsity, data, seed=3, **params)
        again = sparsify(model, name, sparsity, data, seed=3, **params)
        k = kept_count(subject.prunable, sparsity) + sum(subject.rescued.values())
        assert subject.kept == k, f"{name} keeps {subject.kept} weights, expected exactly {k}"
        assert method.rescue or not subject.rescued, f"{name} rescued weights without a stated rescue rule"
        for key, mask in subject.weights.masks.items():
            assert torch.equal(mask, again.weights.masks[key]), (
                f"{name} drew another mask of {key} for the same seed"
            )
        for key, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[key]), f"scoring by {name} changed {key}"
        assert torch.equal(random_before, torch.get_rng_state()), (
            f"scoring by {name} moved the global random state"
        )
        for optimizer in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
            _check_law(sparsify(model, name, sparsity, data, seed=3, **params), data, optimizer, name)


def _check_law(subject: Subject, data: Data, optimizer: Any, name: str) -> None:
    """Three steps; after each, off the mask W_eff is the offset, exactly."""
    settings = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    stepper = optimizer(subject.model.parameters(), lr=0.05, weight_decay=0.01, **settings)
    handle = subject.weights.hold(stepper)
    assert isinstance(data.train, torch.utils.data.Dataset)
    images, labels = data.train.slice(torch.arange(32))  # type: ignore[attr-defined]
    start = _values(subject.model)
    for _ in range(3):
        stepper.zero_grad()
        F.cross_entropy(subject.model.train()(images), labels).backward()  # type: ignore[no-untyped-call]
        stepper.step()
        effective = subject.effective_weights()
        for key, plan in subject.plan.items():
            off = ~plan.mask
            assert torch.equal(effective[key][off], plan.offset[off]), (
                f"{name}: off the mask {key} is not its {plan.kind} offset after a step of {optimizer.__name__}"
            )
    handle.remove()
    moved = any(not torch.equal(a, b) for a, b in zip(start, _values(subject.model), strict=True))
    assert moved, f"{name}: no kept weight was trained"


def _values(model: nn.Module) -> list[torch.Tensor]:
    return [values_of(module).detach().clone() for module in prunable_modules(model).values()]
