"""The colour, shape and name of each method: cool and filled = pruned, warm and hollow = runs dense."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sparserobust.records import SubjectRecord


@dataclass(frozen=True)
class Mark:
    """How one method looks, everywhere in the report.

    Attributes:
        slot: names the CSS variables `--c-slot` (mark) and `--t-slot` (text); never a word from a record.
        shape: matplotlib's letter of the marker.
        hollow: drawn as an outline, for networks that run dense.
        colour, text: of the light theme; `dark_colour`, `dark_text`: of the dark one.
    """

    slot: str
    shape: str
    hollow: bool
    colour: str
    text: str
    dark_colour: str
    dark_text: str

    @property
    def path(self) -> str:
        """The shape as SVG path data around the origin."""
        return PATHS[self.shape]


INK = Mark("ink", "D", False, "#1d1f23", "#1d1f23", "#e9e6e0", "#e9e6e0")
BLUE = Mark("blue", "o", False, "#0072b2", "#005d93", "#3d9bdc", "#6cb6ea")
GREEN = Mark("green", "s", False, "#009e73", "#00704f", "#2fb58c", "#4cc9a2")
SKY = Mark("sky", "^", False, "#56b4e9", "#1b76a8", "#8ccff5", "#a3d9f8")
PINK = Mark("pink", "v", False, "#cc79a7", "#a04a7c", "#dd97bf", "#e6add0")
INDIGO = Mark("indigo", "p", False, "#5a63b8", "#474fa0", "#8f97e3", "#a7aeee")
TEAL = Mark("teal", "h", False, "#3f8f97", "#23707a", "#66b7bf", "#84cbd2")
SLATE = Mark("slate", ">", False, "#6b7a8f", "#53627a", "#9dabc0", "#b3c0d3")
VERMILION = Mark("vermilion", "D", True, "#d55e00", "#a84800", "#ee8a45", "#f5a26a")
ORANGE = Mark("orange", "o", True, "#e69f00", "#8a5f00", "#f0bb45", "#f3c765")
BROWN = Mark("brown", "s", True, "#a66a2e", "#8a5420", "#cf9a63", "#dcb082")
CORAL = Mark("coral", "^", True, "#d1605e", "#a94442", "#ea8f8c", "#f0a7a4")

PATHS = {
    "o": "M-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0-8.4 0Z",
    "s": "M-4-4H4V4H-4Z",
    "D": "M0-5L5 0L0 5L-5 0Z",
    "^": "M0-4.8L4.8 4H-4.8Z",
    "v": "M0 4.8L4.8-4H-4.8Z",
    ">": "M4.8 0L-4 4.8V-4.8Z",
    "p": "M0-4.9L4.7-1.5L2.9 4H-2.9L-4.7-1.5Z",
    "h": "M0-4.9L4.2-2.4V2.4L0 4.9L-4.2 2.4V-2.4Z",
}
"""The shapes as SVG paths around the origin, by matplotlib's letter."""

MARKS = (INK, BLUE, GREEN, SKY, PINK, INDIGO, TEAL, SLATE, VERMILION, ORANGE, BROWN, CORAL)
_KNOWN = {
    "dense": INK,
    "snip": BLUE,
    "grasp": GREEN,
    "snip-it": SKY,
    "random": PINK,
    "magnitude": INDIGO,
    "freezenet": VERMILION,
    "dctps": ORANGE,
}
_PRUNED_CYCLE = (TEAL, SLATE, GREEN, SKY, INDIGO)
_DENSE_CYCLE = (BROWN, CORAL)
_NAMES = {
    "snip": "SNIP",
    "grasp": "GraSP",
    "snip-it": "SNIP-it",
    "starfire": "STARFIRE",
    "rigl": "RigL",
    "synflow": "SynFlow",
    "freezenet": "FreezeNet",
    "freezenet-wd": "FreezeNet-WD",
    "dctps": "DCTpS",
    "imp": "IMP",
}


def method_name(method: str) -> str:
    """A method's name as its paper writes it, else as registered."""
    return _NAMES.get(method, method)


def runs_dense(subject: SubjectRecord) -> bool:
    """Whether the network computes with a full offset, so that no multiply-add is saved."""
    return subject.offset != "zero"


def assign(subjects: Iterable[SubjectRecord]) -> dict[str, Mark]:
    """The mark of each method by its key (`mark_key`); unknown ones take the next free of their family."""
    marks: dict[str, Mark] = {}
    unknown: dict[str, bool] = {}
    for subject in subjects:
        key = mark_key(subject)
        if key in _KNOWN:
            marks[key] = _KNOWN[key]
        else:
            unknown[key] = runs_dense(subject)
    for family, cycle in ((False, _PRUNED_CYCLE), (True, _DENSE_CYCLE)):
        keys = sorted(key for key, dense in unknown.items() if dense is family)
        used = set(marks.values())
        order = [mark for mark in cycle if mark not in used] or list(cycle)
        marks |= {key: order[i % len(order)] for i, key in enumerate(keys)}
    return marks


def mark_key(subject: SubjectRecord) -> str:
    """What shares a mark: the method, or the label of a model that no method made."""
    return subject.method or subject.label
