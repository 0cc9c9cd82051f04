"""Remarks in words: every code that a record or an analysis may hold has its sentence here.

A template takes the remark's facts by name; behind a colon stands how a fact is shown: `count`, `percent`, `points`,
`listed`, `attack` (an evaluator by its name in the comparison), `attacks`, `budget` (the sign of a
norm's budget), or a format of Python's.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any

from sparserobust.records import RAISED, SAID, Remark
from sparserobust.report.text.attacks import budget_sign, budget_text
from sparserobust.report.text.numbers import count, fixed, listed, percent, plural, points, realised, target

Names = Mapping[str, str]
"""Evaluator -> what it is called in the comparison."""

LONGEST = 120  # characters of a reason in a table row
_ENDS = (", but ", "; ", ". ")

SENTENCES: dict[str, str] = {
    # why there is no number
    "nothing-correct": "no example was classified correctly",
    "no-example": "there is no example",
    "no-other-attack": "no other minimum-norm attack in {norm} in this run to compare with",
    "nothing-to-compare": "no attack found anything, or all the same",
    "loss-not-finite": "the loss of an example is not finite",
    "no-path": "no path leads from the input to the logits",
    "no-training-history": "not measured: the model has no training history",
    "dense-without-gradient": "the dense parent has no gradient",
    "every-map-zero": "every map is zero everywhere",
    "above-chance": "accuracy is above chance ({chance:.3f}) at every eps",
    "nothing-right-on-both": "no image that both models get right",
    "no-prunable-layer": "the model has no conv or linear layer",
    "needs-training-data": "needs training data: give a data set with a training split",
    "needs-initial-weights": "needs the initial weights, which are not known for this model",
    "is-dense-model": "this is the dense model itself: there is nothing to transfer",
    "needs-dense-model": "no dense model was given to make images on; pass dense_model= to evaluate",
    "cannot-choose": "cannot choose {weights:weight}: {message}",
    "not-made": "not made: {error}: {message}",
    "not-per-image": "not measured per image",
    "not-per-image-on-both": "not measured per image on both",
    "dense-on-other-images": "not paired: dense was evaluated on other images",
    "no-such-dense": "no dense network of this model, data and seed",
    "no-dense-given": "no dense reference given",
    "no-minimum-norm-attack": "not measured: no minimum-norm attack in {norm} was run",
    "dense-diverged": "the training of the dense network diverged",
    "dense-untrained": "nobody trained the dense network",
    # what outcomes come to
    "not-audited": "upper bound, not audited",
    "connected": "connected: {trainable:count} of {kept:count} kept weights lie on a path from the input to the logits",
    "connected-untrainable": (
        "connected, but none of the {kept:count} kept weights lies on a path from the input to the logits"
    ),
    "fewer-macs": "{factor:.3g}x fewer MACs, on hardware that skips zeros",
    "nothing-computed": "nothing is computed",
    "dense-at-inference": "dense at inference: the offset spreads the map",
    "layers-without-gradient": "no gradient reaches the kept weights of {without} of {of} layers",
    "masked-gradients": (
        "a sign of gradient masking: at {norm:budget} = {eps:g} images made on the dense model break {gap:points} "
        "points more than its own [{low:points}, {high:points}]"
    ),
    "no-masked-gradients": (
        "no sign of gradient masking: images made on the dense model do not surely break more than its own"
    ),
    # the audit
    "audit-log-probabilities": (
        "the model returns log-probabilities (G0), which attacks take for logits; return what goes into its "
        "log-softmax and audit again"
    ),
    # warnings
    "no-gradient": (
        "no gradient reaches {images:count} of {of:count} images, which this attack leaves as they are; an audit of "
        "gradient masking tells whether that is robustness"
    ),
    "early-stop": "early stop: distances below {below:g} are upper bounds",
    "short-travel": (
        "steps * stepsize = {travel:g} is below {needed:g}: pixels at 0 or 1 may not move and the attack may fail for "
        "that reason alone; raise steps or stepsize"
    ),
    "part-left-out": "{part} was left out: its loss needs {needs} classes, the model has {classes}",
    "constant-logits": "{constant:count} of {of:count} logits are constant: no path leads to them",
    "idle-layers": "layers that never run count as not effective: {layers:listed}",
    "layer-collapsed": "layer collapsed: {layer} keeps no weight",
    "kept-without-score": (
        "{weights:weight} kept at the last pruning event had no score: they lie in parts that are cut off"
    ),
    "starts-full": "not trained yet: this method prunes while it trains, and the mask is the one it starts from",
    "without-penalty": "trained without its penalty: add attached.penalty() to the loss",
    "ended-early": (
        "training ended after {epochs} of {of} epochs, before the method was done: it keeps {kept:count} weights, "
        "{wanted:count} were asked for"
    ),
    # what a row comes to
    "untrained": "nobody trained this network: its weights are those that were drawn",
    "undertrained": (
        "undertrained: after {epochs:epoch} its training loss is {loss:.2f} and was still falling (guessing: "
        "{guessing:.2f}); what its gradients do says little yet"
    ),
    "collapsed": (
        "collapsed: robustness not meaningful; predicts no better than always one class ({majority:percent} %)"
    ),
    "some-collapsed": "{collapsed} of {of} seeds collapsed; the mean mixes two kinds of network",
    "training-diverged": "training diverged: the loss was not finite",
    "other-epochs": (
        "trained {epochs:epoch}, the dense network beside it {dense}: a difference may be that of the training"
    ),
    "other-sparsity": (
        "its sparsity is {sparsity:realised}, asked for was {target:target}; `sparserobust describe {method}` says how "
        "it prunes"
    ),
    # checks
    "zero-gradients": (
        "{attack:attack} sees an all-zero gradient on {share:percent} % of the images (looked at from {look:share}, "
        "fails from {fail:share} %), which it cannot move"
    ),
    "margin": (
        "at {norm:budget} = {eps:g} the same step on the margin breaks {margin:percent} %, on the loss {loss:percent} "
        "% (looked at from {look:share} points more, fails from {fail:share})"
    ),
    "rise": (
        "accuracy under {attack:attack} rises by {rise:percent} points up to {norm:budget} = {eps:g} (looked at "
        "from {look:share}): a larger budget can only break more"
    ),
    "not-found-by-any": (
        "{attacks:attacks}, which no budget stops, found nothing for {lost:count} of {of:count} images (looked at from "
        "{look:share} %)"
    ),
    "stronger": (
        "{attack:attack} leaves {left:percent} %, {other:attack} leaves {other_left:percent} % ({beyond:percent} "
        "points beyond what dense loses; looked at from {look:share}, fails from {fail:share})"
    ),
    "transfer-gap": (
        "at {norm:budget} = {eps:g} images made on the dense network break {gap:percent} points more than its own, a "
        "sign of masked gradients"
    ),
    "weaker-than-audit": (
        "{attack:attack} leaves {left:percent} %, the audit’s attacks leave {audited:percent} %"
    ),
}


def sentence(remark: Remark, names: Names | None = None) -> str:
    """A remark in words, without a capital or a full stop: it may stand inside another sentence.

    Args:
        remark: of a record or an analysis.
        names: what evaluators are called in the comparison.
    """
    if remark.code in _WRITTEN:
        return _WRITTEN[remark.code](remark.facts, names or {})
    template = SENTENCES.get(remark.code)
    if template is None:  # a plugin's own code
        return str(remark).replace("-", " ")
    try:
        return _Facts(names or {}).vformat(template, (), _with_norm(remark.facts))
    except (KeyError, TypeError, ValueError):  # facts that another version wrote
        return str(remark).replace("-", " ")


def in_short(text: str) -> str:
    """The first clause of a sentence: "cannot choose 617 weights: only 12 of 6170 scores are finite and non-zero"."""
    ends = [place for end in _ENDS if (place := text.find(end)) > 0]
    short = text[: min(ends, default=len(text))].rstrip(".")
    if len(short) <= LONGEST:
        return short
    whole, comma, _ = short[: LONGEST - 2].rpartition(", ")  # a list of layers ends after a whole name
    return f"{whole if comma else short[: LONGEST - 2].rstrip()} …"


def capital(text: str) -> str:
    """The sentence with a capital."""
    return f"{text[:1].upper()}{text[1:]}"


class _Facts(string.Formatter):
    """Templates with facts; how a fact is shown stands behind its colon."""

    def __init__(self, names: Names) -> None:
        self.shown: dict[str, Callable[[Any], str]] = {
            "count": count,
            "percent": percent,
            "share": lambda value: f"{100 * value:g}",
            "points": lambda value: fixed(100 * value),
            "listed": lambda values: listed([str(value) for value in values]),
            "attack": lambda name: names.get(str(name), str(name)),
            "attacks": lambda every: listed([names.get(str(name), str(name)) for name in every]),
            "weight": lambda number: plural(number, "weight"),
            "epoch": lambda number: plural(number, "epoch"),
            "realised": realised,
            "target": target,
            "budget": budget_sign,
        }

    def format_field(self, value: Any, format_spec: str) -> str:
        """By the name behind the colon, else as Python would."""
        show = self.shown.get(format_spec)
        return show(value) if show is not None else str(super().format_field(value, format_spec))


Facts = Mapping[str, Any]


def _with_norm(facts: Facts) -> Facts:
    """The facts, a budget with the norm None where none is recorded, as transfer attacks and audits record none."""
    return {"norm": None, **facts} if "eps" in facts else facts


def _inside(facts: Facts, names: Names) -> str:
    inner = facts.get("reason")
    return sentence(Remark.model_validate(inner), names) if isinstance(inner, dict) else ""


def _left_out(facts: Facts, names: Names) -> str:
    seeds = ", ".join(str(seed) for seed in facts.get("seeds", ()))
    which = f" (seed {seeds})" if seeds else ""
    return f"{_inside(facts, names)}{which}; the means are over the other seeds"


def _not_found(facts: Facts, names: Names) -> str:
    text = f"not found: {count(facts['lost'])} of {count(facts['of'])}"
    return f"{text}, in a seed" if facts.get("in_a_seed") else text


def _found(facts: Facts, names: Names) -> str:
    found, of = facts["found"], facts["of"]
    return f"found {found} of {of}" if found == of else f"not found: {of - found} of {of}"


def _not_measured(facts: Facts, names: Names) -> str:
    evaluator, score = facts.get("evaluator"), facts.get("score")
    if not evaluator:
        return f"not measured: no evaluator of this run measures {score}" if score else "not measured"
    named = names.get(str(evaluator), str(evaluator))
    if "at" not in facts:
        return f"not measured: {named} was not run"
    at = facts["at"]
    where = "" if at is None else f" at {at:g}" if isinstance(at, int | float) else f" at {at}"
    return f"not measured: {named} has no {score}{where}"


def _disconnected(facts: Facts, names: Names) -> str:
    cut = facts.get("cut_at")
    return "no path from the input to the logits" + (f": layer {cut} is cut" if cut else "")


def _saves_nothing(facts: Facts, names: Names) -> str:
    dense = facts.get("offset", "zero") != "zero"
    return "saves no MACs: the effective weights are dense" if dense else "saves no MACs"


def _dense_collapsed(facts: Facts, names: Names) -> str:
    top1 = facts.get("top1")
    shown = f" ({percent(top1)} % clean accuracy)" if top1 is not None else ""
    return f"the dense network always names one class{shown}"


def _budget(facts: Facts) -> str:
    return budget_text(facts.get("norm"), facts["eps"])


def _gain(facts: Facts, names: Names) -> str:
    how = {
        "repairs": "once its gradients are repaired",
        "no-gradient-attacks": "once attacks that need no gradient are added",
    }.get(str(facts.get("how")), "in the audit")
    text = (
        f"at {_budget(facts)} {facts['attack']} leaves {percent(facts['reported'])} %, and "
        f"{percent(facts['left'])} % are left {how}"
    )
    if facts.get("gap") is None:
        return text
    return f"{text}; {points(facts['gap']).lstrip('+')} points are no robustness ({facts['probe']})"


def _no_gain(facts: Facts, names: Names) -> str:
    gain = f"{fixed(100 * facts['gain'])} points"
    attack = facts["attack"]
    found = (
        f"what repairs and attacks without gradients gain on {attack} ({gain} at most) is within chance for "
        f"n = {facts['n']}"
        if facts.get("within_chance")
        else f"no repair and no attack without gradients changes {attack} by more than {gain}"
    )
    return (
        f"{found}; it is a weak attack all the same, and at {_budget(facts)} the audit’s best attack leaves "
        f"{percent(facts['audited'])} % where it leaves {percent(facts['reported'])} %"
    )


def _probes(facts: Facts, names: Names) -> str:
    return listed([f"{probe} fails" + (f" ({value:.3g})" if value is not None else "")
                   for probe, value in facts["probes"]])  # fmt: skip


def _not_auditable(facts: Facts, names: Names) -> str:
    return str(facts.get("message") or "nothing is known")


def _audited(facts: Facts, names: Names) -> str:
    return f"audit: {_inside(facts, names) or str(facts['state']).replace('-', ' ')}"


_WRITTEN: dict[str, Callable[[Facts, Names], str]] = {
    SAID: lambda facts, _: str(facts.get("text", "")),
    RAISED: lambda facts, _: f"{facts.get('error')}: {facts.get('message')}",
    "skipped": lambda facts, names: f"skipped: {_inside(facts, names)}",
    "failed": lambda facts, names: f"failed: {_inside(facts, names)}",
    "left-out-seeds": _left_out,
    "not-found": _not_found,
    "found": _found,
    "not-measured": _not_measured,
    "disconnected": _disconnected,
    "saves-no-macs": _saves_nothing,
    "dense-collapsed": _dense_collapsed,
    "audit-gain": _gain,
    "audit-no-gain": _no_gain,
    "audit-probes": _probes,
    "not-auditable": _not_auditable,
    "audited": _audited,
}
"""Sentences that depend on more than their facts' values."""

CODES = frozenset(SENTENCES) | frozenset(_WRITTEN)
"""Every code that has a sentence."""
