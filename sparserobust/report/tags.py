"""What tells apart the rows of one name and sparsity: model, data, recipe or a parameter the name does not show."""

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
    params = sorted({name for rival in rivals for name in rival.first.subject.params})
    facets = [_facets(rival, params) for rival in rivals]
    own = _facets(group, params)
    parts = [part for i, part in enumerate(own) if part and len({other[i] for other in facets}) > 1]
    if facets.count(own) > 1:
        parts.append(f"no. {1 + [id(rival) for rival in rivals].index(id(group))}")
    return ", ".join(parts)


def _facets(group: Group, params: Sequence[str]) -> tuple[str, ...]:
    """What may differ, each as a reader should see it; each parameter by itself."""
    run = group.first
    history = run.history
    recipe = history.recipe if history is not None else "untrained or trained elsewhere"
    epochs = plural(int(str(history.settings.get("epochs", len(history.epochs)))), "epoch") if history else ""
    images = f"images {run.data.sha256[:6]}"
    own = run.subject.params
    values = [f"{name}={own[name]}" if name in own else "" for name in params]
    return (run.subject.model, run.data.name, images, recipe, epochs, *values)
