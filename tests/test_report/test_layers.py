"""The section on layers: which number of a panel is which layer."""

from __future__ import annotations

from collections.abc import Sequence

import sparserobust as sr
from sparserobust.records import Run
from sparserobust.report.sections.layers import per_layer

from .factory import attacked, run


def numbered(runs: Sequence[Run]) -> list[str]:
    panels = per_layer(sr.analyse(runs))
    assert panels is not None
    return [fact for fact in panels.facts if fact.startswith("Layers")]


def names_of(one: Run) -> str:
    names = [layer.name.removesuffix(".weight") for layer in one.subject.layers]
    return ", ".join(f"{k + 1} {name}" for k, name in enumerate(names))


def test_layers_are_numbered_for_each_set_of_layers_that_there_is() -> None:
    """A subject that leaves a layer dense has other numbers than one that does not."""
    dense, whole = run("dense", 0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 100))
    part = run("random", 0.9, *attacked(190, 100))
    named = [layer.model_copy(update={"name": f"other.{layer.name}"}) for layer in part.subject.layers]
    part = part.model_copy(update={"subject": part.subject.model_copy(update={"layers": tuple(named)})})
    assert numbered([dense, whole]) == [f"Layers: {names_of(whole)}."]
    assert sorted(numbered([dense, whole, part])) == sorted(
        [f"Layers of SNIP: {names_of(whole)}.", f"Layers of random: {names_of(part)}."]
    )
