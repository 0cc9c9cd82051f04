"""Evaluators by the names that records and the terminal use: `pgd-l2` is `pgd[norm=l2]`."""

from __future__ import annotations

from sparserobust.errors import ConfigError, PluginError
from sparserobust.experiment.grammar import Variant
from sparserobust.registry import evaluators as registry
from sparserobust.scoring.named import build_evaluator


def spelled_out(variant: Variant) -> Variant:
    """The registered evaluator and the norm that are recorded under the variant's name; itself where there is none.

    Nothing lists these names: an evaluator is asked what it is called with the norm that the name ends with.

    Raises:
        ConfigError: the bracket has another norm than the name.
    """
    known = registry.names()
    if variant.name in known:
        return variant
    for base in known:
        norm = variant.name.removeprefix(f"{base}-")
        if norm != variant.name and _name(Variant(base, {"norm": norm})) == variant.name:
            if variant.params.get("norm", norm) != norm:
                raise ConfigError(
                    f"{variant}: {variant.name} is {base}[norm={norm}]; write {base}[...] for another"
                )
            return Variant(base, {"norm": norm, **variant.params})
    return variant


def recorded_name(variant: Variant) -> str:
    """What a record calls the variant; its own name where it cannot be built, which is said when it is."""
    return _name(variant) or variant.name


def _name(variant: Variant) -> str:
    try:
        return build_evaluator(variant.name, dict(variant.params)).label
    except (ConfigError, PluginError):
        return ""
