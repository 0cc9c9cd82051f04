"""A subject: its titles, what was changed in its method, and its warnings."""

from __future__ import annotations

import re
from typing import Any

from sparserobust.records.migrations.version1.names import title, words
from sparserobust.records.migrations.version1.prose import NOT_MADE, SUBJECT_WARNINGS, in_codes


def subject(raw: dict[str, Any], history: dict[str, Any] | None) -> dict[str, Any]:
    """A subject of version 1 as one of version 2.

    Args:
        raw: its JSON, which is not changed.
        history: of its training, None where there is none.
    """
    method: str | None = raw.get("method")
    return {
        **raw,
        "label_given": _label_given(raw),
        "model_title": title("models", raw["model"]),
        "method_title": "" if method is None else title("methods", method),
        "changed": _changed(raw),
        "training": _training(history),
        "warnings": [in_codes(text, SUBJECT_WARNINGS) for text in raw.get("warnings", ())],
        "not_made": in_codes(raw["not_made"], NOT_MADE) if raw.get("not_made") else None,
    }


def _label_given(raw: dict[str, Any]) -> bool:
    """Whether the user gave the label, or no method made the network: the label is then the name."""
    method, label = raw.get("method"), raw["label"]
    if method is None:
        return True
    plain = label.removesuffix(f" {raw.get('target_sparsity') or 0:g}")
    return plain != method and not (plain.startswith(f"{method}[") and plain.endswith("]"))


def _changed(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters that the label's bracket names, with their values from the record, in its order."""
    method, label, params = raw.get("method"), raw["label"], raw.get("params", {})
    if method is None or not label.startswith(f"{method}["):
        return []
    bracket = label.removeprefix(f"{method}[").rpartition("]")[0]
    return [
        {"name": name, "value": params[name], "words": words(name, params[name])}
        for name in re.findall(r"(?:^|, )(\w+)=", bracket)
        if name in params
    ]


def _training(history: dict[str, Any] | None) -> str:
    if history is None:
        return "unknown"
    return "recorded" if history["epochs"] else "none"
