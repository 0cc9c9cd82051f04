"""Outcomes: what kind of evaluator it was, what it promised to measure, and its sentences."""

from __future__ import annotations

from typing import Any

from sparserobust.records.migrations.version1 import audit
from sparserobust.records.migrations.version1.names import builtin, measures
from sparserobust.records.migrations.version1.prose import (
    FAILURES,
    REASONS,
    VERDICTS,
    WARNINGS,
    in_codes,
    matched,
    said,
)
from sparserobust.records.migrations.version1.score import measured, score, units
from sparserobust.records.remark import RAISED

_NORMS = ("linf", "l2", "l1", "l0")
_WARNED = {
    "no-gradient": ("robust_accuracy",),
    "early-stop": ("median_",),
    "short-travel": ("robust_accuracy", "median_"),
    "part-left-out": ("robust_accuracy",),
    "constant-logits": ("connected",),
    "idle-layers": ("effective_sparsity",),
}
"""Code of a warning -> how the names of the scores begin that it concerns."""


def outcome(raw: dict[str, Any], *, offset: str) -> dict[str, Any]:
    """An outcome of version 1 as one of version 2.

    Args:
        raw: its JSON, which is not changed.
        offset: of the subject.
    """
    name: str = raw["evaluator"]
    known = builtin(name)
    promised = None if known is None else measures(name)
    unit_of = units(raw.get("scores", []), promised)
    scores = [score(one, unit_of[one["name"]]) for one in raw.get("scores", ())]
    if name == "saliency":
        _traced(scores, raw.get("scores", []))
    found = {
        **{key: value for key, value in raw.items() if key != "warnings"},
        "scores": scores,
        "reason": _reason(raw),
        "verdict": _verdict(raw, offset) if raw.get("verdict") else None,
    }
    _warn(found, raw.get("warnings", ()))
    if known is None:
        facts = _attack(found)
        norm = facts["norm"] if facts else None
        distance = f"{norm} distance" if norm else "distance"
        axis = "at" if facts is None else "eps" if facts["goal"] == "fixed-budget" else distance
        return {
            **found,
            "title": name.replace("-", " "),
            "attack": facts,
            "measures": measured(scores, axis),
        }
    found |= {"title": known["title"], "measures": promised}
    if "attack" in known:
        found["attack"] = {**known["attack"], "headline": _headline(scores)}
    if "audits" in known:
        found["audit"] = audit.facts(raw, known["audits"])
        found["tables"] = audit.tables(raw)
    return found


def _attack(found: dict[str, Any]) -> dict[str, Any] | None:
    """What is known of somebody else's attack, None for what is no attack.

    Version 1 kept its norm where it was a setting; the median distance of a minimum-norm attack is named for it.
    """
    budgets = [
        one
        for one in found["scores"]
        if one["name"] == "robust_accuracy" and isinstance(one.get("at"), int | float)
    ]
    if not budgets:
        return None
    minimum = "distance" in found.get("per_example", {})
    stated = found.get("settings", {}).get("norm")
    medians = [one["name"].removeprefix("median_") for one in found["scores"]] if minimum else []
    return {
        "norm": next((norm for norm in (stated, *medians) if norm in _NORMS), None),
        "goal": "minimum-distance" if minimum else "fixed-budget",
        "access": None,
        "needs_gradient": None,
        "headline": _headline(budgets),
    }


def _headline(scores: list[dict[str, Any]]) -> float | None:
    """The budget at which robust accuracy is the headline."""
    return next(
        (one.get("at") for one in scores if one["name"] == "robust_accuracy" and one.get("headline")), None
    )


def _reason(raw: dict[str, Any]) -> dict[str, Any] | None:
    text = raw.get("reason")
    if not text:
        return None
    if raw["status"] == "failed":
        return in_codes(text, FAILURES)
    found = matched(text, REASONS)
    if found is None and raw["evaluator"] == "connectivity":
        return _untraced(text)
    return said(text) if found is None else found


def _traced(scores: list[dict[str, Any]], raw: list[dict[str, Any]]) -> None:
    """Gives what saliency could not trace the tracer's own message as its reason."""
    for one, old in zip(scores, raw, strict=True):
        if one["name"] == "trainable_input_pixels" and old.get("reason"):
            one["reason"] = _untraced(old["reason"])


def _untraced(text: str) -> dict[str, Any]:
    return {"code": RAISED, "facts": {"error": "UnsupportedOperation", "message": text}}


def _verdict(raw: dict[str, Any], offset: str) -> dict[str, Any]:
    """The verdict with the numbers of the scores where the sentence had rounded them."""
    text: str = raw["verdict"]
    if raw["evaluator"] == "gradient-masking":
        return audit.verdict(text, raw)
    found = in_codes(text, VERDICTS)
    facts = found["facts"]
    if found["code"] == "saves-no-macs":
        facts["offset"] = offset if text.endswith("dense") else "zero"
    elif found["code"] == "fewer-macs":
        macs = {one["name"]: one["value"] for one in raw.get("scores", ())}
        if macs.get("dense_macs") and macs.get("executed_macs"):
            facts["factor"] = macs["dense_macs"] / macs["executed_macs"]
    elif found["code"] == "masked-gradients":
        facts |= {name: facts[name] / 100 for name in ("gap", "low", "high")}
        gap = audit.at_budget(raw, "transfer_gap", facts["eps"])
        if gap is not None:
            facts |= {"eps": gap["at"], "gap": gap["value"], "low": gap["ci_low"], "high": gap["ci_high"]}
    return found


def _warn(found: dict[str, Any], texts: list[str]) -> None:
    """Puts each warning of the outcome at the scores that it concerns, without scores behind the reason."""
    scores = found["scores"]
    for text in texts:
        warning = in_codes(text, WARNINGS)
        beginnings = _WARNED.get(warning["code"], ())
        concerned = [one for one in scores if one["name"].startswith(beginnings)]
        if warning["code"] == "constant-logits":
            concerned = [one for one in concerned if one.get("at") == "forward"]
        if not concerned:
            concerned = [one for one in scores if one.get("headline")][:1] or scores[:1]
        for one in concerned:
            one["warnings"] = [*one.get("warnings", ()), warning]
        if not concerned:
            found["reason"] = found["reason"] or said(text)
            found["reason"]["facts"].setdefault("warnings", []).append(text)
