"""What the attributes of a model are, as data that is the same in every process."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import functools
import hashlib
import json
import sys
import types
import weakref
from collections import deque
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.source_code import is_library
from sparserobust.source_code.bytecode import code_facts
from sparserobust.weights.plan import bytes_of

PLAIN = (bool, int, float, complex, str, bytes, range, type(None), type(...))
TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)
NAMESPACES = (types.SimpleNamespace, argparse.Namespace)
DEEPEST = 12
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
NOT_STATE = {*vars(nn.Module()), "_compiled_call_impl"}
"""What torch itself keeps in a module, or made of it."""


class Description:
    """Values described one by one.

    Attributes:
        code: classes and functions that were met, in whose code it lies what they do.

    Args:
        names: `id` of what has a name in the model (modules, parameters, buffers) -> that name.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self.code: list[object] = []
        self._names = names
        self._open: list[int] = []

    def of(self, value: object) -> Any:
        """What JSON can hold of a value; of what is neither data nor callable only its class."""
        if isinstance(value, weakref.ProxyTypes):
            return "weak"
        if id(value) in self._names:
            return ["named", self._names[id(value)]]
        if isinstance(value, enum.Enum):
            return [self._class(type(value)), value.name]
        if isinstance(value, PLAIN):
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, TORCH):
            return str(value)
        if id(value) in self._open or len(self._open) > DEEPEST:
            return "again" if id(value) in self._open else "too deep"
        self._open.append(id(value))
        try:
            return self._nested(value)
        finally:
            self._open.pop()

    def module(self, module: nn.Module) -> list[Any]:
        """Class, constants, attributes and hooks of a module, without weights, buffers and submodules."""
        attributes = {
            name: self.of(value)
            for name, value in sorted(vars(module).items())
            if name not in NOT_STATE and not _is_computed(module, name)
        }
        hooks = [[self.of(hook) for hook in vars(module).get(kind, {}).values()] for kind in HOOKS]
        compiled = str(module.code) if isinstance(module, torch.jit.ScriptModule) else ""
        return [self.of(type(module)), _constants(type(module)), attributes, hooks, compiled]

    def _nested(self, value: object) -> Any:
        kind = type(value).__name__
        if isinstance(value, nn.Module):  # one that is held, but is no submodule
            held = [value._parameters, value._buffers, value._modules]
            return [kind, *self.module(value), *map(self.of, held)]
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            return [kind, self.of(value.tolist())]
        if isinstance(value, Tensor | np.ndarray | np.generic):
            return [kind, *_numbers(value)]
        if isinstance(value, list | tuple | deque):
            return [kind, [self.of(item) for item in value]]
        if isinstance(value, dict):
            return [kind, [[self.of(key), self.of(item)] for key, item in value.items()]]
        if isinstance(value, set | frozenset):
            return [kind, sorted(json.dumps(self.of(item)) for item in value)]
        if isinstance(value, functools.partial):
            return [kind, self.of(value.func), self.of(value.args), self.of(value.keywords)]
        if isinstance(value, types.MethodType):
            return [kind, self.of(value.__func__), self.of(value.__self__)]
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.ModuleType | types.BuiltinFunctionType | np.ufunc):
            self.code.append(value)
            return [kind, getattr(value, "__module__", ""), value.__name__]
        return self._object(value)

    def _class(self, kind: type) -> str:
        self.code.append(kind)
        return f"{kind.__module__}.{kind.__qualname__}"

    def _function(self, function: types.FunctionType) -> list[Any]:
        """Which function it is; of one that a user's code made, what it was made with."""
        self.code.append(function)
        name = f"{function.__module__}.{function.__qualname__}"
        if is_library(str(function.__module__)):
            return [name]
        made = code_facts(function.__code__) if function.__name__ == "<lambda>" else ""
        enclosed = [_content(cell) for cell in function.__closure__ or ()]
        given = [function.__defaults__, function.__kwdefaults__, enclosed]
        return [name, made, *map(self.of, given)]

    def _object(self, value: object) -> list[Any]:
        """Class and attributes of a dataclass, of what can be called, and of what a user's class made."""
        kind = type(value)
        own, home = self._class(kind), str(kind.__module__)
        is_data = dataclasses.is_dataclass(value) or isinstance(value, NAMESPACES)
        is_called = callable(value) and home.split(".")[0] not in sys.stdlib_module_names
        if is_library(home) and not is_data and not is_called:
            return [own]
        return [own, [[name, self.of(item)] for name, item in sorted(_attributes(value).items())]]


def _is_computed(module: nn.Module, name: str) -> bool:
    """Whether an attribute is a weight that a hook computes anew in each pass: pruned, or of unit norm."""
    return any(f"{name}{ending}" in module._parameters for ending in ("_orig", "_g"))


def _constants(kind: type) -> dict[str, str]:
    """The plain values that a user's class and its bases hold."""
    return {
        f"{base.__qualname__}.{name}": repr(value)
        for base in kind.__mro__
        if not is_library(str(base.__module__))
        for name, value in sorted(vars(base).items())
        if isinstance(value, PLAIN) and not name.startswith("__")
    }


def _numbers(value: Tensor | np.ndarray | np.generic) -> list[str]:
    """dtype, shape and sha256 of the content, where there is one that can be read."""
    try:
        content = bytes_of(value) if isinstance(value, Tensor) else np.asarray(value).tobytes()
    except Exception:  # a tensor without content, or in a layout of its own
        content = b""
    return [str(value.dtype), str(tuple(value.shape)), hashlib.sha256(content).hexdigest()]


def _attributes(value: object) -> dict[str, object]:
    """What an object holds, in a dictionary or in slots."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # nothing in it yet
        return None
