"""The methods of an experiment with all their parameters, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from sparserobust.apply import build_method, sparsify
from sparserobust.data import Data
from sparserobust.errors import ConfigError
from sparserobust.experiment.grammar import Assigned, Variant, written
from sparserobust.experiment.spec import Experiment
from sparserobust.methods.base import Method, PruneDuringTraining
from sparserobust.training import Recipe, check_trainable, load_recipe

DENSE = Variant("dense", {})


@dataclass(frozen=True)
class Bound:
    """A method as it is named, and built; `params` are what `sparsify` takes."""

    variant: Variant
    method: Method
    params: Mapping[str, Any]

    @property
    def dense(self) -> bool:
        """Whether it is the reference."""
        return self.variant.name == DENSE.name


def check_methods(named: Sequence[Variant], settings: Assigned) -> None:
    """Raises PluginError or ConfigError for a method or parameter that cannot be, whatever the recipe."""
    for variant in named:
        _built(variant, variant.settings({}, settings))


def bound_methods(named: Sequence[Variant], settings: Assigned, recipe: Recipe | None) -> list[Bound]:
    """The methods in their order, the dense reference first.

    All that score on training examples see the same number of them: the recipe's, or the largest of the
    methods' own recipes.

    Args:
        recipe: of all networks; None for each method's own.

    Raises:
        PluginError: unknown method. ConfigError: a parameter that it does not take or that cannot be, two names for
            one method, or a recipe that cannot train it.
    """
    methods = [_built(variant, variant.settings({}, settings)) for variant in named]
    recipes = [recipe] if recipe else [load_recipe(method.recipe) for method in methods]
    samples = max((recipe.score_samples for recipe in recipes), default=100)
    for method in methods:
        own = recipe or load_recipe(method.recipe)
        if method.decay_offset and own.optimizer == "adam" and own.weight_decay:
            raise ConfigError(
                f"{method.name} decays its frozen weights, which recipe {own.name} cannot (adam couples decay and "
                "gradient); name one with sgd or adamw, for instance recipe freezenet-mnist"
            )
    bound: list[Bound] = []
    for variant in [DENSE, *(variant for variant in named if variant.name != DENSE.name)]:
        scored = _built(variant, variant.settings({}, settings)).samples is not None
        params = variant.settings({"score_samples": samples} if scored else {}, settings)
        method = _built(variant, params)
        if (same := next((other for other in bound if other.method == method), None)) is not None:
            raise ConfigError(
                f"methods {same.variant} and {variant} are two names for one thing; give one of them"
            )
        bound.append(Bound(variant, method, params))
    return bound


def _built(variant: Variant, params: dict[str, Any]) -> Method:
    """The method; a value of a type that it cannot take is an error in one line too."""
    try:
        return build_method(variant.name, params)
    except TypeError as error:
        given = ", ".join(f"{name}={written(value)}" for name, value in params.items())
        raise ConfigError(
            f"{variant.name} cannot be made with {given}: {error}; `sparserobust describe {variant.name}` shows "
            "what it takes"
        ) from None


def check_schedule(
    bound: Bound, model: nn.Module, data: Data, sparsity: float, recipe: Recipe, experiment: Experiment
) -> None:
    """Raises ConfigError where a method cannot prune in a training as long as this, before any is begun."""
    if not isinstance(bound.method, PruneDuringTraining):
        return
    try:
        subject = sparsify(
            model,
            bound.variant.name,
            sparsity,
            data,
            exclude=experiment.exclude,
            output=experiment.output,
            **bound.params,
        )
        check_trainable(subject, data, recipe=recipe)
    except ConfigError as error:
        raise ConfigError(f"{bound.variant}: {error}") from None
    except Exception:  # a fault of the method's, which its record will say
        return
