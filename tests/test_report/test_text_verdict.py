"""The verdict in words: neither half of a claim is said alone."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse
from sparserobust.records import remark
from sparserobust.report.text.verdict import verdict

from .attack_factory import audit
from .factorial import MASKS, OFFSETS
from .factory import accuracy, attacked, failed, first, flops, not_made, run, storage
from .sides import sides

DENSE = run("dense", 0.0, *attacked(190, 100), storage(0.0, 1.0, 40960.0), flops(1192960.0))


def paragraphs(*runs) -> list[str]:
    return ["".join(span.text for span in p).replace("\u00a0", " ") for p in verdict(analyse(runs))]


def words(*runs) -> str:
    return " ".join(paragraphs(*runs))


def lead(*runs) -> tuple[str, str]:
    """(its first sentence up to the colon, the rest)."""
    head, _, rest = paragraphs(*runs)[0].partition(": ")
    return head, rest


def test_more_robust_in_one_norm_less_in_another_and_less_accurate_is_one_sentence():
    head, numbers = lead(*sides())
    assert head == (
        "SNIP at sparsity 0.9 is more robust than its dense parent in ℓ∞, but less robust in ℓ₂ and less accurate on "
        "clean images"
    )
    assert numbers.startswith(
        "65.0 % [58.2, 71.3] against 50.0 % [43.1, 56.9], a paired difference of +15.0 points ["
    )
    assert "; in ℓ₂ 50.0 % against 80.0 % (−30.0 points) (PGD, ℓ₂ = 0.5)" in numbers
    assert "; clean accuracy 90.0 % against 97.5 % (−7.5 points)" in numbers
    assert numbers.endswith("; gradient masking not audited in ℓ∞ and ℓ₂.")


def test_the_part_in_bold_names_what_was_lost():
    """Whoever reads nothing but the emphasised words reads both halves."""
    (strong,) = [span.text for span in verdict(analyse(sides()))[0] if span.kind == "strong"]
    for half in ("more robust", "in ℓ∞", "less robust in ℓ₂", "less accurate on clean images"):
        assert half in strong


@pytest.mark.parametrize(
    ("facts", "but"),
    [
        ({"l2": (160, 160), "clean": (195, 195)}, ""),
        ({"l2": (160, 175), "clean": (195, 195)}, ""),
        ({"l2": (160, 160), "clean": (195, 180)}, ", but less accurate on clean images"),
        ({"l2": (160, 100), "clean": (195, 195)}, ", but less robust in ℓ₂"),
        ({"l2": None, "clean": (195, 180)}, ", but less accurate on clean images"),
        (
            {"l2": (160, 100), "l1": (160, 100), "clean": (195, 180)},
            ", but less robust in ℓ₂, less robust in ℓ₁ and less accurate on clean images",
        ),
        ({"l2": (160, 100), "l1": (100, 160), "clean": (195, 195)}, ", but less robust in ℓ₂"),
    ],
)
def test_what_was_lost_is_named_and_nothing_else(facts, but):
    head, _ = lead(*sides(**facts))
    assert head == f"SNIP at sparsity 0.9 is more robust than its dense parent in ℓ∞{but}"


def test_every_norm_that_was_run_has_its_numbers():
    _, numbers = lead(*sides(l1=(120, 121)))
    assert "; in ℓ₂ 50.0 % against 80.0 % (−30.0 points) (PGD, ℓ₂ = 0.5)" in numbers
    assert "; in ℓ₁ 60.5 % against 60.0 % (+0.5 points) (pgd l1, ℓ₁ = 8)" in numbers


def test_a_norm_in_which_nothing_changed_has_its_numbers_beside_it_all_the_same():
    """The clean accuracy too."""
    _, numbers = lead(*sides(l2=(160, 160), clean=(195, 195)))
    assert "in ℓ₂ 80.0 % against 80.0 % (0.0 points)" in numbers
    assert "clean accuracy 97.5 % against 97.5 % (0.0 points)" in numbers


def test_an_audit_in_one_norm_is_none_in_the_other():
    audits = [audit("supported", (0.65, 0.65, 0.64, 0.63), right=first(k)) for k in (195, 180)]
    _, numbers = lead(*sides(audits=audits))
    assert "; gradient masking audited in ℓ∞ up to ε = 0.1 (supported), not audited in ℓ₂." in numbers
    _, numbers = lead(*sides(audits=audits, l1=(120, 121)))
    assert "(supported), not audited in ℓ₂ and ℓ₁." in numbers
    _, numbers = lead(*sides(audits=audits, l2=None))
    assert numbers.endswith("; gradient masking audited in ℓ∞ up to ε = 0.1 (supported).")
    assert lead(*sides(l2=None))[1].endswith("; gradient masking not audited.")


def test_an_audit_of_one_seed_is_not_told_as_one_of_all():
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s) for s in range(3)]
    for seed in range(3):
        own = (audit("supported"),) if seed == 0 else ()
        runs.append(run("snip", 0.9, *attacked(190, 120 + seed), *own, seed=seed))
    assert "audited in ℓ∞ up to ε = 0.1 (supported, 1 of 3 networks)" in words(*runs)


def test_a_claim_that_has_to_be_checked_says_what_was_lost_and_why_it_is_in_doubt():
    head, rest = lead(*sides(zero=0.05))
    assert head == (
        "SNIP at sparsity 0.9 measures as more robust than its dense parent in ℓ∞, less robust in ℓ₂ and less accurate "
        "on clean images, but has to be checked"
    )
    assert "in ℓ₂ 50.0 % against 80.0 %" in rest
    assert "clean accuracy 90.0 % against 97.5 %" in rest
    assert "FGSM sees an all-zero gradient on 5.0 % of the images" in rest
    head, rest = lead(DENSE, run("snip", 0.9, *attacked(190, 130), failed("saliency", "no memory")))
    assert head.endswith("in ℓ∞, but has to be checked")
    assert rest.endswith("Saliency failed: no memory.")


def test_where_nothing_leads_in_one_norm_the_other_is_not_left_out():
    """Not more robust in linf; in l2 it is, which the sentence must not deny."""
    first_paragraph, *others = paragraphs(*sides(linf=(100, 102), l2=(100, 160)))
    assert first_paragraph.startswith(
        "No sparse network here is shown to be more robust than its dense parent in ℓ∞. Closest is SNIP at sparsity"
    )
    assert "in ℓ₂ 80.0 % against 50.0 % (+30.0 points)" in first_paragraph
    assert "At 0.9 in ℓ₂ SNIP is higher than dense. " in others


def test_every_norm_has_its_sentence_by_sparsity():
    told = paragraphs(*sides())
    assert told[1:3] == [
        "At 0.9 in ℓ∞ SNIP is higher than dense. ",
        "At 0.9 in ℓ₂ SNIP is lower than dense. ",
    ]
    assert "At 0.9 SNIP is higher than dense. " in paragraphs(*sides(l2=None))


def test_the_verdict_names_the_winner_its_price_and_the_losers():
    winner = run("snip", 0.9, *attacked(190, 130), storage(0.9, 0.1), flops(119296.0))
    text = words(DENSE, winner, run("random", 0.9, *attacked(190, 60)))
    assert text.startswith("SNIP at sparsity 0.9 is more robust than its dense parent in ℓ∞: 65.0 % [")
    assert "a paired difference of +15.0 points" in text
    assert "with 20× fewer bytes and 10× fewer multiply-adds" in text
    assert "random is lower than dense" in text
    assert "not about the methods" in text


def test_the_verdict_claims_nothing_that_was_not_shown():
    text = words(DENSE, run("snip", 0.9, *attacked(190, 102)))
    assert text.startswith("No sparse network here is shown to be more robust")
    assert "SNIP is not distinguishable from dense (minimum detectable difference 2.5 points)" in text


def test_the_verdict_without_dense_says_so():
    assert "Relative to dense: not measured (no dense reference given)" in words(
        run("snip", 0.9, *attacked(190, 9))
    )


def test_without_an_attack_it_speaks_of_clean_accuracy():
    text = words(run("dense", 0.0, accuracy(first(150))), run("snip", 0.9, accuracy(first(190))))
    assert text.startswith("SNIP at sparsity 0.9 is more accurate than its dense parent: 95.0 % [")
    assert "gradient masking" not in text


def test_without_an_audit_the_verdict_goes_on_saying_upper_bound():
    text = words(run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 90)))
    assert "FGSM gives upper bounds" in text


def test_an_artefact_is_told_with_the_audits_sentence():
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported"))]
    runs.append(run("snip", 0.9, *attacked(190, 100), audit("artefact-proven", (0.5, 0.3, 0.3, 0.2))))
    text = words(*runs)
    assert (
        "SNIP 0.9 reports 50.0 %, but audit: at ε = 0.1 FGSM leaves 50.0 %, and 20.0 % are left once its"
        in text
    )
    assert "30.0 points are no robustness (G3): an artefact, left out of the ranking." in text
    plain = remark("audit-probes", probes=[["G8", 0.2]])
    proven = audit("artefact-proven", (0.5, 0.5, 0.48, 0.2), verdict=plain)
    assert "SNIP 0.9 reports 50.0 %, but audit: G8 fails (0.2): an artefact" in words(
        runs[0], run("snip", 0.9, *attacked(190, 100), proven)
    )


def test_untrained_and_undertrained_rows_stand_by_their_names():
    rows = [run("snip", 0.9, *attacked(190, 130), training="none"), run("random", 0.9, *attacked(190, 60))]
    assert "At 0.9 random is lower than dense; SNIP is untrained. " in paragraphs(DENSE, *rows)


def test_the_verdict_tells_as_a_result_that_a_method_cannot_choose():
    runs = [run("dense", 0.0, *attacked(190, 100)), run("random", 0.9, *attacked(190, 60))]
    gone = not_made(run("snip", 0.9, *attacked(190, 90)))
    assert "random is lower than dense; SNIP cannot choose its weights." in words(*runs, gone)
    assert words(runs[0], gone).startswith("No method here could choose its weights; the table says why.")


def grid(outcome):
    """Dense and the twelve variants at 0.9, one seed, as `outcome(mask, offset)` makes them robust."""
    runs = [run("dense", 0.0, *attacked(190, 100))]
    for mask, (method, params) in enumerate(MASKS):
        for offset in OFFSETS:
            changed = params | ({"offset": offset} if offset != "zero" else {})
            runs.append(run(method, 0.9, *attacked(190, outcome(mask, offset)), changed=changed))
    return runs


def test_the_verdict_counts_what_would_be_a_long_list():
    assert "At 0.9 all twelve are lower than dense." in words(
        *grid(lambda mask, offset: 60 + mask - len(offset))
    )
    text = words(*grid(lambda mask, offset: 140 if mask == 2 and offset == "dct" else 50))
    assert "At 0.9 SNIP + DCT is higher than dense; the other eleven are lower than dense." in text


def test_the_verdict_names_a_mask_once_for_all_its_offsets():
    text = words(*grid(lambda mask, offset: 100 if mask == 3 else 50))
    assert "At 0.9 SynFlow with any offset is not distinguishable from dense" in text
    text = words(*grid(lambda mask, offset: 100 if mask > 1 or (mask == 0 and offset == "dct") else 50))
    assert "random (EPL) + DCT and, with any offset, SNIP and SynFlow are not distinguishable" in text
    runs = grid(lambda mask, offset: 50)
    runs = [not_made(one) if one.subject.method in ("snip", "synflow") else one for one in runs]
    assert "SNIP and SynFlow, each with any offset, cannot choose their weights" in words(*runs)
