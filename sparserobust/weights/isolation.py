"""A model under examination stays as it was: weights, buffers, modes, gradients and random states."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

_MISSING = object()


class Guard:
    """Remembers models; `restore` puts back, bit for bit, what has changed since.

    Besides weights and buffers that is what a module is made of: submodules, hooks, attributes, a `forward` of its own
    or of its class, and hooks on all modules. What a list or dict of the user's holds may change: models count there.

    Args:
        models: as they are now.
        known: guards of the same models since whose making no weight and no buffer has changed: their copies serve
            here too.
    """

    def __init__(self, *models: nn.Module, known: Iterable[Guard] = ()) -> None:
        modules = [module for model in models for module in model.modules()]
        parameters = [p for model in models for p in model.parameters()]
        buffers = [b for model in models for b in model.buffers()]
        self._made_of = {id(module): (module, vars(module), _contents(vars(module))) for module in modules}
        self._classes = {kind: vars(kind).get("forward") for kind in {type(module) for module in modules}}
        self._global = _contents(_global_hooks())
        self._needs_grad = {p: p.requires_grad for p in parameters}
        self._grads = {p: (p.grad, _copy(p.grad)) for p in parameters}
        copies = {t: value for guard in known for t, value in guard._values.items()}
        self._values: dict[Tensor, Tensor] = {
            t: copies[t] if t in copies else t.detach().clone() for t in chain(parameters, buffers)
        }

    @torch.no_grad()
    def restore(self) -> None:
        """The models are as they were, and so are `requires_grad` and `.grad` of their parameters."""
        for module, members, content in self._made_of.values():
            if vars(module) is not members:
                module.__dict__ = members
            _put_back(members, content)
        for kind, forward in self._classes.items():
            if vars(kind).get("forward") is not forward:
                setattr(kind, "forward", forward) if forward is not None else delattr(kind, "forward")
        _put_back(_global_hooks(), self._global)
        for tensor, value in self._values.items():
            if tensor.shape != value.shape or tensor.dtype != value.dtype or tensor.device != value.device:
                tensor.data = value.clone()
            elif not _same_bits(tensor, value):
                tensor.copy_(value)
        for parameter, needed in self._needs_grad.items():
            parameter.requires_grad_(needed)
            gradient, before = self._grads[parameter]
            parameter.grad = gradient
            if gradient is not None and before is not None:
                gradient.copy_(before)


def _contents(members: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name -> (the member, what it holds where it is one of torch's dicts or sets, else None)."""
    return {
        name: (value, copy(value) if name.startswith("_") and isinstance(value, dict | set) else None)
        for name, value in members.items()
    }


def _put_back(members: dict[str, Any], content: dict[str, tuple[Any, Any]]) -> None:
    """Makes the members, and what they hold, those that were remembered; touches nothing that is so already."""
    for name in [name for name in members if name not in content]:
        del members[name]
    for name, (value, held) in content.items():
        if members.get(name, _MISSING) is not value:
            members[name] = value
        if held is not None and not _same_items(value, held):
            value.clear()
            value.update(held)


def _same_items(one: Any, other: Any) -> bool:
    """Whether both hold the very same objects, in the same order where there is one."""
    if len(one) != len(other):
        return False
    if isinstance(one, dict):
        return all(a is b and one[a] is other[b] for a, b in zip(one, other, strict=True))
    return {id(item) for item in one} == {id(item) for item in other}


def _global_hooks() -> dict[str, Any]:
    """Torch's hooks on all modules, by name."""
    return {
        name: value
        for name, value in vars(torch_module).items()
        if name.startswith("_global_") and isinstance(value, dict)
    }


@contextmanager
def isolated(model: nn.Module) -> Iterator[Guard]:
    """Whatever happens inside, the model and the global random states are as before afterwards; yields its guard."""
    guard = Guard(model)
    try:
        with random_states_kept():
            yield guard
    finally:
        guard.restore()


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Every module is in the mode that it was in before."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def examined(model: nn.Module) -> Iterator[Guard]:
    """In evaluation mode, no parameter asking for gradients; yields a guard of that; all as before afterwards."""
    with isolated(model) as before:
        model.eval()
        for parameter in model.parameters():  # one by one, as a scripted module refuses it as a whole
            parameter.requires_grad_(False)
            parameter.grad = None
        yield Guard(model, known=[before])


@contextmanager
def random_states_seeded(seed: int) -> Iterator[None]:
    """As `random_states_kept`, and inside the streams of torch, numpy and Python begin at this seed."""
    with random_states_kept():
        for seeded in (torch.manual_seed, np.random.seed, random.seed):
            seeded(seed)
        yield


@contextmanager
def random_states_kept() -> Iterator[None]:
    """The global random states of torch, CUDA, numpy and Python are as before, and so are torch's dtype and threads."""
    dtype, threads, errors = torch.get_default_dtype(), torch.get_num_threads(), np.geterr()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        np.seterr(**errors)
        torch.set_rng_state(states[0])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        random.setstate(states[1])
        np.random.set_state(states[2])


def _same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal bit for bit; on the CPU by numpy, which is five times faster than torch.equal there."""
    if a.device.type != "cpu" or not a.is_contiguous() or a.dtype == torch.bfloat16:
        return torch.equal(a, b)
    bits = f"i{a.element_size()}"
    return np.array_equal(a.detach().numpy().view(bits), b.numpy().view(bits))


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().clone()
