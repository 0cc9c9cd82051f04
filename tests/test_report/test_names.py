"""What rows are called: short, readable, right for any parameter of any method."""

from __future__ import annotations

import pytest

from sparserobust.report.groups import arrange
from sparserobust.report.names import changed_params, mask_name, subject_name, variant_name

from .factory import run


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
    assert variant_name(method, changed) == name
    assert subject_name(run(method, 0.9, changed=changed).subject) == name


def test_only_what_the_label_names_was_changed():
    one = run("snip", 0.9, changed={"offset": "frozen"}).subject
    assert one.params.keys() > {"offset"}
    assert changed_params(one.label, one.method, one.params) == {"offset": "frozen"}
    assert changed_params("snip 0.9", "snip", one.params) == {}
    assert changed_params("mine[offset=x]", None, one.params) == {}
    assert changed_params("snip[unknown=1] 0.9", "snip", one.params) == {}


def test_values_with_commas_and_brackets_do_not_confuse_the_names():
    one = run("synflow", 0.9, changed={"input_shape": [1, 8, 8], "offset": "dct"}).subject
    assert subject_name(one) == "SynFlow (input_shape=[1, 8, 8]) + DCT"


def test_a_label_of_the_users_own_is_the_name():
    assert subject_name(run("snip", 0.9, label="my favourite").subject) == "my favourite"
    assert subject_name(run("snip", 0.9, label="snip[", changed={"offset": "dct"}).subject) == "snip["
    assert subject_name(run(None, 0.9, label="resnet[a=1] 0.9").subject) == "resnet[a=1] 0.9"


def test_the_same_mask_has_one_name_whatever_the_offset():
    masks = [
        mask_name(run("random", 0.9, changed={"allocation": "epl", "offset": offset}).subject)
        for offset in ("frozen", "dct")
    ]
    masks.append(mask_name(run("random", 0.99, changed={"allocation": "epl"}).subject))
    assert set(masks) == {"random (EPL)"}


def test_variants_are_rows_of_their_own_and_seeds_share_one():
    runs = [
        run("random", 0.9, seed=seed, changed=changed)
        for seed in (0, 1)
        for changed in ({}, {"allocation": "epl"}, {"allocation": "epl", "offset": "dct"})
    ]
    lineup = arrange(runs)
    assert [g.title for g in lineup.groups] == [
        "random 0.9", "random (EPL) 0.9", "random (EPL) + DCT 0.9",
    ]  # fmt: skip
    assert [len(g.runs) for g in lineup.groups] == [2, 2, 2]


def test_what_no_name_shows_is_told_by_its_own_value_alone():
    """score_samples is set for all methods of a comparison, so names leave it out."""
    one, other = run("snip", 0.9, changed={}), run("snip", 0.9, changed={})
    params = {**other.subject.params, "score_samples": 2560}
    other = other.model_copy(update={"subject": other.subject.model_copy(update={"params": params})})
    assert [g.tag for g in arrange([one, other]).groups] == ["score_samples=100", "score_samples=2560"]


def test_rows_keep_the_order_in_which_the_variants_were_named():
    named = [{"allocation": "erk", "offset": "dct"}, {"allocation": "epl"}, {"allocation": "erk"}, {}]
    lineup = arrange([run("random", s, changed=changed) for changed in named for s in (0.99, 0.9)])
    order = ["random (ERK) + DCT", "random (EPL)", "random (ERK)", "random"]
    assert [g.name for g in lineup.groups] == order * 2
