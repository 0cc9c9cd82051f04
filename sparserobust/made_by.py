"""How a subject was made, as it and its record both say it."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, cast

from sparserobust.records import ChangedParameter


class MadeBy(TypedDict):
    """What a subject and its record both say of how it was made; see `Subject`."""

    label: str
    method: str | None
    method_title: str
    method_source: str
    params: dict[str, Any]
    changed: tuple[ChangedParameter, ...]
    positions: Literal["stored", "seeded"]
    target_sparsity: float | None
    score_samples: int | None
    seed: int | None


def made_by(holder: object) -> MadeBy:
    """How a `Subject`, or that of a `SubjectRecord`, was made."""
    return cast(MadeBy, {name: getattr(holder, name) for name in MadeBy.__annotations__})
