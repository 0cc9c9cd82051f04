"""Which dicts in a file could be the weights: all that hold tensors by name, wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

USUAL = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "module",
)
"""What the weights of a checkpoint are usually called, first choice first."""
AVERAGES = frozenset({"ema", "swa", "averaged", "average", "avg"})
"""What a running average of the weights is called by; it is chosen last."""
DEEPEST = 50
"""How many dicts and lists may lie inside one another; what lies deeper is not looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """Tensors by name in a file.

    Attributes:
        place: the keys under which the dict lies, from the outermost.
        values: all that it holds under names; what is no tensor may still be a quantised layer's.
    """

    place: tuple[str, ...]
    values: Mapping[str, object]

    @property
    def name(self) -> str:
        """Its place with dots: "ckpt.state_dict", "" for the whole file."""
        return ".".join(self.place)


Rank = tuple[bool, int, int]


def rank(place: tuple[str, ...], prefix: str) -> Rank:
    """Which of several that fit comes first: the smallest.

    Args:
        place: where the dict lies.
        prefix: of the names in it that are taken, with the dot at its end.
    """
    parts = prefix.split(".")[:-1]
    words = {word for text in (*place, *parts) for word in re.split(r"[^a-z]+", text.lower())}
    return bool(words & AVERAGES), _order(place[-1:]), _order(tuple(parts[:1]))


def _order(part: tuple[str, ...]) -> int:
    if not part:
        return 0
    return 1 + (USUAL.index(part[0]) if part[0] in USUAL else len(USUAL))


def candidates(tree: object) -> list[Candidate]:
    """Every dict that holds tensors itself."""
    found = ((place, _named(node)) for place, node in _dicts(tree))
    return [Candidate(place=place, values=values) for place, values in found if _tensors(values)]


def joint_candidates(tree: object) -> list[Candidate]:
    """Every dict of dicts of tensors as one, their names joined by dots: {"encoder": ..., "head": ...}."""
    found = [(place, dict(_flat(node))) for place, node in _dicts(tree) if _holds_dicts(node)]
    return [Candidate(place=place, values=values) for place, values in found if _tensors(values)]


def is_optimizer(node: object) -> bool:
    """Whether it is what an optimizer's `state_dict()` gives."""
    return isinstance(node, Mapping) and {"state", "param_groups"} <= set(node)


def is_of_optimizer(key: str) -> bool:
    """Whether what lies under this key are an optimizer's averages, which have names and shapes of weights."""
    return re.fullmatch(r"(exp_avg|momentum|moment|optim|adam|scheduler|lr_sched).*", key.lower()) is not None


def _dicts(
    node: object, place: tuple[str, ...] = (), seen: frozenset[int] = frozenset()
) -> Iterator[tuple[tuple[str, ...], Mapping[object, object]]]:
    """Every dict with its place, outer ones first; those of optimizers are passed over, and so are circles."""
    if id(node) in seen or len(seen) > DEEPEST or is_optimizer(node):
        return
    seen |= {id(node)}
    if isinstance(node, Mapping):
        yield place, node
        inside = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, list | tuple):
        inside = [(str(number), value) for number, value in enumerate(node)]
    else:
        return
    for key, value in inside:
        if isinstance(value, Mapping | list | tuple) and not is_of_optimizer(key):
            yield from _dicts(value, (*place, key), seen)


def _named(node: Mapping[object, object]) -> dict[str, object]:
    return {key: value for key, value in node.items() if isinstance(key, str)}


def _tensors(values: Mapping[str, object]) -> bool:
    return any(isinstance(value, Tensor) for value in values.values())


def _holds_dicts(node: Mapping[object, object]) -> bool:
    return any(isinstance(value, Mapping) for value in node.values())


def _flat(
    node: Mapping[object, object], prefix: str = "", seen: frozenset[int] = frozenset()
) -> Iterator[tuple[str, object]]:
    """Names with dots, through dicts in dicts."""
    if id(node) in seen or len(seen) > DEEPEST or is_optimizer(node):
        return
    for key, value in node.items():
        if is_of_optimizer(str(key)):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.", seen | {id(node)})
        else:
            yield f"{prefix}{key}", value
