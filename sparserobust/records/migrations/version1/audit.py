"""The gradient-masking audit: its state, its verdict with exact numbers, and the table of its probes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sparserobust.records.migrations.version1.prose import number, said

_STATES = {
    "supported: ": "supported",
    "upper bound only: ": "upper-bound",
    "artefact proven: ": "artefact-proven",
}
_TITLES = {"FGSM": "FGSM", "PGD on the cross-entropy": "PGD"}
_HOW = {
    "its gradients are repaired": "repairs",
    "attacks that need no gradient are added": "no-gradient-attacks",
}
_NO_GAIN = (
    r"supported: (?:no repair and no attack without gradients changes (?P<attack>.+) by more than (?P<gain>\S+) points"
    r"|what repairs and attacks without gradients gain on (?P<lucky>.+) \((?P<most>\S+) points at most\) is within "
    r"chance for n = (?P<n>\d+)); it is a weak attack all the same, and at eps (?P<eps>\S+) the best attack of this "
    r"audit leaves (?P<audited>\S+) % where it leaves (?P<reported>\S+) %"
)
_GAIN = (
    r"(?:upper bound only|artefact proven): at eps (?P<eps>\S+) (?P<attack>.+) leaves (?P<reported>\S+) %, and "
    rf"(?P<left>\S+) % are left once (?P<how>{'|'.join(_HOW)})"
    r"(?:; (?P<gap>\S+) points are no robustness \((?P<probe>G\d+)\))?"
)
_PROBE = r"(G\d+) fails \([^:()]+: (\S+)\)"
_COLUMNS = ("probe", "state", "value", "warn", "fail", "low", "detail")


def facts(raw: dict[str, Any], titles: Mapping[str, str]) -> dict[str, Any] | None:
    """What the audit came to; None where there was none, because it failed or there was no network to audit."""
    refused = raw["status"] == "skipped" and str(raw.get("reason")).startswith("not auditable: ")
    if raw["status"] != "ok" and not refused:
        return None
    text = raw.get("verdict") or ""
    state = next((state for start, state in _STATES.items() if text.startswith(start)), "not-auditable")
    return {
        "state": state,
        "attack": titles.get(raw.get("settings", {}).get("attack"), ""),
        "norm": "linf",
    }


def verdict(text: str, raw: dict[str, Any]) -> dict[str, Any]:
    """Why: the sentence as a code, with the numbers of scores and probes where it had rounded them."""
    if text == "not auditable: no example was classified correctly":
        return {"code": "nothing-correct", "facts": {}}
    if text.startswith("upper bound only: the model returns log-probabilities (G0)"):
        return {"code": "audit-log-probabilities", "facts": {}}
    if match := re.fullmatch(_NO_GAIN, text):
        return {"code": "audit-no-gain", "facts": _no_gain(match.groupdict(), raw)}
    if match := re.fullmatch(_GAIN, text):
        return {"code": "audit-gain", "facts": _gain(match.groupdict(), raw)}
    start = next((start for start in _STATES if text.startswith(start)), "")
    if start and re.fullmatch(rf"{_PROBE}(?:, {_PROBE})*", text.removeprefix(start)):
        measured = _probe_values(raw)
        probes = [[probe, measured.get(probe, float(value))] for probe, value in re.findall(_PROBE, text)]
        return {"code": "audit-probes", "facts": {"probes": probes}}
    return said(text)


def _no_gain(found: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    attack = found["attack"] or found["lucky"]
    gains = [_total(raw, one["at"]) for one in raw.get("scores", ()) if one["name"] == "masking_gap"]
    exact = [gain for gain in gains if gain is not None]
    reported = at_budget(raw, "reported_robust_accuracy", number(found["eps"]))
    return {
        "attack": _TITLES.get(attack, attack),
        "gain": max(exact) if exact else _share(found["gain"] or found["most"]),
        "within_chance": found["n"] is not None,
        "n": reported["n"] if reported else found["n"] and int(found["n"]),
        "eps": number(found["eps"]) if reported is None else reported["at"],
        "audited": _left(raw, "audited", found),
        "reported": _left(raw, "reported", found),
    }


def _gain(found: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    reported = at_budget(raw, "reported_robust_accuracy", number(found["eps"]))
    total = None if reported is None else _total(raw, reported["at"])
    before = _left(raw, "reported", found)
    rounded = None if found["gap"] is None else _share(found["gap"])
    return {
        "attack": _TITLES.get(found["attack"], found["attack"]),
        "eps": number(found["eps"]) if reported is None else reported["at"],
        "reported": before,
        "left": _share(found["left"]) if total is None else before - total,
        "how": _HOW[found["how"]],
        "gap": total if found["probe"] and total is not None else rounded,
        "probe": found["probe"],
    }


def at_budget(raw: dict[str, Any], name: str, eps: float) -> dict[str, Any] | None:
    """The score of this name at a budget that a sentence gives with six digits."""
    for one in raw.get("scores", ()):
        at = one.get("at")
        if one["name"] == name and one["value"] is not None and at is not None and f"{at:g}" == f"{eps:g}":
            found: dict[str, Any] = one
            return found
    return None


def _total(raw: dict[str, Any], eps: float) -> float | None:
    """Masking gap and residual gap at one budget."""
    gaps = [at_budget(raw, name, eps) for name in ("masking_gap", "residual_gap")]
    return None if None in gaps else float(sum(gap["value"] for gap in gaps if gap is not None))


def _left(raw: dict[str, Any], kind: str, found: dict[str, Any]) -> float:
    exact = at_budget(raw, f"{kind}_robust_accuracy", number(found["eps"]))
    return _share(found[kind]) if exact is None else float(exact["value"])


def _share(percent: str) -> float:
    return round(float(percent) / 100, 6)


def _probe_values(raw: dict[str, Any]) -> dict[str, float]:
    table = raw.get("tables", {}).get("probes", {"columns": (), "rows": ()})
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    return {row["probe"]: row["value"] for row in rows if row.get("value") is not None}


def tables(raw: dict[str, Any]) -> dict[str, Any]:
    """The tables, the one of the probes in numbers and codes."""
    found: dict[str, Any] = dict(raw.get("tables", {}))
    if "probes" in found:
        old = found["probes"]
        rows = [_probe(dict(zip(old["columns"], row, strict=True))) for row in old["rows"]]
        found["probes"] = {"columns": list(_COLUMNS), "rows": rows}
    return found


def _probe(row: dict[str, Any]) -> list[Any]:
    warn, fail, low = _thresholds(row["limit"])
    state = row["state"].replace(" ", "-")
    detail = None
    if state == "not-run":
        detail = "no-dense-model" if row["probe"] == "G9" else "no-float64"
    elif repair := re.search(r"\(most by (.+)\)$", row["what"]):
        detail = repair[1]
    return [row["probe"], state, row["value"], warn, fail, low, detail]


def _thresholds(limit: str) -> Iterable[float | None]:
    """(above which it warns, from which it fails, where the interval begins) as the text of a limit gives them."""
    if match := re.fullmatch(r"< (\S+)", limit):
        return None, float(match[1]), None
    if match := re.fullmatch(r"(\S+); fail (?:from|above) (\S+)", limit):
        return float(match[1]), float(match[2]), None
    interval = r"(\S+); fail where the 95 % interval lies above(?: (\S+))? \(it begins at (\S+)\)"
    if match := re.fullmatch(interval, limit):
        return float(match[1]), float(match[2] or match[1]), float(match[3])
    try:
        return float(limit), None, None
    except ValueError:
        return None, None, None
