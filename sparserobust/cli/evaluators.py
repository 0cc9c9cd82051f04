"""The evaluators of a comparison: those named, those of a preset, or the usual ones, built and told apart."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.cli.options import Settings
from sparserobust.cli.variants import Variant
from sparserobust.errors import ConfigError
from sparserobust.presets import Preset
from sparserobust.scoring import Evaluator
from sparserobust.scoring.choice import build_evaluator, default_evaluators, require_different_names

ALWAYS = Variant("accuracy", {})
"""Beside a preset: no robust accuracy can be read without the clean one."""


def built(named: Sequence[Variant] | None, preset: Preset | None, settings: Settings) -> list[Evaluator]:
    """The evaluators that a comparison runs, in the order that they are reported in.

    Args:
        named: with `--evaluators`, None without it.
        preset: is added to those named, and to accuracy.
        settings: by `--set`, for all variants of an evaluator; what stands in a bracket goes before it.

    Raises:
        PluginError: unknown name. ConfigError: a setting that cannot be or that the preset fixes, or two evaluators
            of one name.
    """
    if named is None and preset is None:
        return default_evaluators(settings)
    variants = list(named or [])
    if preset is not None:
        _require_free(preset, settings)
        variants += [Variant(row.name, row.settings) for row in preset.evaluators]
        if all(variant.name != ALWAYS.name for variant in variants):
            variants.insert(0, ALWAYS)
    pairs: list[tuple[str, Evaluator]] = []
    for variant in variants:
        evaluator = build_evaluator(variant.name, variant.settings({}, settings))
        if all(not _alike(evaluator, other) for _, other in pairs):
            pairs.append((str(variant), evaluator))
    require_different_names(pairs)
    return [evaluator for _, evaluator in pairs]


def _require_free(preset: Preset, settings: Settings) -> None:
    """Raises ConfigError where `--set` would change what the preset says."""
    for row in preset.evaluators:
        if fixed := sorted(row.settings.keys() & settings.get(row.name, {}).keys()):
            raise ConfigError(
                f"--set {row.name}.{fixed[0]}: preset {preset.name} fixes it; name {row.name}[{fixed[0]}=...] with "
                "--evaluators instead of the preset, or give --preset a TOML file of your own"
            )


def _alike(one: Evaluator, other: Evaluator) -> bool:
    return type(one) is type(other) and one.settings() == other.settings()
