"""The sentences of version 1, each as it was written, and the code and facts that they become."""

from __future__ import annotations

import pytest

from sparserobust.records.migrations.version1 import prose
from sparserobust.records.migrations.version1.outcome import outcome

REASONS = [
    ("no example was classified correctly", "nothing-correct", {}),
    ("there is no example", "no-example", {}),
    ("not found: 12 of 300", "not-found", {"lost": 12, "of": 300}),
    (
        "no other minimum-norm attack in l2 in this run to compare with",
        "no-other-attack",
        {"norm": "l2"},
    ),
    ("no attack found anything, or all the same", "nothing-to-compare", {}),
    ("the loss of an example is not finite", "loss-not-finite", {}),
    ("no path leads from the input to the logits", "no-path", {}),
    ("not measured: the model has no training history", "no-training-history", {}),
    ("the dense parent has no gradient", "dense-without-gradient", {}),
    ("every map is zero everywhere", "every-map-zero", {}),
    ("accuracy is above chance (0.104) at every eps", "above-chance", {"chance": 0.104}),
    ("no image that both models get right", "nothing-right-on-both", {}),
    ("the model has no conv or linear layer", "no-prunable-layer", {}),
    ("needs training data: give a data set with a training split", "needs-training-data", {}),
    ("needs the initial weights, which are not known for this model", "needs-initial-weights", {}),
    ("this is the dense model itself: there is nothing to carry over", "is-dense-model", {}),
    (
        "no dense model was given to carry images over from; pass dense_model= to evaluate",
        "needs-dense-model",
        {},
    ),
    ("not auditable: it is: odd", "not-auditable", {"error": "ModelError", "message": "it is: odd"}),
    ("cannot choose 1 weight: none", "cannot-choose", {"weights": 1, "message": "none", "layers": []}),
    (
        "not made: OutOfMemoryError: 3 GiB",
        "not-made",
        {"error": "OutOfMemoryError", "message": "3 GiB"},
    ),
    ("not found: 12 of 300 or so", "said", {"text": "not found: 12 of 300 or so"}),
    ("It rains.\nNot found: 1 of 2", "said", {"text": "It rains.\nNot found: 1 of 2"}),
]
VERDICTS = [
    ("upper bound, not audited", "not-audited", {}),
    ("found 300 of 300", "found", {"found": 300, "of": 300}),
    ("not found: 12 of 300", "found", {"found": 288, "of": 300}),
    (
        "connected: 1,234 of 2,000 kept weights lie on a path from the input to the logits",
        "connected",
        {"trainable": 1234, "kept": 2000},
    ),
    (
        "connected, but none of the 2,000 kept weights lies on a path from the input to the logits",
        "connected-untrainable",
        {"kept": 2000},
    ),
    ("no path from the input to the logits", "disconnected", {"cut_at": None}),
    ("no path from the input to the logits: layer a.1 is cut", "disconnected", {"cut_at": "a.1"}),
    ("1.2e+03x fewer MACs, on hardware that skips zeros", "fewer-macs", {"factor": 1200.0}),
    ("nothing is computed", "nothing-computed", {}),
    ("dense by construction: the offset spreads the map", "dense-at-inference", {}),
    (
        "no gradient reaches the kept weights of 2 of 5 layers",
        "layers-without-gradient",
        {"without": 2, "of": 5},
    ),
    (
        "no sign of gradient masking: images made on the dense model do not surely break more than its own",
        "no-masked-gradients",
        {},
    ),
    ("nothing to carry over: no image that both models get right", "nothing-right-on-both", {}),
    ("fine, I think", "said", {"text": "fine, I think"}),
]
WARNINGS = [
    (
        "no gradient reaches 3 of 300 images, which this attack leaves as they are: `gradient-masking` tells "
        "whether that is robustness",
        "no-gradient",
        {"images": 3, "of": 300},
    ),
    ("early stop: distances below 0.25 are upper bounds", "early-stop", {"below": 0.25}),
    (
        "steps * stepsize = 0.5 is below 8: pixels at 0 or 1 may not move and the attack may fail for that reason "
        "alone; raise steps or stepsize",
        "short-travel",
        {"travel": 0.5, "needed": 8},
    ),
    (
        "apgd-t was left out: its loss needs 4 classes, the model has 2",
        "part-left-out",
        {"part": "apgd-t", "needs": 4, "classes": 2},
    ),
    ("2 of 10 logits are constant: no path leads to them", "constant-logits", {"constant": 2, "of": 10}),
    ("layers that never run count as not effective: a.1, b", "idle-layers", {"layers": ["a.1", "b"]}),
]
OF_SUBJECTS = [
    ("layer collapsed: fc1.weight keeps no weight", "layer-collapsed", {"layer": "fc1.weight"}),
    (
        "not trained yet: this method prunes while it trains, and the mask is the one it starts from",
        "starts-full",
        {},
    ),
    ("trained without its penalty: add attached.penalty() to the loss", "without-penalty", {}),
    (
        "training ended after 3 of 10 epochs, before the method was done: it keeps 900 weights, 100 were asked for",
        "ended-early",
        {"epochs": 3, "of": 10, "kept": 900, "wanted": 100},
    ),
    (
        "7 kept weights had no score at the last pruning event: they lie in parts that are cut off",
        "kept-without-score",
        {"weights": 7},
    ),
]


