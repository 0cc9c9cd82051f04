"""What a method says of itself: a frozen dataclass with a name and a source, that keeps nothing from call to call."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from sparserobust.methods.base import Method

HOLDERS = (list, dict, set, bytearray, Tensor, torch.Generator)
"""What can be written into without being set."""


def check_declared(name: str, factory: Any) -> None:
    """Raises AssertionError unless what is registered by this name is declared as a method."""
    is_method = isinstance(factory, type) and issubclass(factory, Method)
    assert is_method, (
        f"{name} must be a class derived from PruneBeforeTraining or PruneDuringTraining, got {factory!r}"
    )
    assert "__dataclass_fields__" in vars(factory), (
        f"{factory.__name__} is no dataclass of its own, so that its parameters are not seen; write "
        "@dataclass(frozen=True, kw_only=True) above the class"
    )
    for stated in ("name", "source"):
        value = getattr(factory, stated, None)
        given = isinstance(value, str) and value != ""
        assert given, (
            f"{factory.__name__} states no {stated}; write `{stated}: ClassVar[str] = ...` in the class"
        )
    assert factory.name == name, (
        f"the entry point {name!r} holds a method called {factory.name!r}; give both one name"
    )
    own = [field for field in fields(factory) if field.name in ("name", "title", "source", "recipe")]
    assert not own, (
        f"{own[0].name} of {name} must not be a parameter; write `{own[0].name}: ClassVar[str] = ...`"
    )
    positional = [field.name for field in fields(factory) if not field.kw_only]
    assert not positional, (
        f"{positional[0]} of {name} can be given without its name; write @dataclass(frozen=True, kw_only=True)"
    )


def contents(method: Method) -> dict[str, str]:
    """Attribute -> what it holds, of the method and of its classes below `Method`, in a form that can be compared.

    Raises:
        AssertionError: a parameter that can change.
    """
    for field in fields(method):
        value = getattr(method, field.name)
        assert not isinstance(value, HOLDERS), (
            f"{field.name} of {method.name} is a {type(value).__name__}, which can change; make it a tuple or a number"
        )
    own = {key: _written(value) for key, value in vars(method).items()}
    for cls in type(method).__mro__:
        if issubclass(cls, Method) and cls is not Method:
            held = {key: value for key, value in vars(cls).items() if not key.startswith(("__", "_abc"))}
            own |= {key: _written(value) for key, value in held.items() if isinstance(value, HOLDERS)}
    return own


def _written(value: Any) -> str:
    return repr(value.get_state().tolist()) if isinstance(value, torch.Generator) else repr(value)
