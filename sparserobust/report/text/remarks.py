"""Remarks in words: every code that a record or an analysis may hold becomes a sentence here.

The sentences with nothing but facts to fill in stand in `sentences`.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any

from sparserobust.records import RAISED, SAID, Remark
from sparserobust.report.text.attacks import budget_sign, budget_text
from sparserobust.report.text.numbers import count, fixed, listed, percent, plural, points, realised, target
from sparserobust.report.text.sentences import SENTENCES

Names = Mapping[str, str]
"""Evaluator -> what it is called in the comparison."""

LONGEST = 120  # characters of a reason in a table row
_ENDS = (", but ", "; ", ". ")


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
            "numbers": lambda values: ", ".join(f"{value:.4g}" for value in values),
            "listed": lambda values: listed([str(value) for value in values]),
            "attack": lambda name: names.get(str(name), str(name)),
            "attacks": lambda every: listed([names.get(str(name), str(name)) for name in every]),
            "weight": lambda number: plural(number, "weight"),
            "epoch": lambda number: plural(number, "epoch"),
            "tensor": lambda number: plural(number, "tensor"),
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


def _collapsed(facts: Facts, names: Names) -> str:
    part = {"q": "query", "k": "key", "v": "value"}.get(str(facts.get("part")))
    which = f"the {part} third of {facts['layer']}" if part else str(facts["layer"])
    return f"layer collapsed: {which} keeps no weight"


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


def _first_of(template: str) -> Callable[[Facts, Names], str]:
    """The template with the first of some names and how many more there are."""

    def write(facts: Facts, names: Names) -> str:
        first = [str(name) for name in facts["names"]]
        more = facts["of"] - len(first)
        shown = f"{', '.join(first)} and {count(more)} more" if more > 0 else listed(first)
        return template.format(file=facts["file"], names=shown)

    return write


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
    "layer-collapsed": _collapsed,
    "saves-no-macs": _saves_nothing,
    "dense-collapsed": _dense_collapsed,
    "audit-gain": _gain,
    "audit-no-gain": _no_gain,
    "audit-probes": _probes,
    "not-auditable": _not_auditable,
    "audited": _audited,
    "weights-passed-over": _first_of("from {file}: objects of {names} beside the weights were passed over"),
    "weights-not-taken": _first_of(
        "from {file}: it also holds {names}, which would fit too (key= or --weights-key names what is taken)"
    ),
    "weights-tied": _first_of(
        "from {file}: it lacks {names}, filled from what the network ties to the same memory"
    ),
    "weights-kept": _first_of("from {file}: it lacks {names}, which stay as the network has them"),
    "weights-ignored": _first_of("from {file}: ignored {names}"),
}
"""Sentences that depend on more than their facts' values."""

CODES = frozenset(SENTENCES) | frozenset(_WRITTEN)
"""Every code that has a sentence."""