@pytest.mark.parametrize(
    ("table", "text", "code", "facts"),
    [
        (table, *sentence)
        for table, sentences in (
            (prose.REASONS, REASONS),
            (prose.VERDICTS, VERDICTS),
            (prose.WARNINGS, WARNINGS),
            (prose.SUBJECT_WARNINGS, OF_SUBJECTS),
        )
        for sentence in sentences
    ],
)
def test_a_sentence_becomes_a_code_with_facts(table, text, code, facts):
    assert prose.in_codes(text, table) == {"code": code, "facts": facts}


@pytest.mark.parametrize(
    ("table", "sentences"),
    [
        (prose.REASONS, REASONS),
        (prose.VERDICTS, [*VERDICTS, (None, "saves-no-macs"), (None, "masked-gradients")]),
        (prose.WARNINGS, WARNINGS),
        (prose.SUBJECT_WARNINGS, OF_SUBJECTS),
    ],
)
def test_every_code_of_a_table_is_tested(table, sentences):
    assert table.keys() <= {code for _, code, *_ in sentences}


@pytest.mark.parametrize(
    ("message", "layers"),
    [
        ("b: only 3 of 9 scores are finite and non-zero, but 4 weights are to be kept", ["b"]),
        ("event 2 of 5: a.0.weight: all 7 highest scores are equal", ["a.0.weight"]),
        ("only 0 of 9 scores; no usable score at all in a.weight, b.weight", ["a.weight", "b.weight"]),
        ("no usable score at all in a, b. Nothing passes b: initialised with zeros", ["b"]),
        ("all scores are zero. Nothing passes a, b, c and 3 more: the flow has collapsed there", []),
        ("all scores are zero", []),
        ("event 3 of 100: the sum of the outputs is of no use: 3 layers hold only zeros", []),
    ],
)
def test_layers_are_known_where_the_message_names_all(message, layers):
    found = prose.in_codes(f"cannot choose 617 weights: {message}", prose.REASONS)
    assert found["facts"] == {"weights": 617, "message": message, "layers": layers}


def one(evaluator: str, verdict: str, scores: list[dict] | None = None, offset: str = "zero") -> dict:
    raw = {"evaluator": evaluator, "status": "ok", "verdict": verdict, "scores": scores or []}
    return outcome(raw, offset=offset)["verdict"]


def test_macs_are_counted_exactly_and_dense_weights_have_an_offset():
    macs = [{"name": "dense_macs", "value": 1000.0}, {"name": "executed_macs", "value": 30.0}]
    found = one("flops", "33.3x fewer MACs, on hardware that skips zeros", macs)
    assert found["facts"] == {"factor": 1000 / 30}
    text = "saves no MACs: the effective weights are dense"
    assert one("flops", text, offset="dct") == {"code": "saves-no-macs", "facts": {"offset": "dct"}}
    assert one("flops", "saves no MACs")["facts"] == {"offset": "zero"}


def test_masked_gradients_are_fractions_as_exact_as_the_record_has_them():
    text = (
        "a sign of gradient masking: at eps = 0.1 images made on the dense model break 12.3 points more than its own "
        "[4.6, 20.1]"
    )
    rounded = {"eps": 0.1, "gap": 0.123, "low": 0.046, "high": 0.201}
    assert one("transfer", text)["facts"] == pytest.approx(rounded)
    gap = {"name": "transfer_gap", "at": 0.1, "value": 0.1234, "ci_low": 0.0456, "ci_high": 0.2012}
    exact = {"eps": 0.1, "gap": 0.1234, "low": 0.0456, "high": 0.2012}
    assert one("transfer", text, [gap]) == {"code": "masked-gradients", "facts": exact}
