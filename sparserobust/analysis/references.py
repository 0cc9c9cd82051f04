"""Which dense run each run is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Remark, Run, remark


def is_dense(run: Run, referenced: set[str]) -> bool:
    """Whether the run is a dense reference: by its method, or because another run names it as its own."""
    return run.subject.method == "dense" or run.id in referenced


def reference(run: Run, dense_runs: Sequence[Run]) -> tuple[Run | None, Remark | None]:
    """(the dense run to compare with, None) or (None, the reason)."""
    named = [other for other in dense_runs if other.id == run.dense]
    alike = [
        other
        for other in dense_runs
        if (other.subject.model, other.data.name, other.subject.seed)
        == (run.subject.model, run.data.name, run.subject.seed)
    ]
    candidates = named or alike
    paired = [other for other in candidates if other.data.sha256 == run.data.sha256]
    if paired:
        return max(
            paired, key=lambda other: (recipe_name(other) == recipe_name(run), _shared(run, other))
        ), None
    if candidates:
        return None, remark("dense-on-other-images")
    if dense_runs:
        return None, remark("no-such-dense")
    return None, remark("no-dense-given")


def _shared(run: Run, other: Run) -> int:
    """In how many outcomes both can be compared: one network may have several records."""
    return sum(
        name in other.outcomes and outcome.status == other.outcomes[name].status == "ok"
        for name, outcome in run.outcomes.items()
    )


def recipe_name(run: Run) -> str | None:
    """What it was trained by, None where that is not known."""
    return run.history.recipe if run.history is not None else None
