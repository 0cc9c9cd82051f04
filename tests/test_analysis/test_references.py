"""A dense network that collapsed, was not trained or whose training diverged is no reference."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse, arrange, conditions
from sparserobust.analysis.made import no_reference
from sparserobust.analysis.mistakes import by_margin
from sparserobust.records import remark

from ..test_report.attack_factory import with_margin
from ..test_report.factory import N, accuracy, attacked, history, run


def diverged(seed=0, clean=190):
    trained = history().model_copy(update={"status": "diverged"})
    return run("dense", 0.0, *attacked(clean, clean // 2), trained=trained, seed=seed)


UNFIT = {
    "collapsed": (run("dense", 0.0, *attacked(20, 20)), remark("dense-collapsed", top1=0.1)),
    "diverged": (diverged(), remark("dense-diverged")),
    "untrained": (run("dense", 0.0, *attacked(190, 96), training="none"), remark("dense-untrained")),
}


@pytest.fixture(params=list(UNFIT))
def unfit(request):
    """(dense network, why it is no reference)."""
    return UNFIT[request.param]


def test_nothing_is_ranked_against_it(unfit):
    """96 of 200 against 20 of 200 would be "+38 points, higher"."""
    dense, why = unfit
    found = analyse([dense, run("snip", 0.9, *attacked(190, 96))])
    (d,) = found.differences.values()
    assert no_reference(dense) == why
    assert (d.value, d.result, d.reason) == (None, "not-ranked", why)
    assert found.primary.values[1].value == 0.48


def test_the_verdict_says_so_and_claims_nothing(unfit):
    dense, why = unfit
    decided = analyse([dense, run("snip", 0.9, *attacked(190, 96))]).verdict
    assert (decided.lead.kind, decided.lead.reason, decided.lead.claim) == ("no-fit-reference", why, None)
    assert decided.by_sparsity == ()


def test_its_margins_order_nothing(unfit):
    dense, _ = unfit
    right = dense.outcomes["accuracy"].per_example["correct"]
    known = with_margin(accuracy(right), right.astype(float))
    dense = dense.model_copy(update={"outcomes": {**dense.outcomes, "accuracy": known}})
    lineup = arrange([dense, run("snip", 0.9, *attacked(190, 96))])
    assert all(by_margin(lineup.groups[1], condition) == [] for condition in conditions(lineup))


def test_a_sparse_network_that_diverged_is_shown_and_not_ranked():
    trained = history().model_copy(update={"status": "diverged"})
    runs = [run("dense", 0.0, *attacked(190, 96)), run("snip", 0.9, *attacked(190, 120), trained=trained)]
    found = analyse(runs)
    assert (found.trust[1].state, found.primary.values[1].value) == ("diverged", 0.6)
    assert found.trust[1].concerns[0].remark == remark("training-diverged")
    assert found.differences[1].result == "not-ranked"
    assert found.verdict.lead.kind == "nothing-ranked"
    assert found.verdict.by_sparsity[0].standings == (("diverged", (1,)),)


def test_a_network_that_diverged_and_names_one_class_is_collapsed():
    assert analyse([diverged(clean=20)]).trust[0].state == "collapsed"


def test_one_seed_without_a_reference_is_left_out_of_the_difference():
    """Robust 48, 50, 52 % against 40, 41 and nothing: two pairs are left."""
    h = history()
    dense = [run("dense", 0.0, *attacked(190, 80 + 2 * s), seed=s, trained=h) for s in range(2)]
    sparse = [run("snip", 0.9, *attacked(190, 96 + 4 * s), seed=s, trained=h) for s in range(3)]
    d = analyse([*dense, diverged(seed=2), *sparse]).differences[1]
    assert (d.n, d.unit, d.value) == (2, "seeds", pytest.approx((0.08 + 0.09) / 2))


def test_a_sound_dense_network_is_a_reference_as_before():
    found = analyse([run("dense", 0.0, *attacked(190, 80)), run("snip", 0.9, *attacked(190, 96))])
    assert found.differences[1].value == pytest.approx(16 / N)
    assert found.differences[1].result == "higher"


def test_of_two_records_of_the_dense_network_the_one_that_was_attacked_too_is_compared_with():
    """A saved model scored in the folder first, by accuracy alone; then the experiment itself."""
    whole = run("dense", 0.0, *attacked(190, 120))
    bare = whole.model_copy(update={"outcomes": {"accuracy": whole.outcomes["accuracy"]}})
    sparse = run("snip", 0.9, *attacked(190, 96))
    for order in ([bare, whole, sparse], [whole, bare, sparse]):
        lineup = arrange(order)
        (group,) = lineup.sparse
        assert group.references == (whole,)
