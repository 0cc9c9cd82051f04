"""Rows without a network: a method that cannot choose is a result, anything else a failure."""

from __future__ import annotations

from sparserobust.analysis import analyse, arrange
from sparserobust.records import remark

from ..test_report.factory import BROKEN, CANNOT, attacked, history, not_made, run


def three(made=(0, 1, 2), robust=90, **facts):
    """Three seeds of dense and SNIP; those that are not in `made` have no network."""
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s, trained=history()) for s in range(3)]
    for s in range(3):
        one = run("snip", 0.9, *attacked(190, robust + s), seed=s, trained=history(), **facts)
        runs.append(one if s in made else not_made(one))
    return runs


def test_a_row_that_could_not_be_made_is_no_red_flag_and_no_comparison():
    found = analyse(three(made=()))
    trust = found.trust[1]
    assert (trust.state, trust.ranked, trust.failures, trust.evidence) == ("cannot-choose", False, (), {})
    assert [concern.remark for concern in trust.concerns] == [CANNOT]
    assert (found.differences[1].value, found.differences[1].reason) == (None, CANNOT)
    assert found.primary.values[1].value is None


def test_any_other_error_is_a_failure_told_once():
    dense = run("dense", 0.0, *attacked(190, 100))
    found = analyse([dense, not_made(run("snip", 0.9, *attacked(190, 90)), BROKEN)])
    trust = found.trust[1]
    assert (trust.state, trust.concerns) == ("not-made", ())
    assert [(f.remark, f.source) for f in trust.failures] == [(BROKEN, "")]
    assert found.trust[0].state == "no-red-flag"


def test_of_seeds_that_could_not_choose_and_seeds_that_failed_both_are_told():
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s) for s in range(2)]
    runs += [
        not_made(run("snip", 0.9, *attacked(190, 90), seed=s), reason)
        for s, reason in enumerate((CANNOT, BROKEN))
    ]
    trust = analyse(runs).trust[1]
    assert trust.state == "not-made"
    assert [(c.remark, c.seeds) for c in trust.concerns] == [(CANNOT, (0,))]
    assert [(f.remark, f.seeds) for f in trust.failures] == [(BROKEN, (1,))]


def test_one_seed_that_cannot_choose_leaves_the_mean_to_the_others():
    found = analyse(three(made=(0, 2)))
    (group,) = found.lineup.sparse
    assert [r.subject.seed for r in group.runs] == [0, 1, 2]
    value = found.primary.values[1]
    assert (value.value, value.seeds, value.missing) == (0.455, 2, 1)  # 90 and 92 of 200
    trust = found.trust[1]
    assert (trust.state, trust.failures) == ("check", ())
    (concern,) = trust.concerns
    left_out = remark("left-out-seeds", reason=CANNOT.model_dump(mode="json"), seeds=[1])
    assert (concern.remark, concern.seeds) == (left_out, ())


def test_the_verdict_takes_it_as_a_result():
    runs = [*three(made=()), *(run("random", 0.9, *attacked(190, 60), seed=s) for s in range(3))]
    (at,) = analyse(runs).verdict.by_sparsity
    groups = arrange(runs).groups
    shown = [(s, [groups[i].first.subject.method for i in places]) for s, places in at.standings]
    assert shown == [("lower", ["random"]), ("cannot-choose", ["snip"])]
    assert analyse(three(made=())).verdict.lead.kind == "none-could-choose"


def test_a_network_that_could_not_be_made_is_untrained_in_no_sense():
    gone = not_made(run("snip", 0.9, *attacked(190, 90), training="none"))
    assert analyse([run("dense", 0.0, *attacked(190, 100)), gone]).trust[1].state == "cannot-choose"
