"""An experiment with all that it names loaded and checked; nothing is computed yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import nn

from sparserobust.data import Data, load_data
from sparserobust.device import resolve_device
from sparserobust.errors import ConfigError
from sparserobust.experiment.bound import Bound, bound_methods, check_methods, check_schedule
from sparserobust.experiment.evaluators import evaluators_of
from sparserobust.experiment.networks import fresh_network, try_one_image
from sparserobust.experiment.runtime import threads_set
from sparserobust.experiment.spec import Experiment
from sparserobust.one_line import OneLine
from sparserobust.restore import load_subject
from sparserobust.scoring import Evaluator
from sparserobust.scoring.run import sha256_of_examples
from sparserobust.subject import Subject
from sparserobust.toml_files import OWN
from sparserobust.training import Recipe, load_recipe, recipe_for
from sparserobust.uses import prunable


@dataclass(frozen=True, eq=False, repr=False)
class Prepared(OneLine):
    """What every step of an experiment needs.

    Attributes:
        experiment: that is carried out.
        device: where to compute.
        evaluators: that score every network.
        data: normalised as the recipe says.
        recipe: of all networks; None where each method has its own.
        methods: the dense reference first; none where only finished networks are scored.
        finished: saved models and a network of one's own that is scored as it is.
        parameters: of the first network.
    """

    experiment: Experiment
    device: torch.device
    evaluators: list[Evaluator]
    data: Data
    recipe: Recipe | None
    methods: list[Bound]
    finished: list[Subject]
    parameters: int
    _examples: dict[torch.dtype, str] = field(default_factory=dict)

    def _shown(self) -> Iterator[str]:
        yield from (repr(self.experiment), str(self.device), f"parameters={self.parameters}")

    def network(self, seed: int) -> nn.Module:
        """The network of a seed, before a method is bound to it."""
        return fresh_network(self.experiment, self.data, self.recipe, seed)

    def recipe_of(self, bound: Bound) -> Recipe:
        """How the networks of a method are trained, for this data."""
        return recipe_of(self.experiment, self.recipe, bound).for_data(self.data.name)

    def threads(self) -> AbstractContextManager[None]:
        """Torch's threads as the experiment says, for as long as its steps are taken; afterwards as before."""
        return threads_set(self.experiment.threads, self.parameters, self.device.type)

    def examples_sha256(self, dtype: torch.dtype) -> str:
        """`DataRecord.sha256` of the examples to be scored on, in the type that a network takes."""
        if dtype not in self._examples:
            limit, seed = self.experiment.limit, self.experiment.seeds[0]
            self._examples[dtype] = sha256_of_examples(self.data, dtype, limit=limit, seed=seed)
        return self._examples[dtype]


def prepare(experiment: Experiment) -> Prepared:
    """The experiment ready to be carried out, after everything was checked that can be before anything is computed.

    Raises:
        SparseRobustError: a name, value, file or combination that cannot be.
    """
    if not isinstance(experiment, Experiment):
        raise ConfigError(
            f"expected an Experiment, got {type(experiment).__name__}; Experiment.load reads one from a file"
        )
    device = resolve_device(experiment.device)
    evaluators = evaluators_of(experiment)
    named = experiment.method_variants
    check_methods(named, experiment.settings)
    data = load_data(experiment.data, experiment.data_root)
    recipe = _shared_recipe(experiment, data)
    methods: list[Bound] = []
    if experiment.trains_architecture or named:
        methods = bound_methods(named, experiment.settings, recipe)
        for bound in methods:
            recipe_of(experiment, recipe, bound)
        if data.train is None:
            raise ConfigError(
                f"data {experiment.data!r} has no training examples to train networks on; name saved models"
            )
    if recipe is not None:
        data = recipe.normalize(data)

    def network(seed: int) -> nn.Module:
        return fresh_network(experiment, data, recipe, seed)

    own = experiment.own_network is not None
    first = experiment.seeds[0]
    finished = [load_subject(path, model=network(first) if own else None) for path in experiment.saved]
    model = finished[0].model if finished else network(first)
    try_one_image(model, data, experiment.model_name)
    if methods and experiment.exclude:
        prunable(model, data.input_shape, exclude=experiment.exclude)  # refuses names that are not there
    for bound in methods:
        own_recipe = recipe_of(experiment, recipe, bound)
        check_schedule(bound, model, data, min(experiment.sparsities), own_recipe, experiment.exclude)
    if not methods and not finished:
        shape, exclude = data.input_shape, experiment.exclude
        finished = [Subject.of(model, lambda: shape, name=experiment.model_name, exclude=exclude)]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Prepared(experiment, device, evaluators, data, recipe, methods, finished, parameters)


def recipe_of(experiment: Experiment, recipe: Recipe | None, bound: Bound) -> Recipe:
    """The recipe of all networks, or where there is none the method's own with what the experiment changes in it."""
    return recipe if recipe is not None else _changed(load_recipe(bound.method.recipe), experiment)


def _shared_recipe(experiment: Experiment, data: Data) -> Recipe | None:
    """The recipe of all networks with what the experiment changes in it: its own, else the data set's."""
    if experiment.recipe == OWN:
        return None
    return _changed(recipe_for(experiment.recipe, data, None), experiment)


def _changed(recipe: Recipe, experiment: Experiment) -> Recipe:
    given = {key: value for key in ("epochs", "lr") if (value := getattr(experiment, key)) is not None}
    changed = recipe.changed(**given, **experiment.settings_of("recipe"))
    if changed.momentum and changed.optimizer != "sgd":
        raise ConfigError(
            f"recipe {changed.name}: momentum is of sgd, and {changed.optimizer} has none; set recipe.momentum=0"
        )
    return changed
