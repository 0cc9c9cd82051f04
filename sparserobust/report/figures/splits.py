"""Which curves share a panel: all of them, or where they would be too many, those of one offset or one mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparserobust.report.groups import Group
from sparserobust.report.marks import Mark
from sparserobust.report.names import OFFSETS

LEGIBLE = 7  # curves in one panel, dense not counted

Method = tuple[str, Mark, list[Group]]


@dataclass(frozen=True)
class Split:
    """The curves of one panel; `title` is "" where all share it.

    Attributes:
        methods: as `Lineup.methods` gives them, named by what the title does not say.
        others: the curves of the other panels, drawn thin and grey for comparison.
    """

    title: str
    methods: tuple[Method, ...]
    others: tuple[Method, ...] = ()


def split(methods: Sequence[Method]) -> list[Split]:
    """One panel up to `LEGIBLE` curves; else a panel for each offset, or for each mask where that is not enough."""
    if len(methods) <= LEGIBLE:
        return [Split("", tuple(methods))]
    by_offset = _by(methods, lambda group: group.first.subject.offset)
    if len(by_offset) > 1 and max(len(own) for own in by_offset.values()) <= LEGIBLE:
        return [_split(OFFSETS[kind], own, methods, _mask) for kind, own in by_offset.items()]
    by_mask = _by(methods, lambda group: group.mask)
    return [_split(mask, own, methods, _offset) for mask, own in by_mask.items()]


def _by(methods: Sequence[Method], key: Callable[[Group], str]) -> dict[str, list[Method]]:
    found: dict[str, list[Method]] = {}
    for method in methods:
        found.setdefault(key(method[2][0]), []).append(method)
    return found


def _split(title: str, own: list[Method], methods: Sequence[Method], short: Callable[[Group], str]) -> Split:
    """The panel of these curves, under the short names where there are several and these tell them apart."""
    names = [f"{short(groups[0])} {groups[0].tag}".strip() for _, _, groups in own]
    if len(own) == 1 or len(set(names)) < len(own):
        names = [name for name, _, _ in own]
    named = tuple((name, mark, groups) for name, (_, mark, groups) in zip(names, own, strict=True))
    return Split(title, named, tuple(method for method in methods if method not in own))


def _mask(group: Group) -> str:
    return group.mask if group.first.subject.method else group.name


def _offset(group: Group) -> str:
    return OFFSETS[group.first.subject.offset]
