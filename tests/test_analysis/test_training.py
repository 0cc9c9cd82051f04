"""Networks that nobody trained, or not for long enough: neither ranked nor called artefacts."""

from __future__ import annotations

import math

import pytest

from sparserobust.analysis import analyse
from sparserobust.analysis.training import FAR_FROM_LEARNT, STILL_FALLING, undertrained
from sparserobust.records import remark

from ..test_report.factory import attacked, history, run

GUESSING = math.log(10)


def learning(*losses):
    """A training with these losses, one for each epoch."""
    one = history(epochs=len(losses))
    epochs = tuple(e.model_copy(update={"loss": loss}) for e, loss in zip(one.epochs, losses, strict=True))
    return one.model_copy(update={"epochs": epochs})


def judged(trained, *, zero=0.2, training=None):
    """SNIP with an attack that sees no gradient on a fifth of the images, which fails the check of it."""
    dense = run("dense", 0.0, *attacked(190, 100), trained=trained)
    sparse = run("snip", 0.9, *attacked(190, 130, zero=zero), trained=trained, training=training)
    return analyse([dense, sparse])


@pytest.mark.parametrize(
    ("losses", "short"),
    [
        ((2.2,), True),  # one epoch, far from learnt
        ((FAR_FROM_LEARNT * GUESSING + 1e-6,), True),
        ((FAR_FROM_LEARNT * GUESSING,), False),
        ((0.1,), False),  # one epoch was enough
        ((2.3, 2.0), True),  # falls by 13 %
        ((2.0, 2.0 * (1 - STILL_FALLING) - 1e-6), True),
        ((2.0, 2.0 * (1 - STILL_FALLING)), False),  # falls by 5 %, no more
        ((2.3, 2.29), False),  # stuck: more epochs would not help
        ((2.3, 1.0), False),  # learnt, and still falling
        ((2.3, 2.0, 1.9, 1.2, 0.4), False),
    ],
)
def test_undertrained_is_what_has_learnt_little_and_would_have_learnt_more(losses, short):
    said = undertrained(run("snip", 0.9, trained=learning(*losses)))
    told = remark("undertrained", epochs=len(losses), loss=losses[-1], guessing=GUESSING)
    assert said == (told if short else None)


def test_what_was_not_trained_here_or_diverged_is_never_called_undertrained():
    assert undertrained(run("snip", 0.9)) is None
    diverged = learning(2.2).model_copy(update={"status": "diverged"})
    assert undertrained(run("snip", 0.9, trained=diverged)) is None
    assert undertrained(run("snip", 0.9, trained=learning(1.0).model_copy(update={"epochs": ()}))) is None


def test_failed_checks_after_one_epoch_prove_no_artefact():
    trust = judged(learning(2.2)).trust[1]
    assert (trust.state, trust.ranked, trust.reliable) == ("undertrained", False, False)
    assert [c.remark.code for c in trust.concerns] == ["zero-gradients", "undertrained"]


def test_the_same_checks_after_a_long_training_do():
    found = judged(learning(2.3, 1.0, 0.5, 0.2, 0.1))
    assert found.trust[1].state == "artefact"
    assert [own.place for own in found.verdict.artefacts] == [1]
    assert judged(learning(2.2)).verdict.artefacts == ()


def test_a_short_training_says_so_at_its_row_and_is_not_ranked_even_where_its_checks_pass():
    found = judged(learning(2.2), zero=0.0)
    trust = found.trust[1]
    assert (trust.state, trust.ranked) == ("undertrained", False)
    assert [c.remark.code for c in trust.concerns] == ["undertrained"]
    assert found.differences[1].result == "not-ranked"
    assert found.verdict.lead.kind == "nothing-ranked"


def test_one_well_trained_seed_among_short_ones_is_an_artefact_all_the_same():
    """A failed check is put down to the training only where all seeds are short."""
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s, trained=learning(2.2)) for s in range(2)]
    runs += [
        run("snip", 0.9, *attacked(190, 130, zero=0.2), seed=s, trained=learning(*losses))
        for s, losses in enumerate(((2.2,), (0.1,)))
    ]
    assert analyse(runs).trust[1].state == "artefact"


def untrained(zero=0.0):
    dense = run("dense", 0.0, *attacked(190, 100))
    return analyse([dense, run("snip", 0.9, *attacked(190, 130, zero=zero), training="none")])


@pytest.mark.parametrize("zero", [0.0, 0.2])
def test_a_network_that_nobody_trained_is_untrained_whatever_its_checks_say(zero):
    found = untrained(zero)
    trust = found.trust[1]
    assert (trust.state, trust.ranked, trust.reliable) == ("untrained", False, False)
    assert trust.concerns[0].remark == remark("untrained")
    assert found.differences[1].result == "not-ranked"
    assert found.verdict.artefacts == ()


def test_it_leads_no_verdict_and_stands_as_untrained():
    decided = untrained().verdict
    assert (decided.lead.kind, decided.lead.claim) == ("nothing-ranked", None)
    assert [at.standings for at in decided.by_sparsity] == [(("untrained", (1,)),)]


def test_untrained_is_said_before_collapsed():
    dense = run("dense", 0.0, *attacked(190, 100))
    found = analyse([dense, run("snip", 0.9, *attacked(20, 10), training="none")])
    assert found.trust[1].state == "untrained"


@pytest.mark.parametrize("training", ["elsewhere", "unknown"])
def test_a_network_without_a_history_is_not_called_untrained_for_that(training):
    dense = run("dense", 0.0, *attacked(190, 100))
    found = analyse([dense, run("snip", 0.9, *attacked(190, 130), training=training)])
    assert (found.trust[1].state, found.differences[1].result) == ("no-red-flag", "higher")


def test_an_untrained_row_takes_nothing_from_the_comparisons_of_the_others():
    """p = 1/32 alone is below .05; counted together with the untrained row it would be 1/16."""
    dense = run("dense", 0.0, *attacked(190, 100))
    rows = [run("snip", 0.9, *attacked(190, 105)), run("random", 0.9, *attacked(190, 100), training="none")]
    found = analyse([dense, *rows])
    assert [d.result for d in found.differences.values()] == ["higher", "not-ranked"]


def test_an_untrained_dense_network_is_no_reference():
    dense = run("dense", 0.0, *attacked(190, 100), training="none")
    found = analyse([dense, run("snip", 0.9, *attacked(190, 130))])
    assert found.trust[0].state == "untrained"
    assert (found.differences[1].result, found.differences[1].reason) == (
        "not-ranked",
        remark("dense-untrained"),
    )
    assert found.verdict.lead.kind == "no-fit-reference"
