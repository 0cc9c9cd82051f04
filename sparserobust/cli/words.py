"""What the terminal says while an experiment is carried out, and of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sparserobust.experiment import Event, Planned
from sparserobust.experiment.plan import State
from sparserobust.report.terminal.below import not_made_line, together
from sparserobust.report.text.numbers import listed, plural

STATES: dict[State, str] = {
    "missing": "to make and score",
    "begun": "to go on with, and score",
    "made": "made, to score",
    "scored": "made and scored",
}


def event_lines(event: Event) -> list[tuple[str, bool]]:
    """(line, whether it is about something wrong) for one step of one network."""
    name = event.label if event.seed is None else f"{event.label}, seed {event.seed}"
    match event.what:
        case "beside":
            why = f"{event.wanted} holds another training (of other data, settings, weights or code)"
            return [(f"{name}: {why}; this one is {event.folder.name}", False)]
        case "trained":
            gone_on = ", going on from a checkpoint," if event.resumed else ""
            return [
                (f"{name}: trained {plural(event.epochs, 'epoch')}{gone_on} in {event.seconds:.1f} s", False)
            ]
        case "trained-before":
            return [(f"{name}: trained before", False)]
        case "scored-before":
            return [(f"{name}: scored before", False)]
        case "not-made":
            assert event.run is not None
            return [(f"{name}: {not_made_line(event.run)}", True)]  # in full in the record and the report
        case "scored":
            assert event.run is not None
            failed = together(own for own in event.run.outcomes.values() if own.status == "failed")
            return [
                (f"{name}: scored in {event.seconds:.1f} s", False),
                *((f"  {line}", True) for line in failed),
            ]


def cached_line(names: Sequence[str], cache: Path | None) -> str:
    """One line about the attacks that were not run again; "" where all were."""
    each = ", ".join(dict.fromkeys(names))
    return f"{each}: from the cache ({cache}); --no-cache measures again" if each else ""


def plan_lines(plan: Sequence[Planned], folder: Path, exclude: Sequence[str] = ()) -> list[str]:
    """A line for each network, and one with how many of them there are of each state."""
    width = max(len(planned.label) for planned in plan)
    lines = []
    for planned in plan:
        seed = "" if planned.seed is None else f"seed {planned.seed}"
        place = f"{planned.folder.name:<{width + 4}}"
        lines.append(f"{planned.label:<{width}}  {seed:<8}  {place}  {STATES[planned.state]}")
    counts = Counter(planned.state for planned in plan)
    states = ", ".join(f"{counts[state]} {text}" for state, text in STATES.items() if counts[state])
    dense = f", {listed([*exclude])} excluded" if exclude else ""
    return [*lines, f"{plural(len(plan), 'network')} in {folder}{dense}: {states}. Nothing was done."]
