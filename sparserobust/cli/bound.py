"""The variants of a comparison with all their parameters, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from sparserobust.apply import build_method, sparsify
from sparserobust.cli.options import Settings
from sparserobust.cli.request import Request
from sparserobust.cli.variants import Variant
from sparserobust.data import Data
from sparserobust.errors import ConfigError
from sparserobust.methods.base import Method, PruneDuringTraining
from sparserobust.training import Recipe, check_trainable, load_recipe, recipe_for

DENSE = Variant("dense", {})


@dataclass(frozen=True)
class Bound:
    """A variant with its method; `params` are what `sparsify` takes."""

    variant: Variant
    method: Method
    params: dict[str, Any]

    @property
    def dense(self) -> bool:
        """Whether it is the reference."""
        return self.variant.name == DENSE.name


def check_methods(named: Sequence[Variant], settings: Settings) -> None:
    """Raises PluginError or ConfigError for a method or parameter that cannot be, whatever the recipe."""
    for variant in named:
        _built(variant, variant.settings({}, settings))


def bound_variants(named: Sequence[Variant], settings: Settings, recipe: Recipe | None) -> list[Bound]:
    """The variants in their order, the dense reference first; one that comes out like another is dropped.

    All that score on training examples see the same number of them: the recipe's, or the largest of the
    methods' own recipes.

    Raises:
        PluginError: unknown method. ConfigError: a parameter that it does not take or that cannot be, or a
            recipe that cannot train it.
    """
    methods = [_built(variant, variant.settings({}, settings)) for variant in named]
    recipes = [recipe] if recipe else [load_recipe(method.recipe) for method in methods]
    samples = max((recipe.score_samples for recipe in recipes), default=100)
    for method in methods:
        own = recipe or load_recipe(method.recipe)
        if method.decay_offset and own.optimizer == "adam" and own.weight_decay:
            raise ConfigError(
                f"{method.name} decays its frozen weights, which recipe {own.name} cannot (adam couples decay and "
                "gradient); name one with sgd or adamw, for instance --recipe freezenet-mnist"
            )
    bound: list[Bound] = []
    for variant in [DENSE, *(variant for variant in named if variant.name != DENSE.name)]:
        scored = _built(variant, variant.settings({}, settings)).samples is not None
        params = variant.settings({"score_samples": samples} if scored else {}, settings)
        method = _built(variant, params)
        if method not in [other.method for other in bound]:
            bound.append(Bound(variant, method, params))
    return bound


def _built(variant: Variant, params: dict[str, Any]) -> Method:
    """The method; a value of a type that it cannot take is an error in one line too."""
    try:
        return build_method(variant.name, params)
    except TypeError as error:
        given = ", ".join(f"{name}={value!r}" for name, value in params.items())
        raise ConfigError(
            f"{variant.name} cannot be made with {given}: {error}; `sparserobust describe {variant.name}` shows "
            "what it takes"
        ) from None


def check_schedules(
    bound: Sequence[Bound], model: nn.Module, data: Data, request: Request, recipe: Recipe | None
) -> None:
    """Raises ConfigError where a method cannot prune in a training as long as these, before any is begun."""
    for variant in bound:
        if isinstance(variant.method, PruneDuringTraining):
            name, sparsity = variant.variant.name, min(request.sparsities)
            try:
                subject = sparsify(model, name, sparsity, data, **variant.params)
                check_trainable(subject, data, epochs=request.epochs, recipe=recipe or "own")
            except ConfigError as error:
                raise ConfigError(f"{variant.variant}: {error}") from None
            except Exception:  # a fault of the method's, which its record will say
                continue


def shared_recipe(request: Request, data: Data) -> Recipe | None:
    """The recipe of all models: the one that was asked for, else the data set's; None for each method's own."""
    if request.recipe == "own":
        return None
    return recipe_for(request.recipe, data, None)
