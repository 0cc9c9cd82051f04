"""The sentences of version 1 as codes with facts; any other text stays what it is, in its author's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sparserobust.records.remark import RAISED, SAID

_TEXTS = ("norm", "error", "message", "part", "layer", "cut_at")
_LISTS = ("layers",)
_COUNT, _NUMBER = r"[\d,]+", r"-?[\d.]+(?:e[+-]?\d+)?"
_ON_A_PATH = "on a path from the input to the logits"

NOT_MADE = {
    "cannot-choose": rf"cannot choose (?P<weights>{_COUNT}) weights?: (?P<message>.*)",
    "not-made": r"not made: (?P<error>\w+): ?(?P<message>.*)",
}
"""Code -> the whole text, with the facts as groups; so in all of these tables."""
REASONS = {
    "nothing-correct": r"no example was classified correctly",
    "no-example": r"there is no example",
    "not-found": rf"not found: (?P<lost>{_COUNT}) of (?P<of>{_COUNT})",
    "no-other-attack": r"no other minimum-norm attack in (?P<norm>\w+) in this run to compare with",
    "nothing-to-compare": r"no attack found anything, or all the same",
    "loss-not-finite": r"the loss of an example is not finite",
    "no-path": r"no path leads from the input to the logits",
    "no-training-history": r"not measured: the model has no training history",
    "dense-without-gradient": r"the dense parent has no gradient",
    "every-map-zero": r"every map is zero everywhere",
    "above-chance": rf"accuracy is above chance \((?P<chance>{_NUMBER})\) at every eps",
    "nothing-right-on-both": r"(?:nothing to carry over: )?no image that both models get right",
    "no-prunable-layer": r"the model has no conv or linear layer",
    "needs-training-data": r"needs training data: give a data set with a training split",
    "needs-initial-weights": r"needs the initial weights, which are not known for this model",
    "is-dense-model": r"this is the dense model itself: there is nothing to carry over",
    "needs-dense-model": r"no dense model was given to carry images over from; pass dense_model= to evaluate",
    "not-auditable": r"not auditable: (?P<message>.*)",
    **NOT_MADE,
}
FAILURES = {**NOT_MADE, RAISED: r"(?P<error>[A-Za-z_]\w*): ?(?P<message>.*)"}
VERDICTS = {
    "not-audited": r"upper bound, not audited",
    "found": rf"(?:found (?P<found>{_COUNT})|not found: (?P<lost>{_COUNT})) of (?P<of>{_COUNT})",
    "connected": rf"connected: (?P<trainable>{_COUNT}) of (?P<kept>{_COUNT}) kept weights lie {_ON_A_PATH}",
    "connected-untrainable": rf"connected, but none of the (?P<kept>{_COUNT}) kept weights lies {_ON_A_PATH}",
    "disconnected": r"no path from the input to the logits(?:: layer (?P<cut_at>.+) is cut)?",
    "saves-no-macs": r"saves no MACs(?:: the effective weights are dense)?",
    "fewer-macs": rf"(?P<factor>{_NUMBER})x fewer MACs, on hardware that skips zeros",
    "nothing-computed": r"nothing is computed",
    "dense-at-inference": r"dense by construction: the offset spreads the map",
    "layers-without-gradient": (
        rf"no gradient reaches the kept weights of (?P<without>{_COUNT}) of (?P<of>{_COUNT}) layers"
    ),
    "masked-gradients": (
        rf"a sign of gradient masking: at eps = (?P<eps>{_NUMBER}) images made on the dense model break "
        rf"(?P<gap>{_NUMBER}) points more than its own \[(?P<low>{_NUMBER}), (?P<high>{_NUMBER})\]"
    ),
    "no-masked-gradients": (
        r"no sign of gradient masking: images made on the dense model do not surely break more than its own"
    ),
    "nothing-right-on-both": REASONS["nothing-right-on-both"],
}
WARNINGS = {
    "no-gradient": (
        rf"no gradient reaches (?P<images>{_COUNT}) of (?P<of>{_COUNT}) images, which this attack leaves as they are: "
        "`gradient-masking` tells whether that is robustness"
    ),
    "early-stop": rf"early stop: distances below (?P<below>{_NUMBER}) are upper bounds",
    "short-travel": (
        rf"steps \* stepsize = (?P<travel>{_NUMBER}) is below (?P<needed>{_NUMBER}): pixels at 0 or 1 may not move "
        "and the attack may fail for that reason alone; raise steps or stepsize"
    ),
    "part-left-out": (
        rf"(?P<part>\S+) was left out: its loss needs (?P<needs>{_COUNT}) classes, the model has (?P<classes>{_COUNT})"
    ),
    "constant-logits": rf"(?P<constant>{_COUNT}) of (?P<of>{_COUNT}) logits are constant: no path leads to them",
    "idle-layers": r"layers that never run count as not effective: (?P<layers>.+)",
}
SUBJECT_WARNINGS = {
    "layer-collapsed": r"layer collapsed: (?P<layer>.+) keeps no weight",
    "starts-full": (
        r"not trained yet: this method prunes while it trains, and the mask is the one it starts from"
    ),
    "without-penalty": r"trained without its penalty: add attached\.penalty\(\) to the loss",
    "ended-early": (
        rf"training ended after (?P<epochs>{_COUNT}) of (?P<of>{_COUNT}) epochs, before the method was done: it keeps "
        rf"(?P<kept>{_COUNT}) weights, (?P<wanted>{_COUNT}) were asked for"
    ),
    "kept-without-score": (
        rf"(?P<weights>{_COUNT}) kept weights had no score at the last pruning event: "
        "they lie in parts that are cut off"
    ),
}


def in_codes(text: str, prose: Mapping[str, str]) -> dict[str, Any]:
    """The remark that a text is, as JSON."""
    found = matched(text, prose)
    return said(text) if found is None else found


def matched(text: str, prose: Mapping[str, str]) -> dict[str, Any] | None:
    """The remark that a text is, as JSON; None where it is none of these."""
    for code, pattern in prose.items():
        if match := re.fullmatch(pattern, text):
            facts = {name: _fact(name, value) for name, value in match.groupdict().items()}
            return {"code": code, "facts": _completed(code, facts)}
    return None


def said(text: str) -> dict[str, Any]:
    """A text in its author's own words, as JSON."""
    return {"code": SAID, "facts": {"text": text}}


