"""A model under examination stays as it was: weights, buffers, modes, gradients and random states."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Guard:
    """Remembers a model and the global random states; `restore` puts back what has changed since.

    Unchanged tensors are recognised by their version counter, so that a check costs nothing; `thorough`
    compares the values as well, for code that writes behind autograd's back.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modes = {module: module.training for module in model.modules()}
        self._needs_grad = {p: p.requires_grad for p in model.parameters()}
        self._grads = {p: (p.grad, _copy(p.grad)) for p in model.parameters()}
        self._versions = {t: t._version for t in self._tensors()}
        self._values = {t: t.detach().clone() for t in self._versions}
        self._random = _random_states()

    def _tensors(self) -> Iterator[Tensor]:
        yield from chain(self.model.parameters(), self.model.buffers())

    def restore(self, *, thorough: bool = False) -> list[str]:
        """Puts everything back; returns what had changed: "weights or buffers", "mode", ".grad", "random state"."""
        changed: set[str] = set()
        with torch.no_grad():
            for tensor, value in self._values.items():
                if tensor._version != self._versions[tensor] or (thorough and not _same(tensor, value)):
                    if not _same(tensor, value):
                        tensor.copy_(value)
                        changed.add("weights or buffers")
                    self._versions[tensor] = tensor._version
        for module, training in self._modes.items():
            if module.training != training:
                module.training = training
                changed.add("mode")
        for parameter, needed in self._needs_grad.items():
            if parameter.requires_grad != needed:
                parameter.requires_grad_(needed)
            gradient, kept = self._grads[parameter]
            if parameter.grad is not gradient:
                parameter.grad = gradient
                changed.add(".grad")
            if gradient is not None and kept is not None and not _same(gradient, kept):
                gradient.copy_(kept)
                changed.add(".grad")
        if not _equal_states(self._random, _random_states()):
            _set_random_states(self._random)
            changed.add("random state")
        return sorted(changed)


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Whatever happens inside, the model and the global random states are as before afterwards."""
    guard = Guard(model)
    try:
        yield
    finally:
        guard.restore(thorough=True)


@contextmanager
def examined(model: nn.Module) -> Iterator[Guard]:
    """In evaluation mode, no parameter asking for gradients; yields the guard; all as before afterwards."""
    modes = {module: module.training for module in model.modules()}
    needs_grad = {p: p.requires_grad for p in model.parameters()}
    model.eval().requires_grad_(False)
    guard = Guard(model)
    try:
        yield guard
    finally:
        guard.restore(thorough=True)
        for module, training in modes.items():
            module.training = training
        for parameter, needed in needs_grad.items():
            parameter.requires_grad_(needed)


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().clone()


def _same(a: Tensor, b: Tensor) -> bool:
    """Bit for bit, so that NaN equals itself."""
    if a.is_floating_point():
        return bool(((a == b) | (a.isnan() & b.isnan())).all())
    return torch.equal(a, b)


_States = tuple[Tensor, list[Tensor], Any, Any]


def _random_states() -> _States:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    return torch.get_rng_state(), cuda, random.getstate(), np.random.get_state()


def _set_random_states(states: _States) -> None:
    torch.set_rng_state(states[0])
    if states[1]:
        torch.cuda.set_rng_state_all(states[1])
    random.setstate(states[2])
    np.random.set_state(states[3])


def _equal_states(a: _States, b: _States) -> bool:
    return (
        torch.equal(a[0], b[0])
        and len(a[1]) == len(b[1])
        and all(torch.equal(x, y) for x, y in zip(a[1], b[1], strict=True))
        and a[2] == b[2]
        and all(np.array_equal(x, y) for x, y in zip(a[3], b[3], strict=True))
    )
