"""Numbers out of range and numbers that contradict each other are refused, and the message names them."""

from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError

from sparserobust.records import DIFFERENCE, FRACTION, AttackFacts, LayerRecord, Outcome, Run, Score

from .factory import make_run, plain


def refused(changes: dict[str, object], text: str) -> None:
    """A run with other values at these paths is refused, and the message says which."""
    raw = copy.deepcopy(plain(make_run()))
    for path, value in changes.items():
        node = raw
        *parents, last = path.split(".")
        for key in parents:
            node = node[int(key) if isinstance(node, list) else key]
        node[last] = value
    with pytest.raises(ValidationError, match=text):
        Run.model_validate(raw)


# -- scores -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "numbers"),
    [
        (FRACTION, {"value": 1.2}),
        (FRACTION, {"value": -0.01}),
        (FRACTION, {"value": 0.5, "ci_low": -0.1}),
        (FRACTION, {"value": 0.5, "ci_high": 1.001}),
        (DIFFERENCE, {"value": -1.2}),
        (DIFFERENCE, {"value": 0.0, "ci_low": -1.1}),
    ],
)
def test_a_fraction_out_of_bounds_is_refused_with_its_name(unit, numbers):
    with pytest.raises(ValidationError, match=r"score 'top1' must be in \[(0|-1), 1\], got"):
        Score(name="top1", unit=unit, **numbers)


@pytest.mark.parametrize("unit", ["MACs", "", "l2", "eps"])
def test_other_units_have_no_bounds(unit):
    assert Score(name="a", value=1e12, unit=unit, ci_low=-5).value == 1e12


def test_what_rounding_leaves_beyond_a_bound_is_none():
    assert Score(name="a", value=1 + 1e-12, unit=FRACTION, ci_low=1 + 1e-12, ci_high=1).value > 1


@pytest.mark.parametrize(
    "ends",
    [{"ci_low": 0.6, "ci_high": 0.7}, {"ci_low": 0.2, "ci_high": 0.4}, {"ci_low": 0.51}, {"ci_high": 0.4}],
)
def test_an_interval_beside_its_value_is_refused(ends):
    with pytest.raises(ValidationError, match=r"score 'top1': its interval from .* must hold 0.5"):
        Score(name="top1", value=0.5, **ends)


def test_an_interval_of_a_large_number_may_miss_it_by_rounding():
    assert Score(name="a", value=1e15, ci_low=1e15 + 1, ci_high=1e15 + 2).value == 1e15


def test_a_negative_count_of_examples_is_refused():
    with pytest.raises(ValidationError, match="n\n.*greater than or equal to 0"):
        Score(name="top1", value=0.5, n=-1)


# -- outcomes and runs ------------------------------------------------------------------------------------


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValidationError, match=r"results per example of 'x' differ in length: .*'b': 4"):
        Outcome(evaluator="x", status="ok", per_example={"a": [True] * 3, "b": [[1.0] * 4]})


def test_a_single_value_is_no_result_per_example():
    with pytest.raises(ValidationError, match=r"per_example.a\n.*an array over the examples"):
        Outcome(evaluator="x", status="ok", per_example={"a": {"shape": [], "values": [1.0]}})


def test_arrays_over_other_examples_than_those_of_the_data_are_refused():
    text = "fgsm: results per example '(correct|distance|robust)' are of 11 examples, the data has 12"
    refused({"data.n": 12}, text)


def test_an_outcome_under_another_name_is_refused():
    refused({"outcomes.fgsm.evaluator": "pgd"}, "outcome 'fgsm' is that of 'pgd'")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.n", 0),
        ("data.majority_share", 1.5),
        ("data.num_classes", -1),
        ("environment.seconds", -1.0),
        ("outcomes.fgsm.seconds", -0.1),
        ("outcomes.fgsm.cached", -1),
        ("outcomes.fgsm.attack.headline", -0.1),
        ("outcomes.fgsm.attack.norm", "l3"),
        ("outcomes.fgsm.attack.access", "grey-box"),
        ("outcomes.gradient-masking.audit.state", "fine"),
        ("integrity", "honest"),
        ("subject.kept", -1),
        ("subject.parameters", -1),
        ("subject.target_sparsity", 1.0),
        ("subject.sparsity", 1.1),
        ("subject.outside", 1.1),
        ("subject.training", "long"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_place(path, value):
    refused({path: value}, rf"{path}\n")


def test_an_attack_of_an_earlier_plugin_may_not_say_what_it_is():
    facts = AttackFacts(norm=None, goal="fixed-budget", access=None, needs_gradient=None)
    assert facts.headline is None
    assert not facts.targeted


# -- subjects ---------------------------------------------------------------------------------------------


def test_more_weights_kept_than_there_are_is_refused():
    refused({"subject.kept": 11}, "expected rescued <= kept <= prunable, got 1, 11, 10")
    refused({"subject.rescued": 3}, "expected rescued <= kept <= prunable, got 3, 2, 10")
    with pytest.raises(ValidationError, match="layer 'a': expected rescued <= kept <= numel, got 0, 11, 10"):
        LayerRecord(name="a", shape=(10,), numel=10, kept=11)


def test_layers_that_do_not_add_up_are_refused():
    text = "the layers keep 3 of 10 weights, the subject 2 of 10"
    refused({"subject.layers.0.kept": 3, "subject.layers.0.parts": []}, text)


def test_parts_and_what_is_outside_must_add_up():
    refused({"subject.layers.0.kept": 3}, "layer 'a': its parts keep 2 of 10, it keeps 3 of 10")
    refused(
        {"subject.outside": 0.25},
        "outside must be the share of the weights outside the mask, 0.375, got 0.25",
    )
    refused({"subject.outside": None}, "outside must be the share .*, got None")
    refused({"subject.prunable": 20, "subject.sparsity": 0.9}, "keep 2 of 10 weights, the subject 2 of 20")


def test_a_sparsity_that_is_not_the_realised_one_is_refused():
    refused({"subject.sparsity": 0.81}, "sparsity must be 1 - kept / prunable = 0.8, got 0.81")


def test_a_network_that_was_not_made_has_what_was_asked_for():
    raw = plain(make_run())
    raw["subject"] |= {"layers": [], "sparsity": 0.83, "not_made": {"code": "not-made", "facts": {}}}
    assert Run.model_validate(raw).subject.sparsity == 0.83
