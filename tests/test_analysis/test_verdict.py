"""The verdict: which row leads it, and that a claim carries every side of the row."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse
from sparserobust.analysis.claims import Audit, Price

from ..test_report.attack_factory import audit
from ..test_report.factory import accuracy, attacked, failed, first, flops, run, storage
from ..test_report.sides import sides

DENSE = run("dense", 0.0, *attacked(190, 100), storage(0.0, 1.0, 40960.0), flops(1192960.0))


def decided(*runs):
    return analyse(runs).verdict


def lead(*runs):
    return decided(*runs).lead


def told(side):
    """(norm, own value, dense value, result) of a side."""
    norm = side.robust.norm if side.robust is not None else "clean"
    return norm, side.own.value, side.dense.value, side.difference.result


def test_more_robust_in_one_norm_less_in_another_and_less_accurate_is_one_claim():
    found = lead(*sides())
    assert found.kind == "better"
    assert told(found.claim.main) == ("linf", 0.65, 0.5, "higher")
    assert [told(side) for side in found.claim.others] == [("l2", 0.5, 0.8, "lower")]
    assert told(found.claim.clean) == ("clean", 0.9, 0.975, "lower")
    assert found.claim.main.difference.value == pytest.approx(0.15)
    assert found.claim.others[0].difference.value == pytest.approx(-0.3)
    assert found.claim.clean.difference.value == pytest.approx(-0.075)


def test_a_claim_carries_every_norm_that_was_run_in_order():
    claim = lead(*sides(l1=(120, 121))).claim
    assert [told(side) for side in claim.others] == [
        ("l2", 0.5, 0.8, "lower"),
        ("l1", 0.605, 0.6, "not-distinguishable"),
    ]
    assert [side.robust.eps for side in (claim.main, *claim.others)] == [0.1, 0.5, 8.0]


def test_a_claim_says_of_every_side_how_far_it_is_audited():
    claim = lead(*sides()).claim
    assert [side.audit for side in (claim.main, *claim.others)] == [Audit(), Audit()]
    audits = [audit("supported", right=first(k)) for k in (195, 180)]
    claim = lead(*sides(audits=audits)).claim
    assert claim.main.audit == Audit("supported", 0.1, networks=1, of=1)
    assert [side.audit.state for side in (*claim.others, claim.clean)] == [None, None]


def test_of_the_audits_of_a_row_the_worst_counts_and_those_that_lack_one_are_counted():
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s) for s in range(3)]
    states = ("supported", "upper-bound", None)
    for seed, state in enumerate(states):
        own = () if state is None else (audit(state),)
        runs.append(run("snip", 0.9, *attacked(190, 120 + seed), *own, seed=seed))
    found = lead(*runs)
    assert found.kind == "better-but-to-check"
    assert found.claim.main.audit == Audit("upper-bound", 0.1, networks=2, of=3)


def test_the_closest_row_is_shown_with_every_side_too():
    found = lead(*sides(linf=(100, 102), l2=(100, 160)))
    assert (found.kind, told(found.claim.main)) == ("none-better", ("linf", 0.51, 0.5, "not-distinguishable"))
    assert [told(side) for side in found.claim.others] == [("l2", 0.8, 0.5, "higher")]


def test_a_row_that_is_better_and_doubtful_says_so_with_every_side():
    found = lead(*sides(zero=0.05))
    assert found.kind == "better-but-to-check"
    assert [told(side)[0] for side in (found.claim.main, *found.claim.others)] == ["linf", "l2"]
    assert found.claim.doubt.remark.code == "zero-gradients"
    failing = run("snip", 0.9, *attacked(190, 130), failed("saliency", "no memory"))
    doubt = lead(DENSE, failing).claim.doubt
    assert (doubt.source, doubt.remark.facts["text"]) == ("saliency", "no memory")


def test_a_reliable_row_leads_over_a_doubtful_one_that_measures_more():
    doubtful = run("random", 0.9, *attacked(190, 150, zero=0.05))
    found = analyse([DENSE, doubtful, run("snip", 0.9, *attacked(190, 130))])
    claim = found.verdict.lead.claim
    assert found.lineup.groups[claim.place].first.subject.method == "snip"
    assert claim.doubt is None


def test_without_an_attack_the_claim_is_about_clean_accuracy_alone():
    claim = lead(run("dense", 0.0, accuracy(first(150))), run("snip", 0.9, accuracy(first(190)))).claim
    assert (claim.main.robust, claim.main.difference.result, claim.clean, claim.others) == (
        None,
        "higher",
        None,
        (),
    )


def test_a_claim_has_its_price():
    winner = run("snip", 0.9, *attacked(190, 130), storage(0.9, 0.1), flops(119296.0))
    assert lead(DENSE, winner).claim.price == Price(bytes=20.0, macs=10.0)
    assert lead(DENSE, run("snip", 0.9, *attacked(190, 130))).claim.price == Price(None, None)


@pytest.mark.parametrize(
    ("runs", "kind"),
    [
        ([DENSE], "only-dense"),
        ([DENSE, run("snip", 0.9, *attacked(190, 102))], "none-better"),
        ([run("snip", 0.9, *attacked(190, 102))], "nothing-compared"),
        ([DENSE, run("snip", 0.9, *attacked(20, 10))], "nothing-ranked"),
        ([DENSE, run("snip", 0.9, *attacked(190, 130, zero=0.2))], "nothing-ranked"),
    ],
)
def test_what_is_said_first(runs, kind):
    assert lead(*runs).kind == kind


def test_two_seeds_are_too_few_for_a_claim():
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s) for s in (0, 1)]
    runs += [run("snip", 0.9, *attacked(190, 140 + s), seed=s) for s in (0, 1)]
    found = decided(*runs)
    assert (found.lead.kind, found.lead.claim, found.seeds) == ("too-few-seeds", None, 2)


def test_rows_stand_to_dense_by_sparsity_and_norm():
    found = decided(*sides())
    standings = [(at.robust.norm, at.sparsity, at.standings) for at in found.by_sparsity]
    assert standings == [("linf", 0.9, (("higher", (1,)),)), ("l2", 0.9, (("lower", (1,)),))]


def test_what_stands_for_nothing_is_said_once_and_not_in_every_norm():
    runs = [*sides(), run("random", 0.9, *attacked(20, 10))]
    first_norm, second = decided(*runs).by_sparsity
    assert [s for s, _ in first_norm.standings] == ["higher", "collapsed"]
    assert [s for s, _ in second.standings] == ["lower"]


def test_an_artefact_is_told_with_the_check_that_fails():
    """One seed of three collapsed, which is another matter than what makes the number an artefact."""
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s) for s in range(3)]
    runs += [run("snip", 0.9, *attacked(20 if s == 1 else 190, 15, zero=0.3), seed=s) for s in range(3)]
    (artefact,) = decided(*runs).artefacts
    assert (artefact.place, artefact.concern.remark.code) == (1, "zero-gradients")


def test_without_any_audit_all_robust_accuracies_are_upper_bounds():
    assert decided(*sides()).upper_bounds
    assert not decided(*sides(audits=[audit("supported")] * 2)).upper_bounds
    assert not decided(run("dense", 0.0, accuracy(first(190)))).upper_bounds
