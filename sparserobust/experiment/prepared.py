"""An experiment with all that it names loaded and checked; nothing is computed yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from sparserobust.data import Data, load_data, training_examples
from sparserobust.device import resolve_device
from sparserobust.errors import ConfigError
from sparserobust.experiment.bound import Bound, bound_methods, check_methods, check_schedule
from sparserobust.experiment.evaluators import evaluators_of
from sparserobust.experiment.networks import drawn_weights, fresh_network, normalized
from sparserobust.experiment.runtime import threads_set
from sparserobust.experiment.spec import Experiment
from sparserobust.one_line import OneLine
from sparserobust.records import Remark, remark
from sparserobust.restore import load_subject
from sparserobust.scoring import Evaluator
from sparserobust.scoring.run import sha256_of_examples
from sparserobust.scoring.trial import tried
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
        data: normalised as the experiment says, else as the recipe does.
        recipe: of all networks; None where each method has its own.
        methods: the dense reference first; none where only finished networks are scored.
        finished: saved models and a network of one's own that is scored as it is.
        parameters: of the first network.
        notes: how the weights of the file were read.
    """

    experiment: Experiment
    device: torch.device
    evaluators: list[Evaluator]
    data: Data
    recipe: Recipe | None
    methods: list[Bound]
    finished: list[Subject]
    parameters: int
    notes: tuple[Remark, ...] = ()

    def _shown(self) -> Iterator[str]:
        yield from (repr(self.experiment), str(self.device), f"parameters={self.parameters}")

    def network(self, seed: int) -> nn.Module:
        """The network of a seed, before a method is bound to it."""
        return fresh_network(self.experiment, self.data, self.recipe, seed)[0]

    def recipe_of(self, bound: Bound) -> Recipe:
        """How the networks of a method are trained, for this data."""
        return recipe_of(self.experiment, self.recipe, bound).for_data(self.data.name)

    def threads(self) -> AbstractContextManager[None]:
        """Torch's threads as the experiment says, for as long as its steps are taken; afterwards as before."""
        return threads_set(self.experiment.threads, self.parameters, self.device.type)

    @cached_property
    def examples_sha256(self) -> str:
        """`DataRecord.sha256` of the examples to be scored on."""
        return sha256_of_examples(self.data, limit=self.experiment.limit, seed=self.experiment.seeds[0])


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
    data = load_data(experiment.data, experiment.data_root, image_size=experiment.image_size)
    recipe = _shared_recipe(experiment, data)
    methods: list[Bound] = []
    if experiment.trains_architecture or named:
        methods = bound_methods(named, experiment.settings, recipe)
        for bound in methods:
            recipe_of(experiment, recipe, bound)
        training_examples(data, "training networks")
    if recipe is not None:
        data = recipe.normalize(data)
    data = normalized(experiment, data)
    own, first = experiment.own_network is not None, experiment.seeds[0]
    notes: tuple[Remark, ...] = ()
    finished = [
        load_subject(path, model=fresh_network(experiment, data, recipe, first)[0] if own else None)
        for path in experiment.saved
    ]
    if finished:
        model = finished[0].model
    else:
        model, notes = fresh_network(experiment, data, recipe, first)
        tried(model, data, name=experiment.model_name, output=experiment.output)
    for subject in finished:
        tried(subject, data, name=experiment.model_name)
    if methods and experiment.exclude:
        prunable(model, data.input_shape, exclude=experiment.exclude)  # refuses names that are not there
    for bound in methods:
        own_recipe = recipe_of(experiment, recipe, bound)
        check_schedule(bound, model, data, min(experiment.sparsities), own_recipe, experiment)
    if not methods and not finished:
        finished = [_as_it_is(experiment, model, data, notes)]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Prepared(experiment, device, evaluators, data, recipe, methods, finished, parameters, notes)


def _as_it_is(experiment: Experiment, model: nn.Module, data: Data, notes: tuple[Remark, ...]) -> Subject:
    """The network of the experiment as a subject that no method made."""
    subject = Subject.of(
        model,
        lambda: data.input_shape,
        name=experiment.model_name,
        exclude=experiment.exclude,
        output=experiment.output,
    )
    subject.notes = notes
    if experiment.own_network is not None and experiment.weights is None:
        drawn, subject.drawn = drawn_weights(experiment.own_network, model, experiment.seeds[0])
        if drawn and not subject.drawn:
            subject.warnings = (*subject.warnings, remark("partly-drawn", weights=list(drawn)))
    return subject


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
