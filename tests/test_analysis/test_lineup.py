"""Runs arranged into rows."""

from __future__ import annotations

import pytest

from sparserobust.analysis import arrange
from sparserobust.analysis.tags import Facet
from sparserobust.errors import ConfigError

from ..test_report.factorial import MASKS, OFFSETS, factorial
from ..test_report.factory import accuracy, attacked, first, history, not_made, run


def test_dense_comes_first_then_sparsities_from_low_to_high():
    runs = [run("snip", 0.99), run("snip", 0.9), run("dense", 0.0), run("random", 0.9)]
    rows = [(g.first.subject.method, g.target) for g in arrange(runs).groups]
    assert rows == [("dense", 0.0), ("snip", 0.9), ("random", 0.9), ("snip", 0.99)]


def test_the_same_record_twice_counts_once():
    one = run("snip", 0.9, accuracy(first(190)))
    assert [len(g.runs) for g in arrange([one, one]).groups] == [1]


def test_one_seed_measured_twice_makes_two_rows_that_can_be_told_apart():
    lineup = arrange([run("snip", 0.9, accuracy(first(190))), run("snip", 0.9, accuracy(first(180)))])
    assert [g.tag for g in lineup.groups] == [(Facet("copy", 1),), (Facet("copy", 2),)]
    assert len({g.variant for g in lineup.groups}) == 1


def test_rows_of_one_variant_are_told_apart_by_what_differs():
    lineup = arrange(
        [run("snip", 0.9, trained=history("digits")), run("snip", 0.9, trained=history("snip-it"))]
    )
    assert [g.tag for g in lineup.groups] == [(Facet("recipe", "digits"),), (Facet("recipe", "snip-it"),)]
    lineup = arrange([run("snip", 0.9, model="mlp5"), run("snip", 0.9, model="conv2")])
    assert [g.tag for g in lineup.groups] == [(Facet("model", "mlp5"),), (Facet("model", "conv2"),)]


def test_what_no_name_shows_is_told_by_its_own_value_alone():
    """score_samples is set for all methods of a comparison, so it is no changed parameter."""
    one, other = run("snip", 0.9, changed={}), run("snip", 0.9, changed={})
    params = {**other.subject.params, "score_samples": 2560}
    other = other.model_copy(update={"subject": other.subject.model_copy(update={"params": params})})
    tags = [g.tag for g in arrange([one, other]).groups]
    assert tags == [(Facet("parameter", value, "score_samples"),) for value in (100, 2560)]


def test_rows_keep_the_order_in_which_the_variants_were_named():
    named = [{"allocation": "erk", "offset": "dct"}, {"allocation": "epl"}, {"allocation": "erk"}, {}]
    lineup = arrange([run("random", s, changed=changed) for changed in named for s in (0.99, 0.9)])
    shown = [{p.name: p.value for p in g.first.subject.changed} for g in lineup.groups]
    assert shown == named * 2


def test_variants_are_rows_of_their_own_and_seeds_share_one():
    runs = [
        run("random", 0.9, seed=seed, changed=changed)
        for seed in (0, 1)
        for changed in ({}, {"allocation": "epl"}, {"allocation": "epl", "offset": "dct"})
    ]
    assert [len(g.runs) for g in arrange(runs).groups] == [2, 2, 2]


def test_a_dense_network_of_another_model_is_no_reference():
    lineup = arrange([run("dense", 0.0, model="conv2"), run("snip", 0.9, model="mlp5")])
    assert lineup.sparse[0].unpaired.code == "no-such-dense"


def test_the_dense_run_that_a_record_names_is_its_reference():
    own = run(None, 0.0, *attacked(190, 100), label="mine")
    sparse = run("snip", 0.9, *attacked(190, 80)).model_copy(update={"dense": own.id})
    lineup = arrange([sparse, own])
    assert [g.first.subject.label for g in lineup.dense] == ["mine"]
    assert lineup.sparse[0].references == (own,)


def test_no_runs_are_an_error_in_one_line():
    with pytest.raises(ConfigError, match=r"^expected at least one run .*$"):
        arrange([])


def test_every_variant_of_a_factorial_has_its_rows():
    lineup = arrange(factorial())
    at = lineup.at(0.9)
    shown = [(g.first.subject.method, g.first.subject.offset) for g in at]
    assert shown == [(method, offset) for method, _ in MASKS for offset in OFFSETS]
    assert len(lineup.sparse) == len(MASKS) * len(OFFSETS) * 3
    assert {len(g.runs) for g in lineup.groups} == {3}


def test_the_same_mask_has_one_number_whatever_the_offset_and_sparsity():
    lineup = arrange(factorial(seeds=1))
    numbers = {}
    for group in lineup.sparse:
        numbers.setdefault(group.mask, set()).add(group.mask_number)
    assert len(numbers) == len(MASKS)
    assert sorted(number for own in numbers.values() for number in own) == list(range(len(MASKS)))


def test_masks_that_only_ever_stand_under_a_full_offset_are_counted_by_themselves():
    lineup = arrange(
        [
            run("snip", 0.9),
            run("snip", 0.9, changed={"offset": "dct"}),
            run("freezenet", 0.9, offset="frozen"),
            run("dctps", 0.9, offset="dct"),
        ]
    )
    found = {
        g.first.subject.label: (g.mask_number, g.only_dense_at_inference, g.dense_at_inference)
        for g in lineup.groups
    }
    assert found["snip 0.9"] == (0, False, False)
    assert found["snip[offset=dct] 0.9"] == (0, False, True)
    assert {found["freezenet 0.9"], found["dctps 0.9"]} == {(0, True, True), (1, True, True)}


def test_the_sparsity_of_a_row_is_the_mean_over_its_seeds():
    seeds = [run("starfire-ck", s, *attacked(190, 100), seed=k) for k, s in enumerate((0.90, 0.94))]
    seeds = [
        one.model_copy(
            update={"subject": one.subject.model_copy(update={"target_sparsity": 0.9, "label": "x"})}
        )
        for one in seeds
    ]
    (group,) = arrange(seeds).groups
    assert group.sparsity == pytest.approx(0.92)


def test_seeds_that_were_not_made_stand_with_those_that_were_and_not_with_another_recipe():
    one = not_made(run("snip", 0.9, *attacked(190, 90), seed=1))
    other = run("snip", 0.9, *attacked(190, 90), seed=0, trained=history("snip-it"))
    assert [len(g.runs) for g in arrange([one, other]).groups] == [2]
    elsewhere = run("snip", 0.9, *attacked(190, 90), seed=0, changed={"offset": "dct"})
    assert [len(g.runs) for g in arrange([one, elsewhere]).groups] == [1, 1]


def test_rows_without_a_network_have_nothing_to_draw():
    gone = not_made(run("snip", 0.95, *attacked(190, 90)))
    runs = [run("dense", 0.0), run("snip", 0.9), gone, not_made(run("grasp", 0.9))]
    (groups,) = arrange(runs).methods()
    assert [(g.first.subject.method, g.target) for g in groups] == [("snip", 0.9)]
