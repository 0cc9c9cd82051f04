"""Colour and shape of each row: they name the mask; the filling names the offset.

Filled is pruned, hollow is frozen, hollow with a dot is DCT. Masks that only stand under a full offset have warm
colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sparserobust.analysis.lineup import Group


@dataclass(frozen=True)
class Mark:
    """How one row looks, everywhere in the report.

    Attributes:
        slot: names the CSS variables `--c-slot` (mark) and `--t-slot` (text); never a word from a record.
        shape: matplotlib's letter of the marker.
        hollow: drawn as an outline, for networks that are dense at inference.
        colour, text: of the light theme; `dark_colour`, `dark_text`: of the dark one.
        dot: with a dot in the outline, for a DCT offset.
    """

    slot: str
    shape: str
    hollow: bool
    colour: str
    text: str
    dark_colour: str
    dark_text: str
    dot: bool = False

    @property
    def path(self) -> str:
        """The shape as SVG path data around the origin."""
        return PATHS[self.shape]

    @property
    def middle(self) -> tuple[float, float]:
        """Where the dot of a DCT offset sits: a triangle has its room away from its tip."""
        return {"^": (0, 1.3), "v": (0, -1.3), ">": (-1.3, 0), "<": (1.3, 0)}.get(self.shape, (0, 0))


INK = Mark("ink", "D", False, "#1d1f23", "#1d1f23", "#e9e6e0", "#e9e6e0")
BLUE = Mark("blue", "o", False, "#0072b2", "#005d93", "#3d9bdc", "#6cb6ea")
GREEN = Mark("green", "s", False, "#009e73", "#00704f", "#2fb58c", "#4cc9a2")
SKY = Mark("sky", "^", False, "#56b4e9", "#1b76a8", "#8ccff5", "#a3d9f8")
PINK = Mark("pink", "v", False, "#cc79a7", "#a04a7c", "#dd97bf", "#e6add0")
INDIGO = Mark("indigo", "p", False, "#5a63b8", "#474fa0", "#8f97e3", "#a7aeee")
TEAL = Mark("teal", "h", False, "#3f8f97", "#23707a", "#66b7bf", "#84cbd2")
SLATE = Mark("slate", ">", False, "#6b7a8f", "#53627a", "#9dabc0", "#b3c0d3")
VIOLET = Mark("violet", "<", False, "#8f55ad", "#7b4398", "#b98ad4", "#c9a3df")
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
    "<": "M-4.8 0L4 4.8V-4.8Z",
    "p": "M0-4.9L4.7-1.5L2.9 4H-2.9L-4.7-1.5Z",
    "h": "M0-4.9L4.2-2.4V2.4L0 4.9L-4.2 2.4V-2.4Z",
}
"""The shapes as SVG paths around the origin, by matplotlib's letter."""

MARKS = (INK, BLUE, GREEN, SKY, PINK, INDIGO, TEAL, SLATE, VIOLET, VERMILION, ORANGE, BROWN, CORAL)
_PRUNED = (BLUE, GREEN, SKY, PINK, INDIGO, TEAL, SLATE, VIOLET)
_DENSE_AT_INFERENCE = (VERMILION, ORANGE, BROWN, CORAL)
_SHAPES = tuple(PATHS)


def mark(group: Group) -> Mark:
    """The mark of a row: its mask's colour and shape, filled as its offset says."""
    if group.dense:
        return INK
    family = _DENSE_AT_INFERENCE if group.only_dense_at_inference else _PRUNED
    turn, place = divmod(group.mask_number, len(family))
    own = family[place]
    if turn:  # the colours are used up: one again with another shape
        own = replace(own, shape=_SHAPES[(_SHAPES.index(own.shape) + turn) % len(_SHAPES)])
    return replace(own, hollow=group.dense_at_inference, dot=group.first.subject.offset == "dct")
