"""A deep copy of any network, also of one that holds what Python cannot copy."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from sparserobust.errors import ModelError, said_by

Copied = TypeVar("Copied")


def deep_copy(thing: Copied, model: nn.Module, known: dict[int, Any] | None = None) -> Copied:
    """A copy of a network, or of what holds one, with weights and buffers of its own.

    What a module holds beside them and cannot be copied, such as a lock, a file or a connection, the copy shares. A
    scripted module is copied without its history of gradients, so that its weights can be trained.

    Args:
        thing: the network or what holds it.
        model: the network.
        known: id of an object -> what stands for it in the copy.

    Raises:
        ModelError: the network refuses to be copied.
    """
    try:
        return _copied(thing, model, dict(known or {}))
    except Exception:  # whatever the user's objects raise
        memo = {**_shared(model), **(known or {})}
    try:
        return _copied(thing, model, memo)
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} cannot be copied ({type(error).__name__}: {said_by(error)}), and it is examined "
            "on copies; make copy.deepcopy(model) work"
        ) from error


def _copied(thing: Copied, model: nn.Module, memo: dict[int, Any]) -> Copied:
    if not any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        return copy.deepcopy(thing, memo)
    with torch.no_grad():  # else the parameters of the copy would be computed from those of the original
        copied = copy.deepcopy(thing, memo)
    for twin, parameter in zip(memo[id(model)].parameters(), model.parameters(), strict=True):
        twin.requires_grad_(parameter.requires_grad)
    return copied


def _shared(model: nn.Module) -> dict[int, Any]:
    """Id -> object, of all that modules hold and that cannot be copied."""
    shared: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            if not _is_copyable(value):
                inside = [part for part in _parts(value) if not _is_copyable(part)]
                shared |= {id(each): each for each in (inside or [value])}
    return shared


def _parts(value: object) -> list[Any]:
    """What lies in a container."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _is_copyable(value: object) -> bool:
    if isinstance(value, Tensor | nn.Module):
        return True  # which `deep_copy` sees to
    if isinstance(value, dict) and any(isinstance(part, nn.Module) for part in value.values()):
        return True  # submodules are looked at themselves
    try:
        copy.deepcopy(value)
    except Exception:  # whatever it raises
        return False
    return True
