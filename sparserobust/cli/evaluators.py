"""The evaluators of a comparison: those named, those of a preset, or the usual ones, built and told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparserobust.annotations import takes_many
from sparserobust.cli.options import Settings
from sparserobust.cli.recorded import recorded_name
from sparserobust.cli.variants import Variant
from sparserobust.errors import ConfigError, PluginError
from sparserobust.presets import Preset
from sparserobust.registry import evaluators as registry
from sparserobust.scoring import Evaluator
from sparserobust.scoring.named import build_evaluator, default_evaluators, loaded, require_different_names

ALWAYS = Variant("accuracy", {})
"""Beside a preset: no robust accuracy can be read without the clean one."""


def built(named: Sequence[Variant] | None, preset: Preset | None, settings: Settings) -> list[Evaluator]:
    """The evaluators that a comparison runs, in the order that they are reported in.

    Args:
        named: with `--evaluators`, None without it.
        preset: is added to those named, and to accuracy.
        settings: by `--set`, for all variants of an evaluator, or for the one of a recorded name (`pgd-l2`), which
            goes before it; what stands in a bracket goes before both.

    Raises:
        PluginError: unknown name. ConfigError: a setting that cannot be or that the preset fixes, or two evaluators
            of one name.
    """
    if named is None and preset is None:
        return default_evaluators({name: _fitting(name, own) for name, own in settings.items()})
    variants = list(named or [])
    if preset is not None:
        _require_free(preset, settings)
        variants += [Variant(row.name, row.settings) for row in preset.evaluators]
        if all(variant.name != ALWAYS.name for variant in variants):
            variants.insert(0, ALWAYS)
    pairs: list[tuple[str, Evaluator]] = []
    for variant in variants:
        evaluator = _build(variant, settings)
        if all(not _alike(evaluator, other) for _, other in pairs):
            pairs.append((str(variant), evaluator))
    require_different_names(pairs)
    return [evaluator for _, evaluator in pairs]


def _build(variant: Variant, settings: Settings) -> Evaluator:
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


def _require_free(preset: Preset, settings: Settings) -> None:
    """Raises ConfigError where `--set` would change what the preset says."""
    for row in preset.evaluators:
        for name in (row.name, recorded_name(Variant(row.name, row.settings))):
            if fixed := sorted(row.settings.keys() & settings.get(name, {}).keys()):
                raise ConfigError(
                    f"--set {name}.{fixed[0]}: preset {preset.name} fixes it; name {name}[{fixed[0]}=...] with "
                    "--evaluators instead of the preset, or give --preset a TOML file of your own"
                )


def _alike(one: Evaluator, other: Evaluator) -> bool:
    return one == other and one.label == other.label