def number(text: str) -> float:
    """A number as version 1 wrote it, a whole one with commas between the thousands."""
    plain = text.replace(",", "")
    return int(plain) if plain.isdecimal() else float(plain)


def _fact(name: str, value: str | None) -> Any:
    if value is None or name in _TEXTS:
        return value
    return value.split(", ") if name in _LISTS else number(value)


def _completed(code: str, facts: dict[str, Any]) -> dict[str, Any]:
    """With the facts that the text implies."""
    if code == "cannot-choose":
        return {**facts, "layers": _layers_in(facts["message"])}
    if code == "not-auditable":
        return {"error": "ModelError", **facts}
    if code == "found":
        lost = facts.pop("lost")
        return facts if lost is None else {"found": facts["of"] - lost, "of": facts["of"]}
    return facts


def _layers_in(message: str) -> list[str]:
    """The layers that a method could not choose in, where the message names all of them."""
    for pattern in (r"\. Nothing passes ([^:]+): ", r"no usable score at all in ([^:;]+?)(?:\. |$)"):
        if match := re.search(pattern, message):
            return [] if re.search(r" and \d+ more$", match[1]) else match[1].split(", ")
    alone = re.match(r"(?:event \d+ of \d+: )?([\w.]+): (?:only|all) \d+", message)
    return [alone[1]] if alone else []
