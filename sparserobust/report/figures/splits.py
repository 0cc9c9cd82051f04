"""Which curves share a panel: all of them, or where they would be too many, those of one offset or one mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.report.look.marks import Mark, mark
from sparserobust.report.text.names import OFFSETS, mask_name, offset_name, row_name, row_tag, tagged_name

LEGIBLE = 7  # curves in one panel, dense not counted

Method = tuple[str, Mark, list[Group]]
"""What one curve shows: its name, its mark, and its groups by sparsity."""


def methods(lineup: Lineup) -> list[Method]:
    """The curves of a comparison: one for each variant that has a network."""
    return [(tagged_name(groups[0]), mark(groups[0]), groups) for groups in lineup.methods()]


@dataclass(frozen=True)
class Split:
    """The curves of one panel; `title` is "" where all share it.

    Attributes:
        methods: the panel's own, named by what the title does not say.
        others: the curves of the other panels, drawn thin and grey for comparison.
    """

    title: str
    methods: tuple[Method, ...]
    others: tuple[Method, ...] = ()


def split(every: Sequence[Method]) -> list[Split]:
    """One panel up to `LEGIBLE` curves; else a panel for each offset, or for each mask where that is not enough."""
    if len(every) <= LEGIBLE:
        return [Split("", tuple(every))]
    by_offset = _by(every, lambda group: group.first.subject.offset)
    if len(by_offset) > 1 and max(len(own) for own in by_offset.values()) <= LEGIBLE:
        return [_split(OFFSETS[kind], own, every, _mask) for kind, own in by_offset.items()]
    by_mask = _by(every, lambda group: group.mask)
    return [_split(mask_name(own[0][2][0]), own, every, offset_name) for own in by_mask.values()]


def _by(every: Sequence[Method], key: Callable[[Group], str]) -> dict[str, list[Method]]:
    found: dict[str, list[Method]] = {}
    for method in every:
        found.setdefault(key(method[2][0]), []).append(method)
    return found


def _split(title: str, own: list[Method], every: Sequence[Method], short: Callable[[Group], str]) -> Split:
    """The panel of these curves, under the short names where there are several and these tell them apart."""
    names = [f"{short(groups[0])} {row_tag(groups[0])}".strip() for _, _, groups in own]
    if len(own) == 1 or len(set(names)) < len(own):
        names = [name for name, _, _ in own]
    named = tuple((name, mark, groups) for name, (_, mark, groups) in zip(names, own, strict=True))
    return Split(title, named, tuple(method for method in every if method not in own))


def _mask(group: Group) -> str:
    return mask_name(group) if group.first.subject.method else row_name(group)
