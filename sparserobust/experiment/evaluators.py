"""The evaluators of an experiment: those named, those of a preset, or the usual ones, built and told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sparserobust.annotations import takes_many
from sparserobust.errors import ConfigError, PluginError, did_you_mean
from sparserobust.experiment.grammar import Assigned, Variant
from sparserobust.experiment.recorded import recorded_name, spelled_out
from sparserobust.experiment.spec import Experiment
from sparserobust.presets import Preset, read_preset
from sparserobust.registry import evaluators as registry
from sparserobust.scoring import Evaluator
from sparserobust.scoring.named import (
    build_evaluator,
    default_evaluators,
    default_names,
    loaded,
    require_different_names,
)

ALWAYS = Variant("accuracy", {})
"""Beside a preset: no robust accuracy can be read without the clean one."""


def evaluators_of(experiment: Experiment) -> list[Evaluator]:
    """The evaluators that an experiment runs, in the order that they are reported in.

    What is set for an evaluator goes to all its variants, or to the one of a recorded name (`pgd-l2`), which goes
    before it; what stands in a bracket goes before both.

    Raises:
        PluginError: unknown name. ConfigError: a setting that cannot be, that nothing here takes or that the preset
            fixes, or two evaluators of one name.
    """
    named = experiment.evaluator_variants
    preset = None if experiment.preset is None else read_preset(experiment.preset)
    variants = [] if named is None else [spelled_out(each) for each in named]
    rows = [Variant(row.name, row.settings) for row in preset.evaluators] if preset else []
    _require_in_use(experiment, [*variants, *rows])
    settings = experiment.settings
    if named is None and preset is None:
        return default_evaluators({name: _fitting(name, own) for name, own in settings.items()})
    chosen = [(str(each), _build(each, settings)) for each in variants]
    _require_different(chosen)
    if preset is not None:
        _require_free(preset, settings)
        if all(each.name != ALWAYS.name for each in [*variants, *rows]):
            chosen.insert(0, (ALWAYS.name, _build(ALWAYS, settings)))
        for row in rows:
            evaluator = _build(row, settings)
            if all(not _alike(evaluator, other) for _, other in chosen):
                chosen.append((str(row), evaluator))
    require_different_names(chosen)
    return [evaluator for _, evaluator in chosen]


def _require_in_use(experiment: Experiment, variants: list[Variant]) -> None:
    """Raises ConfigError for settings of what the experiment does not use."""
    used = [each.name for each in variants] or default_names()
    used += [recorded_name(each) for each in variants]
    used += [ALWAYS.name] if experiment.preset is not None else []
    used = [*dict.fromkeys([*used, *(each.name for each in experiment.method_variants), "recipe"])]
    for owner, own in experiment.settings.items():
        named = [*(experiment.evaluator_variants or ()), *experiment.method_variants]
        alike = [each for each in named if each.name == owner]
        if lost := [key for key in own if alike and all(key in each.params for each in alike)]:
            raise ConfigError(
                f"settings {owner}.{lost[0]}: every {owner} here says its {lost[0]} in brackets, which go before it; "
                "change those, or leave one of them out"
            )
        if owner not in used:
            key = next(iter(experiment.settings[owner]))
            hint = did_you_mean(owner, used) or ";"
            raise ConfigError(
                f"settings {owner}.{key}: {owner!r} is not in use here{hint} expected {', '.join(used)}"
            )


def _require_different(chosen: Iterable[tuple[str, Evaluator]]) -> None:
    """Raises ConfigError where two names stand for one evaluator."""
    seen: list[tuple[str, Evaluator]] = []
    for text, evaluator in chosen:
        same = next((other for other, own in seen if _alike(own, evaluator)), None)
        if same is not None:
            raise ConfigError(f"evaluators {same} and {text} are two names for one thing; give one of them")
        seen.append((text, evaluator))


def _build(variant: Variant, settings: Assigned) -> Evaluator:
    """The evaluator with what all of its name share, then what its recorded name adds, then the bracket."""
    given = variant.settings({}, settings)
    evaluator = build_evaluator(variant.name, _fitting(variant.name, given))
    if evaluator.label == variant.name or evaluator.label not in settings:
        return evaluator
    given = {**given, **settings[evaluator.label], **variant.params}
    return build_evaluator(variant.name, _fitting(variant.name, given))


def _fitting(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, a single number as a list of one where the evaluator holds a list."""
    if name not in registry.names():
        return dict(given)
    try:
        known = loaded(name)
    except PluginError:
        return dict(given)  # the outcome says that it cannot be loaded
    lists = {key for key in given if takes_many(known, key)}
    return {key: [value] if key in lists and _is_number(value) else value for key, value in given.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require_free(preset: Preset, settings: Assigned) -> None:
    """Raises ConfigError where settings would change what the preset says."""
    for row in preset.evaluators:
        for name in (row.name, recorded_name(Variant(row.name, row.settings))):
            if fixed := sorted(row.settings.keys() & settings.get(name, {}).keys()):
                raise ConfigError(
                    f"settings {name}.{fixed[0]}: preset {preset.name} fixes it; name {name}[{fixed[0]}=...] among "
                    "the evaluators instead of the preset, or give a preset file of your own"
                )


def _alike(one: Evaluator, other: Evaluator) -> bool:
    return one == other and one.label == other.label
