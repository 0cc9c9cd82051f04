"""`OneLine`: a repr of one line, however much an object holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LONGEST = 120
_LONGEST_TEXT = 32
_LONGEST_LIST = 4


class OneLine:
    """A class whose repr, and `str`, is one line of ASCII: its name, and what tells one object from another.

    A dataclass that derives from it says `repr=False`, which leaves this repr in place.
    """

    def _shown(self) -> Iterable[str]:
        """What stands in the brackets, most important first; what finds no room is left out.

        The fields that hold something, unless a class has more to say.
        """
        fields: Any = self
        names = getattr(type(self), "model_fields", None) or [own.name for own in dataclasses.fields(fields)]
        for name in names:
            if (text := shown(getattr(self, name))) is not None:
                yield f"{name}={text}"

    def __repr__(self) -> str:
        try:
            parts = list(self._shown())
        except Exception:  # half made, or it holds what it should not
            parts = ["incomplete"]
        return one_line(type(self).__name__, parts)

    def __str__(self) -> str:
        return repr(self)


def one_line(name: str, parts: Iterable[str]) -> str:
    """ "name(part, part)" in ASCII, at most 120 characters long; "..." stands for what has no room."""
    text = ""
    for part in parts:
        longer = f"{text}, {_plain(part)}" if text else _plain(part)
        if len(name) + len(longer) + 2 > LONGEST - len(", ..."):
            text = f"{text}, ..." if text else f"{longer[: LONGEST - len(name) - 5]}..."
            break
        text = longer
    return f"{name}({text})"


def shown(value: object) -> str | None:
    """A value in a few characters, one that is itself of one line by its first part; None where there is nothing."""
    if isinstance(value, OneLine):
        return f"{type(value).__name__}({next(iter(value._shown()), '')})"
    if value is None or (isinstance(value, str | Mapping | Sequence) and not value):
        return None
    if isinstance(value, str):
        return repr(_cut(value))
    if isinstance(value, int | float):
        return short(value)
    if isinstance(value, Mapping):
        return f"{{{_names(value)}}}"
    if isinstance(value, Sequence):
        return _listed(value)
    shape, kind = getattr(value, "shape", None), type(value).__name__
    return kind if shape is None else f"{kind} {tuple(shape)}"


def short(value: float | None) -> str:
    """A number in four digits, six from a thousand on, whole ones in full."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.6g}"


def spaced(parts: Iterable[object]) -> str:
    """Several parts as one, numbers in short."""
    return " ".join(short(part) if isinstance(part, float) else str(part) for part in parts)


def _names(values: Mapping[Any, Any]) -> str:
    names = [_cut(str(name)) for name in values]
    return ", ".join(names) if len(names) <= _LONGEST_LIST else f"{len(names)} keys"


def _listed(values: Sequence[Any]) -> str:
    if len(values) <= _LONGEST_LIST and all(
        one is None or isinstance(one, str | int | float) for one in values
    ):
        return f"({', '.join(shown(one) or repr(one) for one in values)})"
    kinds = {type(one).__name__ for one in values}
    return f"{len(values)} {kinds.pop() if len(kinds) == 1 else 'items'}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def _plain(text: str) -> str:
    """The text in ASCII and without line breaks."""
    return " ".join(text.encode("ascii", "backslashreplace").decode("ascii").split())
