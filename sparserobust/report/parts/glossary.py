"""What the words mean, those alone that this page uses."""

from __future__ import annotations

from sparserobust.report.compare import ALPHA
from sparserobust.report.estimates import CLAIM_SEEDS
from sparserobust.report.rows import MainTable

_ALWAYS = {
    "sparsity": "Share of the weights of linear and conv layers that are not kept, from 0 to 1. Density is the rest.",
    "dash": "Not measured, with the reason beside it or below the table. Never 0.",
}
_BY_COLUMN = {
    "clean": (
        "robust accuracy",
        "Share of all images that are classified correctly and stay so under the attack, with several under the worst "
        "of them for each image: an upper bound.",
    ),
    "difference": (
        "minus dense",
        "The network minus its dense reference, paired: the same images for one network (Newcombe, McNemar mid-p), "
        f"the same seeds for several (Student t). Fewer than {CLAIM_SEEDS} seeds allow no claim about a method.",
    ),
    "smallest": (
        "least visible",
        "The smallest difference, in points, that this many images or seeds could have told from 0.",
    ),
    "distance": (
        "median ℓ₂",
        "The distance that breaks half of the initially correct images; not found counts as infinite.",
    ),
    "stored": (
        "stored KiB",
        "The smallest lossless code: values, positions or their seed, biases and norms. 1 KiB = 1024 bytes.",
    ),
    "macs": (
        "executed MACs",
        "Multiply-adds on the non-zeros of the effective weights. A frozen or DCT network is dense and saves none.",
    ),
    "harmonic": ("HM", "Harmonic mean of clean accuracy and the share of exact zeros."),
}


def glossary(table: MainTable) -> tuple[tuple[str, str], ...]:
    """(word, meaning)."""
    words = dict(_ALWAYS)
    words |= {word: meaning for column, (word, meaning) in _BY_COLUMN.items() if column in table.shown}
    if table.comparisons:
        words["not distinguishable"] = (
            f"p is not below {ALPHA:g}, or the interval holds 0. It is not a claim of equality."
        )
        words["not after Holm"] = (
            f"Different on its own, but not once all {table.comparisons} comparisons are counted."
            if table.comparisons > 1
            else "Different on its own, but not once all comparisons are counted."
        )
    if "clean" in table.shown:
        words["no red flag"] = (
            "None of the checks on this page speaks against the number. It is not an audit."
        )
        words["check"] = (
            "The number of the table may not be believed as it stands; why, and what to do, is said under “Can we "
            "believe it?”. What one of several attacks misses is no reason: it is in the worst case."
        )
        words["artefact"] = (
            "A robust accuracy that another attack, the attack’s own gradients or the audit show to be too high."
        )
        words["collapsed"] = (
            "Clean accuracy no better than always naming the commonest class; its robustness means nothing."
        )
    return tuple(words.items())
