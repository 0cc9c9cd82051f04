"""The names in an experiment, checked before torch is imported, so that a mistyped one is answered at once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from sparserobust.data_names import require_data
from sparserobust.errors import ConfigError, ModelError, did_you_mean
from sparserobust.experiment.grammar import Variant, names_of
from sparserobust.registry import LIBRARIES, evaluators, library_of, methods, models
from sparserobust.toml_files import presets, recipes


def is_own(model: str) -> bool:
    """Whether a model is `package.module:callable`, a network of one's own."""
    return ":" in model and not library_of(model)


def check_names(
    *,
    data_name: str,
    model: str | None = None,
    named_methods: Sequence[Variant] = (),
    named_evaluators: Sequence[Variant] = (),
    recipe: str | None = None,
    preset: str | None = None,
) -> None:
    """Raises for the first name that nothing has, as its use would.

    What only an import can tell is left to it: a network of another library or of one's own, and names such as
    `pgd-l2`, which an evaluator has with other settings.

    Raises:
        PluginError: a method or evaluator that is not there, or anything that is defined twice.
        ModelError, DataError: a network or data set that is not there.
        ConfigError: a recipe or preset that is not there, or settings of the dense reference.
    """
    if preset is not None:
        presets.text(preset)
    known = evaluators.names()
    for name in names_of(named_evaluators):
        if name in known or not may_be_recorded(name, known):
            evaluators.require(name)
    for each in named_methods:
        methods.require(each.name)
        if each.name == "dense" and each.params:
            raise ConfigError(f"methods {each}: dense is the reference and has no variants; write dense")
    if recipe is not None:
        recipes.text(recipe)
    if model is not None and ":" not in model:
        models.require(model)
    if model is not None and is_own(model):
        _require_no_library_meant(model)
    require_data(data_name)


def _require_no_library_meant(model: str) -> None:
    """Raises ModelError for a module that is not there and is called almost like a library of networks."""
    module, _, name = model.partition(":")
    if "." not in module and did_you_mean(module, LIBRARIES) and find_spec(module) is None:
        hint = did_you_mean(model, [f"{library}:{name}" for library in LIBRARIES])
        raise ModelError(f"there is no module {module!r}{hint}")


def may_be_recorded(name: str, known: Sequence[str]) -> bool:
    """Whether a record can hold an evaluator under this name: it begins with the name of one."""
    return any(name.startswith(f"{base}-") for base in known)
