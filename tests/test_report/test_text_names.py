"""What rows are called: short, readable, right for any parameter of any method."""

from __future__ import annotations

import pytest

from sparserobust.analysis import arrange
from sparserobust.report.text.names import mask_name, row_name, row_tag, row_title, subject_name

from .factorial import MASKS, OFFSETS
from .factory import accuracy, first, history, run


def named(method, changed):
    return subject_name(run(method, 0.9, changed=changed).subject)


@pytest.mark.parametrize(
    ("method", "changed", "name"),
    [
        ("random", {}, "random"),
        ("random", {"allocation": "epl"}, "random (EPL)"),
        ("random", {"allocation": "global"}, "random (global)"),
        ("random", {"allocation": "epl-published"}, "random (published EPL)"),
        ("random", {"allocation": "epl", "offset": "frozen"}, "random (EPL) + frozen"),
        ("snip", {"offset": "dct"}, "SNIP + DCT"),
        ("snip", {"control": "layer-shuffled"}, "SNIP (layer-shuffled)"),
        ("snip", {"offset": "dct", "trainable_alpha": False}, "SNIP (fixed alpha) + DCT"),
        ("freezenet", {"offset": "zero", "rescue": None}, "FreezeNet (zero offset, no rescue)"),
        ("freezenet", {"mask": "random"}, "FreezeNet (mask=random)"),
        ("synflow", {"steps": 1, "schedule": "linear"}, "SynFlow (steps=1, schedule=linear)"),
        ("theirs", {"strength": 0.5, "shape": [1, 2], "rescue": "all"},
         "theirs (strength=0.5, shape=[1, 2], rescue=all)"),
    ],
)  # fmt: skip
def test_the_rule(method, changed, name):
    assert named(method, changed) == name


def test_only_what_was_changed_is_named():
    one = run("snip", 0.9, changed={"offset": "frozen"}).subject
    assert one.params.keys() > {"offset"}
    assert subject_name(one) == "SNIP + frozen"
    assert subject_name(one.model_copy(update={"changed": ()})) == "SNIP"


def test_values_with_commas_and_brackets_do_not_confuse_the_names():
    one = run("synflow", 0.9, changed={"input_shape": [1, 8, 8], "offset": "dct"}).subject
    assert subject_name(one) == "SynFlow (input_shape=[1, 8, 8]) + DCT"


def test_a_label_of_the_users_own_is_the_name():
    assert subject_name(run("snip", 0.9, label="my favourite").subject) == "my favourite"
    assert subject_name(run("snip", 0.9, label="snip[", changed={"offset": "dct"}).subject) == "snip["
    assert subject_name(run(None, 0.9, label="resnet[a=1] 0.9").subject) == "resnet[a=1] 0.9"


def test_a_method_is_called_as_its_paper_writes_it_or_as_it_is_registered():
    one = run("theirs", 0.9).subject
    assert subject_name(one.model_copy(update={"method_title": "TheIRS"})) == "TheIRS"
    assert subject_name(one.model_copy(update={"method_title": ""})) == "theirs"


def test_the_same_mask_has_one_name_whatever_the_offset():
    runs = [run("random", 0.9, changed={"allocation": "epl", "offset": o}) for o in ("frozen", "dct")]
    runs.append(run("random", 0.99, changed={"allocation": "epl"}))
    assert {mask_name(group) for group in arrange(runs).groups} == {"random (EPL)"}


def test_variants_are_rows_of_their_own_and_seeds_share_one():
    runs = [
        run("random", 0.9, seed=seed, changed=changed)
        for seed in (0, 1)
        for changed in ({}, {"allocation": "epl"}, {"allocation": "epl", "offset": "dct"})
    ]
    titles = [row_title(group) for group in arrange(runs).groups]
    assert titles == ["random 0.9", "random (EPL) 0.9", "random (EPL) + DCT 0.9"]


def test_every_variant_of_a_factorial_has_a_name_of_its_own():
    runs = [
        run(method, 0.9, changed=params | ({"offset": offset} if offset != "zero" else {}))
        for method, params in MASKS
        for offset in OFFSETS
    ]
    suffix = {"zero": "", "frozen": " + frozen", "dct": " + DCT"}
    masks = ("random (EPL)", "random (ERK)", "SNIP", "SynFlow")
    expected = [f"{mask}{suffix[offset]}" for mask in masks for offset in OFFSETS]
    assert [row_name(group) for group in arrange(runs).groups] == expected


def tags(*runs):
    return [row_tag(group) for group in arrange(runs).groups]


def test_rows_of_one_name_are_told_apart_by_what_differs():
    two = [run("snip", 0.9, accuracy(first(k))) for k in (190, 180)]
    assert tags(*two) == ["no. 1", "no. 2"]
    assert tags(*(run("snip", 0.9, trained=history(r)) for r in ("digits", "snip-it"))) == [
        "digits",
        "snip-it",
    ]
    assert tags(*(run("snip", 0.9, model=m) for m in ("mlp5", "conv2"))) == ["mlp5", "conv2"]
    assert tags(*(run("snip", 0.9, trained=history(epochs=e)) for e in (1, 3))) == ["1 epoch", "3 epochs"]
    assert tags(run("snip", 0.9)) == [""]


def test_rows_trained_here_and_elsewhere_or_on_other_images_are_told_apart():
    assert "untrained or trained elsewhere" in tags(run("snip", 0.9, trained=history()), run("snip", 0.9))[1]
    assert tags(*(run("snip", 0.9, data_sha=c * 64) for c in "ab")) == ["images aaaaaa", "images bbbbbb"]


def test_what_no_name_shows_is_told_by_its_own_value_alone():
    """score_samples is set for all methods of a comparison, so names leave it out."""
    one, other = run("snip", 0.9, changed={}), run("snip", 0.9, changed={})
    params = {**other.subject.params, "score_samples": 2560}
    other = other.model_copy(update={"subject": other.subject.model_copy(update={"params": params})})
    assert tags(one, other) == ["score_samples=100", "score_samples=2560"]


def test_rows_keep_the_order_in_which_the_variants_were_named():
    changes = [{"allocation": "erk", "offset": "dct"}, {"allocation": "epl"}, {"allocation": "erk"}, {}]
    lineup = arrange([run("random", s, changed=changed) for changed in changes for s in (0.99, 0.9)])
    order = ["random (ERK) + DCT", "random (EPL)", "random (ERK)", "random"]
    assert [row_name(g) for g in lineup.groups] == order * 2


def test_rows_stand_by_sparsity_with_dense_first():
    runs = [run("snip", 0.99), run("snip", 0.9), run("dense", 0.0), run("random", 0.9)]
    assert [row_title(g) for g in arrange(runs).groups] == ["dense", "SNIP 0.9", "random 0.9", "SNIP 0.99"]
