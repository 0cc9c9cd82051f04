"""Which weights a sparsity is about: said once, where they are not all, and never where they are."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse
from sparserobust.records import OutsideParameter, PartRecord, Run, remark
from sparserobust.report.sections.layers import LayersSection
from sparserobust.report.table.notes import table_notes
from sparserobust.report.table.rows import main_table
from sparserobust.report.terminal.summary import summary_table
from sparserobust.report.text.remarks import sentence
from sparserobust.report.text.share import share_lines

from .factory import accuracy, attacked, first, run, storage

HEAD = OutsideParameter(name="head.weight", numel=250, why="excluded", is_weight=True)
POSITIONS = OutsideParameter(name="positions", numel=99, why="add", is_weight=False)


def without(original: Run, *outside: OutsideParameter, exclude: tuple[str, ...] = ()) -> Run:
    """The run of 1000 prunable weights with others outside."""
    numel = sum(one.numel for one in outside if one.is_weight)
    facts = {"exclude": exclude, "outside": numel / (1000 + numel), "outside_parameters": outside}
    return original.model_copy(update={"subject": original.subject.model_copy(update=facts)})


def lines(*runs: Run) -> list[str]:
    return share_lines(analyse(runs).lineup.groups)


DENSE, SNIP = run("dense", 0.0, accuracy(first(190))), run("snip", 0.9, accuracy(first(180)))


def test_nothing_is_said_where_the_sparsity_is_about_all_weights_or_that_is_not_known():
    assert lines(DENSE, SNIP) == []
    assert lines(without(DENSE), without(SNIP, POSITIONS)) == []


def test_one_sentence_for_all_rows_says_the_share_and_what_is_excluded():
    runs = [without(own, HEAD, POSITIONS, exclude=("head", "pos*")) for own in (DENSE, SNIP)]
    text = "Sparsity is a share of the prunable weights, which are 80.0 % of all weights; head and pos* excluded."
    assert lines(*runs) == [text]
    assert text in summary_table(runs).replace("\n    ", " ").splitlines()
    table = main_table(analyse(runs))
    assert [str(note) for note in table_notes(table)[0]].count(text) == 1
    assert table.sections[1].about == "target; 100 of 1\u202f000 prunable weights kept"


def test_rows_of_other_shares_are_named():
    (line,) = lines(DENSE, without(SNIP, HEAD, exclude=("head",)))
    assert line.startswith("The sparsity of SNIP 0.9 is a share of the prunable weights, which are 80.0 %")


@pytest.mark.parametrize(
    ("why", "numel", "names", "text"),
    [
        ("looked-up", 1, 1, "99.9 % of all weights; w0 used as an embedding too."),
        ("computed", 500, 2, "50.0 % of all weights; w0 and w1 not pruned entry by entry."),
        (
            "_cdist_forward",
            250,
            4,
            "50.0 % of all weights; 4 tensors in _cdist_forward, which no rule follows.",
        ),
        ("excluded", 1000, 1, "50.0 % of all weights; w0 without a mask."),
    ],
)
def test_other_weights_outside_say_why(why, numel, names, text):
    own = [OutsideParameter(name=f"w{i}", numel=numel, why=why, is_weight=True) for i in range(names)]
    (line,) = lines(without(DENSE, *own))
    assert line == f"Sparsity is a share of the prunable weights, which are {text}"


def test_a_share_that_is_not_all_never_reads_as_all():
    own = without(DENSE, HEAD).subject.model_copy(update={"outside": 1e-6})
    (line,) = lines(DENSE.model_copy(update={"subject": own}))
    assert "which are more than 99.9 % of all weights" in line


def test_rows_that_exclude_something_else_stand_apart_with_what_they_exclude():
    found = analyse([DENSE, SNIP, without(SNIP, HEAD, exclude=("head",))])
    tags = [[facet.value for facet in group.tag] for group in found.lineup.sparse]
    assert sorted(tags) == [[], [["head"]]]
    assert {row.tag for section in main_table(found).sections for row in section.rows} == {
        "",
        "head excluded",
    }


def test_what_cannot_be_traced_has_no_sparsity_and_says_why():
    why = remark("raised", error="CannotTrace", message="Net does not run on an image of shape (1, 8, 8)")
    facts = {
        "untraced": why,
        "layers": (),
        "prunable": 0,
        "kept": 0,
        "sparsity": 0.0,
        "target_sparsity": None,
    }
    mine = run(None, 0.0, *attacked(190, 100), label="mine")
    runs = [mine.model_copy(update={"subject": mine.subject.model_copy(update=facts)})]
    (row,) = [row for section in main_table(analyse(runs)).sections for row in section.rows]
    assert (row.sparsity, row.clean.text, row.primary.text) == ("—", "95.0", "50.0")
    (line,) = lines(*runs)
    assert line.startswith("mine: ")
    assert "which weights can be sparse is not known: CannotTrace: Net does not run on an image" in line
    text = summary_table(runs)
    assert text.splitlines()[2].split()[:3] == ["mine", "-", "95.0"]
    assert "not known: CannotTrace" in text.replace("\n    ", " ")


def test_the_thirds_of_fused_weights_have_a_table_and_a_collapsed_one_its_name():
    original = run("snip", 0.9, storage(0.9, 0.1))
    first_layer, second = original.subject.layers
    assert second.kept == 100
    kept = {"q": (80, 60), "k": (60, 40), "v": (60, 0)}
    parts = tuple(PartRecord(name=name, numel=numel, kept=own) for name, (numel, own) in kept.items())
    layers = (first_layer, second.model_copy(update={"parts": parts}))
    fused = original.model_copy(update={"subject": original.subject.model_copy(update={"layers": layers})})
    part = LayersSection().build(analyse([DENSE, fused]))
    (row,) = part.thirds.rows
    assert [column.name for column in part.thirds.columns] == ["query", "key", "value", "empty thirds"]
    assert [cell.text for cell in row.cells] == ["75.0", "66.7", "0.0", "1 of 3"]
    assert [cell.alert for cell in row.cells] == [False, False, True, True]
    assert LayersSection().build(analyse([DENSE, SNIP])).thirds is None
    collapsed = remark("layer-collapsed", layer="attn.qkv.weight", part="k")
    assert sentence(collapsed) == "layer collapsed: the key third of attn.qkv.weight keeps no weight"
    assert sentence(remark("layer-collapsed", layer="fc")) == "layer collapsed: fc keeps no weight"
