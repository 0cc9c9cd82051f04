"""Version 1: sentences where there are codes with facts now, and no titles, kinds of attacks or promised measures."""

from __future__ import annotations

from typing import Any

from sparserobust.records.migrations.version1.history import history
from sparserobust.records.migrations.version1.names import title
from sparserobust.records.migrations.version1.outcome import outcome
from sparserobust.records.migrations.version1.subject import subject

__all__ = ["history", "run", "subject"]


def run(raw: dict[str, Any]) -> dict[str, Any]:
    """A run of version 1 as one of version 2, which nothing vouches for: there was no sha256 of the content."""
    own = raw["subject"]
    return {
        **raw,
        "schema_version": 2,
        "integrity": "unverified",
        "subject": subject(own, raw.get("history")),
        "history": history(raw.get("history")),
        "data": {**raw["data"], "title": title("data", raw["data"]["name"])},
        "outcomes": {
            name: outcome(one, offset=own.get("offset", "zero")) for name, one in raw["outcomes"].items()
        },
    }
