"""A training of version 1: why its epoch was chosen was a sentence."""

from __future__ import annotations

from typing import Any

_BECAUSE = {
    "best validation accuracy": "best-validation",
    "best robust validation accuracy": "best-robust-validation",
    "the last epoch; there is no": "last-without-validation",
    "the last epoch; the method": "last-at-its-sparsity",
    "no epoch": "none-completed",
}
"""How the sentence begins -> what it says."""


def history(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """A training as version 2 has it, None where there is none.

    Raises:
        ValueError: no known reason for its epoch.
    """
    if raw is None:
        return None
    said = str(raw["chosen_because"])
    because = next((code for start, code in _BECAUSE.items() if said.startswith(start)), None)
    if because is None:
        raise ValueError(f"unknown reason {said!r} for the chosen epoch")
    return {**raw, "chosen_because": because}
