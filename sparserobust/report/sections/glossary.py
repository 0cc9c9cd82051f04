"""What the words mean, those alone that this page uses: its columns, its states, the attacks that were run."""

from __future__ import annotations

from typing import ClassVar

from sparserobust.analysis.attacks import scored_attacks
from sparserobust.analysis.differences import ALPHA
from sparserobust.analysis.estimates import CLAIM_SEEDS
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.mistakes import by_margin, conditions
from sparserobust.analysis.trust import State
from sparserobust.report.sections.other import definitions
from sparserobust.report.sections.section import ClosingSection, Standing
from sparserobust.report.table.rows import MainTable, main_table
from sparserobust.report.text.attacks import attack_name
from sparserobust.report.text.differences import RESULTS
from sparserobust.report.text.facts import attack_facts
from sparserobust.report.text.remarks import capital
from sparserobust.report.text.trust import STATES

Words = dict[str, str]

_ALWAYS = {
    "sparsity": (
        "Share of the prunable weights that are not kept, from 0 to 1; density is the rest. A weight is multiplied by "
        "what depends on the image, as those of linear and conv layers are; biases, norms, positions and embeddings "
        "are none."
    ),
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
        "MDD, minimum detectable difference",
        "The smallest difference, in points, that would be significant on its own with so many images or seeds.",
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
        "Multiply-adds on the non-zeros of the effective weights. A network that is dense at inference saves none.",
    ),
    "harmonic": ("HM", "Harmonic mean of clean accuracy and the share of exact zeros."),
}
_ROBUST_STATES: dict[State, str] = {
    "no-red-flag": "None of the checks on this page speaks against the number. They do not audit gradient masking.",
    "check": (
        "The number of the table is not reliable as it stands; why, and what to do, is said under “Attack "
        "reliability”. What one of several attacks misses is no reason: it is in the worst case."
    ),
    "artefact": (
        "A robust accuracy that another attack, the attack’s own gradients or the audit show to be too high."
    ),
    "collapsed": (
        "Clean accuracy no better than always naming the commonest class; its robustness means nothing."
    ),
}
"""Explained wherever an attack was scored."""
_STATES: dict[State, str] = {
    "untrained": "Nobody trained the network: its weights are those that were drawn. It is not ranked.",
    "undertrained": (
        "The network has learnt little and its training loss was still falling, so that a check of its gradients that "
        "fails says little about robustness. It is not ranked."
    ),
    "diverged": "The training ended with a loss that was not finite. The network is not ranked.",
    "cannot-choose": "The method had nothing to rank the weights by: a result of it, and no network to judge.",
    "not-made": "Making or training the network failed; nothing is known of the method here.",
}
"""Explained where a row is in the state."""


class GlossarySection(ClosingSection):
    """What the words on the page mean."""

    id: ClassVar[str] = "glossary"
    title: ClassVar[str] = "Glossary"
    place: ClassVar[float] = 140

    def build(self, findings: Findings, standing: Standing = frozenset()) -> tuple[tuple[str, str], ...]:
        """(word, meaning)."""
        table = main_table(findings)
        words: Words = {
            **_ALWAYS,
            **{word: meaning for column, (word, meaning) in _BY_COLUMN.items() if column in table.shown},
            **_of_comparisons(table, findings),
            **_of_states(table, findings),
            **_of_attacks(findings),
        }
        for word, meaning in definitions(findings, standing):
            words.setdefault(word, meaning)
        return tuple(words.items())


def _of_comparisons(table: MainTable, found: Findings) -> Words:
    words: Words = {}
    if any(by_margin(group, conditions(found.lineup)[0]) for group in found.lineup.sparse):
        words["newly misclassified"] = (
            "An image that the dense network gets right and the sparse one gets wrong. Its decile is that of the dense "
            "network’s margin: by how much the label’s logit leads the largest other one."
        )
    if table.has_dense_at_inference:
        words["dense at inference"] = (
            "An offset fills the weights off the mask, so that the network computes with all of them and saves nothing."
        )
    if table.comparisons:
        words[RESULTS["not-distinguishable"]] = (
            f"p is not below {ALPHA:g}, or the interval holds 0. It is not a claim of equality."
        )
        every = f"all {table.comparisons} comparisons" if table.comparisons > 1 else "all comparisons"
        words[RESULTS["ns-after-holm"]] = f"Different on its own, but not once {every} are counted."
    return words


def _of_states(table: MainTable, found: Findings) -> Words:
    held = {trust.state for trust in found.trust.values()}
    scored = _ROBUST_STATES if "clean" in table.shown else {}
    meanings = {**scored, **{state: text for state, text in _STATES.items() if state in held}}
    return {STATES[state]: text for state, text in meanings.items()}


def _of_attacks(found: Findings) -> Words:
    """Every attack that was run, by what it says of itself."""
    return {
        attack_name(name, found.lineup): f"{capital(attack_facts(outcomes[0]))}."
        for name, outcomes in scored_attacks(found.runs).items()
    }
