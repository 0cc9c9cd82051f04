"""Colours and shapes: one for each mask, the filling for its offset, legible in both themes."""

from __future__ import annotations

import pytest

from sparserobust.analysis import arrange
from sparserobust.report.look.marks import INK, MARKS, mark

from .factorial import MASKS, factorial
from .factory import run


def marks(*runs):
    return {group.first.subject.method: mark(group) for group in arrange(runs).groups}


def test_one_mask_has_one_colour_and_shape_and_its_offset_the_filling():
    looks = {}
    for group in arrange(factorial(seeds=1)).sparse:
        own = mark(group)
        looks.setdefault(group.mask, set()).add((own.slot, own.shape))
        offset = group.first.subject.offset
        assert (own.hollow, own.dot) == (offset != "zero", offset == "dct")
    assert all(len(look) == 1 for look in looks.values())
    assert len(set.union(*looks.values())) == len(MASKS)


def test_thirty_masks_are_still_told_apart():
    found = marks(*(run(f"method{k}", 0.9) for k in range(30)))
    assert len({(own.slot, own.shape) for own in found.values()}) == 30


def test_a_mask_of_another_control_is_another_mask():
    plain, shuffled = run("snip", 0.9), run("snip", 0.9, changed={"control": "layer-shuffled"})
    slots = [mark(group).slot for group in arrange([shuffled, plain]).groups]
    assert len(set(slots)) == 2


def test_methods_take_the_colours_of_their_family():
    found = marks(
        run("snip", 0.9),
        run("theirs", 0.9),
        run("other", 0.9),
        run("icy", 0.9, offset="frozen"),
        run("dense", 0.0),
    )
    assert len(set(found.values())) == 5
    assert found["dense"] == INK
    hollow = {name for name, own in found.items() if own.hollow}
    assert hollow == {"icy"}
    by_slot = {own.slot: own for own in MARKS}
    assert by_slot[found["icy"].slot].hollow  # of the warm family
    assert not by_slot[found["theirs"].slot].hollow


def test_the_order_of_the_runs_changes_no_mark():
    runs = [run(name, 0.9) for name in ("snip", "theirs", "other")]
    assert marks(*runs) == marks(*runs[::-1])


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.slot)
def test_method_names_can_be_read_in_both_themes(mark):
    assert contrast(mark.text, "#fdfcfa") >= 4.7
    assert contrast(mark.dark_text, "#15171b") >= 4.7


def test_every_colour_of_a_figure_means_one_variable():
    colours = [colour for mark in MARKS[1:] for colour in (mark.colour, mark.text)]
    assert len(colours) == len(set(colours))
