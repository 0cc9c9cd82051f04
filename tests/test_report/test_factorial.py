"""Twelve variants x three sparsities x three seeds: names, colours and figures stay legible."""

from __future__ import annotations

import re

import pytest

from sparserobust.analysis import arrange
from sparserobust.report import summary_table
from sparserobust.report.figures.dots import CHARACTERS, two_lines
from sparserobust.report.figures.frontier import end_text
from sparserobust.report.figures.splits import LEGIBLE, methods, split
from sparserobust.report.page import render
from sparserobust.report.text.names import row_name
from sparserobust.report.text.threat import title

from .factorial import MASKS, OFFSETS, factorial
from .factory import run
from .test_page import full, read

NAMES = {"zero": "", "frozen": " + frozen", "dct": " + DCT"}
VARIANTS = [
    f"{mask}{NAMES[offset]}"
    for mask in ("random (EPL)", "random (ERK)", "SNIP", "SynFlow")
    for offset in OFFSETS
]


@pytest.fixture(scope="module")
def runs():
    return factorial()


@pytest.fixture(scope="module")
def page(runs):
    return render(runs)


def test_the_report_of_a_factorial_stays_below_two_megabytes(page):
    assert len(page.encode()) < 2_000_000
    read(page)


def test_every_variant_has_its_rows(runs):
    lineup = arrange(runs)
    assert [row_name(g) for g in lineup.at(0.9)] == VARIANTS
    assert len(lineup.sparse) == len(MASKS) * len(OFFSETS) * 3
    assert {len(g.runs) for g in lineup.groups} == {3}
    assert title(lineup) == "mlp5 on digits, three methods in twelve variants at three sparsities"


def test_no_panel_has_more_curves_than_can_be_read(runs):
    curves = split(methods(arrange(runs)))
    assert [one.title for one in curves] == ["zero offset", "frozen", "DCT"]
    masks = ["random (EPL)", "random (ERK)", "SNIP", "SynFlow"]
    assert all([name for name, _, _ in one.methods] == masks for one in curves)
    assert all(len(one.methods) + len(one.others) == len(VARIANTS) for one in curves)


def test_many_methods_of_one_offset_get_a_panel_each_and_few_share_one():
    many = methods(arrange([run(f"method{k}", 0.9) for k in range(LEGIBLE + 1)]))
    assert [one.title for one in split(many)] == [f"method{k}" for k in range(LEGIBLE + 1)]
    assert [len(one.methods) for one in split(many[:-1])] == [LEGIBLE]


def test_one_panel_of_layers_stands_for_every_offset_of_a_mask(page):
    section = page[page.index('id="layers"') : page.index('id="gradients"')]
    heads = re.findall(r'<figcaption><span class="[^"]*">([^<]*)</span>', section)
    assert heads == ["random (EPL)", "random (ERK)", "SNIP", "SynFlow"]
    assert "one panel stands for every offset of a mask" in section


def test_the_frontier_is_drawn_for_each_offset(page):
    section = page[page.index('id="frontier"') : page.index('id="eps"')]
    heads = re.findall(r'<figcaption><span class="[^"]*">([^<]*)</span>', section)
    assert heads == ["zero offset", "frozen", "DCT"] * 2
    assert "Grey lines are the curves of the other panels" in section


def test_every_name_can_be_read_whole_in_the_terminal(runs):
    lines = summary_table(runs).splitlines()
    assert max(len(line) for line in lines) <= 100
    for name in VARIANTS:
        assert sum(line.startswith(f"{name}  ") for line in lines) == 3
    assert "in the report: KiB, MACs" in lines


@pytest.mark.parametrize("name", [*VARIANTS, "FreezeNet-WD (prune_at_end=True) + frozen", "x" * 40])
def test_names_fit_the_margin_of_a_figure_in_two_lines(name):
    lines = two_lines(name).split("\n")
    assert len(lines) <= 2
    assert all(len(line) <= CHARACTERS + 1 for line in lines)


def test_names_break_before_the_offset_or_the_bracket():
    assert two_lines("random (EPL) + frozen") == "random (EPL)\n+ frozen"
    assert two_lines("SNIP (layer-shuffled)") == "SNIP\n(layer-shuffled)"
    assert two_lines("my very own network") == "my very own\nnetwork"


def test_a_label_at_a_line_keeps_its_number_and_gives_up_the_end_of_its_name():
    long = "SynFlow (schedule=one-shot)"
    facts = {"gone": False, "doubtful": False}
    assert end_text("SNIP", 45.21, labels_as="full", **facts) == "SNIP 45.2"
    assert end_text(long, 45.21, labels_as="brief", room=120, **facts).endswith("… 45.2")
    assert len(end_text(long, 45.21, labels_as="brief", room=120, **facts)) <= 21
    assert end_text("SNIP", 9.0, gone=True, doubtful=False, labels_as="brief", room=120) == "SNIP collapsed"
    gone = {"gone": True, "doubtful": False, "labels_as": "brief", "room": 122}
    assert end_text("random (ERK) x", 9.0, **gone) == "random (ERK) x"


def test_no_two_variants_look_alike_in_the_margin():
    assert len({two_lines(name) for name in VARIANTS}) == len(VARIANTS)


def test_dense_at_inference_is_said_where_the_name_does_not_say_the_offset():
    html = render([full("dense", 0.0), full("freezenet", 0.9, offset="frozen")])
    assert "dense at inference</span>" in html[: html.index('id="reliability"')]
    html = render([full("dense", 0.0), full("snip", 0.9, changed={"offset": "frozen"})])
    assert "dense at inference</span>" not in html[: html.index('id="reliability"')]
    assert "save no MACs" in html
