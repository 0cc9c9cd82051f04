"""What tells apart the rows of one variant and sparsity: model, data, recipe, exclude or an unchanged parameter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from sparserobust.one_line import OneLine
from sparserobust.records import Run

OF_THE_RECIPE = {"name", "source", "epochs", "score_samples"}
"""Settings that are no difference, or stand elsewhere."""
Kind = Literal["model", "data", "images", "recipe", "epochs", "exclude", "parameter", "copy"]


@dataclass(frozen=True, repr=False)
class Facet(OneLine):
    """One thing that may differ; `name` is that of a parameter, "" otherwise. No value: not known."""

    kind: Kind
    value: JsonValue
    name: str = ""

    @property
    def key(self) -> str:
        """The same for facets that are equal: a value may be a list, which cannot be hashed."""
        return json.dumps([self.kind, self.value, self.name], sort_keys=True)


def tags(firsts: Sequence[Run], alike: Sequence[str]) -> list[tuple[Facet, ...]]:
    """What tells each row from the others that it is alike to, nothing where it is the only one.

    Args:
        firsts: a run of each row.
        alike: of each row what a reader sees of it; rows are alike where it is the same.
    """
    found = []
    for place, own in enumerate(alike):
        rivals = [k for k, other in enumerate(alike) if other == own]
        found.append(_tag(rivals.index(place), [firsts[k] for k in rivals]))
    return found


def _tag(place: int, rivals: Sequence[Run]) -> tuple[Facet, ...]:
    params = sorted({name for rival in rivals for name in rival.subject.params})
    facets = [[*_facets(rival, params), *_of_recipe(rival, rivals)] for rival in rivals]
    own = facets[place]
    different = [i for i in range(len(own)) if len({_key(other[i]) for other in facets}) > 1]
    facets_shown = [own[i] for i in different if own[i] is not None]
    if facets.count(own) > 1:
        facets_shown.append(Facet("copy", place + 1))
    return tuple(facet for facet in facets_shown if facet is not None)


def _key(facet: Facet | None) -> str:
    return "" if facet is None else facet.key


def _facets(run: Run, params: Sequence[str]) -> list[Facet | None]:
    history, own = run.history, run.subject.params
    epochs = history.settings.get("epochs", len(history.epochs)) if history is not None else None
    return [
        Facet("model", run.subject.model_title or run.subject.model),
        Facet("data", run.data.title or run.data.name),
        Facet("images", run.data.sha256),
        Facet("recipe", history.recipe if history is not None else None),
        None if history is None else Facet("epochs", epochs),
        Facet("exclude", [*run.subject.exclude]) if run.subject.exclude else None,
        *(Facet("parameter", own[name], name) if name in own else None for name in params),
    ]


def _of_recipe(run: Run, rivals: Sequence[Run]) -> list[Facet | None]:
    """The settings of a recipe that all share by its name; recipes of different names differ in too much."""
    histories = [rival.history for rival in rivals if rival.history is not None]
    if len(histories) < len(rivals) or len({history.recipe for history in histories}) > 1:
        return []
    names = sorted({name for history in histories for name in history.settings} - OF_THE_RECIPE)
    own = run.history.settings if run.history is not None else {}
    return [Facet("parameter", own.get(name), name) for name in names]
