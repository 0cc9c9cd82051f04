"""What tells apart the rows of one name and sparsity: model, data, recipe or parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparserobust.report.numbers import plural

if TYPE_CHECKING:
    from sparserobust.report.groups import Group


def alike(group: Group, other: Group) -> bool:
    """Whether a reader could not tell the two apart by name and sparsity."""
    return (group.name, group.target, group.dense) == (other.name, other.target, other.dense)


def tag(group: Group, rivals: Sequence[Group]) -> str:
    """What tells a group from the others of its name and sparsity, "" where it is the only one."""
    facets = [_facets(rival) for rival in rivals]
    own = _facets(group)
    parts = [part for i, part in enumerate(own) if part and len({other[i] for other in facets}) > 1]
    if facets.count(own) > 1:
        parts.append(f"no. {1 + [id(rival) for rival in rivals].index(id(group))}")
    return ", ".join(parts)


def _facets(group: Group) -> tuple[str, ...]:
    run = group.first
    params = ", ".join(f"{key} {value}" for key, value in sorted(run.subject.params.items()))
    history = run.history
    recipe = history.recipe if history is not None else "untrained or trained elsewhere"
    epochs = plural(int(str(history.settings.get("epochs", len(history.epochs)))), "epoch") if history else ""
    images = f"images {run.data.sha256[:6]}"
    return (run.subject.model, run.data.name, images, recipe, epochs, params)
