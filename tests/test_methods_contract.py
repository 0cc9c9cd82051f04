"""What the author of a method writes: the least of each kind passes the kit, and what is easily done wrong does not."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import torch

import sparserobust as sr
from sparserobust import registry
from sparserobust.errors import ConfigError
from sparserobust.methods import (
    ChosenMasks,
    Method,
    PruneBeforeTraining,
    PruneByScore,
    PruneDuringTraining,
    Pruner,
    ScoreOnExamples,
    ScoringModel,
    TrainingState,
)
from sparserobust.methods.during import keep_highest, magnitudes
from sparserobust.methods.magnitude import Magnitude
from sparserobust.testing import check_method

method = dataclass(frozen=True, kw_only=True)


@pytest.fixture
def check(monkeypatch, request):
    """check(class, name): the kit for a class as if it were registered by that name, its own by default."""
    request.getfixturevalue("one_of_kit")
    real = registry.Registry.load

    def run(cls, name=None):
        name = name or cls.name
        load = lambda self, asked: cls if asked == name else real(self, asked)  # noqa: E731
        monkeypatch.setattr(registry.Registry, "load", load)
        check_method(name)

    return run


def some(model: ScoringModel, k: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Masks of k weights, drawn from the generator."""
    mask = torch.zeros(model.prunable, dtype=torch.bool)
    mask[torch.randperm(model.prunable, generator=generator)[:k]] = True
    parts = mask.split([math.prod(shape) for shape in model.shapes.values()])
    return {name: part.view(shape) for (name, shape), part in zip(model.shapes.items(), parts, strict=True)}


# the least of each kind


@method
class ByFanIn(PruneByScore):
    name: ClassVar[str] = "by-fan-in"
    source: ClassVar[str] = "a test"

    def score(self, model):
        return {name: w.abs() * w[0].numel() for name, w in model.candidates.items()}


@method
class ByGradient(ScoreOnExamples):
    name: ClassVar[str] = "by-gradient"
    source: ClassVar[str] = "a test"

    def score(self, model):
        total = [torch.zeros_like(w) for w in model.weights]
        for images, labels in model.batches:
            gradients = torch.autograd.grad(model.loss_of(model.network(images), labels), model.weights)
            total = [t + g for t, g in zip(total, gradients, strict=True)]
        return {name: g.abs() for name, g in zip(model.dense, total, strict=True)}


@method
class Drawn(PruneBeforeTraining):
    name: ClassVar[str] = "drawn"
    source: ClassVar[str] = "a test"

    def choose(self, model, sparsity, generator):
        return ChosenMasks(some(model, model.kept_at(sparsity), generator))


class Once(Pruner):
    def end_of_epoch(self):
        training = self.training
        if training.epoch == training.epochs // 2:
            training.set_masks(keep_highest(training, magnitudes(training), training.k))


@method
class HalfWay(PruneDuringTraining):
    name: ClassVar[str] = "half-way"
    source: ClassVar[str] = "a test"

    def pruner(self, training):
        return Once(training)


@pytest.mark.parametrize("cls", [ByFanIn, ByGradient, Drawn, HalfWay])
def test_the_least_that_an_author_writes_passes_the_kit(check, cls):
    check(cls)


def test_a_method_has_the_parameters_that_it_obeys_and_no_others():
    shared = [
        "allocation",
        "offset",
        "rescue",
        "control",
        "initialisation",
        "trainable_alpha",
        "initial_alpha",
    ]
    assert list(ByFanIn().params()) == shared
    assert list(Drawn().params()) == list(HalfWay().params()) == []


def test_a_method_of_ones_own_needs_no_registration(network, problem):
    subject = sr.sparsify(network, ByFanIn(allocation="erk"), 0.5, offset="frozen")
    assert subject.label == "by-fan-in[allocation=erk, offset=frozen] 0.5"
    assert subject.kept == subject.prunable // 2
    with pytest.raises(ConfigError, match="half-way has no parameter 'every'; it takes none"):
        sr.sparsify(network, HalfWay(), 0.5, every=3)


def test_scores_may_come_in_any_order(network):
    @method
    class Backwards(ByFanIn):
        name: ClassVar[str] = "backwards"

        def score(self, model):
            return dict(reversed(super().score(model).items()))

        def events(self, prunable, k):
            return [2 * k, k]

    one, other = (sr.sparsify(network, cls(), 0.8).weights.masks for cls in (ByFanIn, Backwards))
    assert all(torch.equal(mask, other[name]) for name, mask in one.items())


def test_a_subject_looks_for_its_prunable_weights_once(network, problem, monkeypatch, tmp_path):
    subject = sr.sparsify(network, "freezenet-wd", 0.5, problem(32), prune_at_end=True)

    def again(*args, **kwargs):
        raise AssertionError("the network is traced again")

    loaded = [module for name, module in sys.modules.items() if name.startswith("sparserobust")]
    tracers = [
        (module, name)
        for module in loaded
        for name in ("prunable", "weights_of", "trace_uses")
        if name in vars(module)
    ]
    assert len(tracers) > 5
    for module, name in tracers:
        monkeypatch.setattr(module, name, again)
    sr.train(subject, problem(32), epochs=1, recipe="freezenet-cifar10")
    subject.save(tmp_path / "m.sparse")
    assert (
        list(subject.effective_weights())
        == list(subject.plan)
        == list(subject.at_initialisation().weights.values)
    )


# what is easily done wrong before training


class Undecorated(Drawn):
    name: ClassVar[str] = "undecorated"
    steps: int = 5


@method
class Nameless(PruneBeforeTraining):
    source: ClassVar[str] = "a test"

    def choose(self, model, sparsity, generator):
        return ChosenMasks(some(model, model.kept_at(sparsity), generator))


@method
class Sourceless(PruneBeforeTraining):
    name: ClassVar[str] = "sourceless"

    def choose(self, model, sparsity, generator):
        return ChosenMasks(some(model, model.kept_at(sparsity), generator))


@dataclass(frozen=True)
class Positional(Drawn):
    name: ClassVar[str] = "positional"
    steps: int = 5


@method
class NamedByParameter(Drawn):
    name: str = "named-by-parameter"


@method
class Scoreless(PruneByScore):
    name: ClassVar[str] = "scoreless"
    source: ClassVar[str] = "a test"


@method
class Holding(Drawn):
    name: ClassVar[str] = "holding"
    shares: dict[str, float] = field(default_factory=dict)


@method
class Remembering(Drawn):
    name: ClassVar[str] = "remembering"
    seen: ClassVar[list[float]] = []

    def choose(self, model, sparsity, generator):
        self.seen.append(sparsity)
        return super().choose(model, sparsity, generator)


@method
class Attaching(Drawn):
    name: ClassVar[str] = "attaching"

    def choose(self, model, sparsity, generator):
        object.__setattr__(self, "last", sparsity)
        return super().choose(model, sparsity, generator)


@method
class GloballyDrawn(PruneByScore):
    name: ClassVar[str] = "globally-drawn"
    source: ClassVar[str] = "a test"

    def score(self, model):
        return {name: torch.rand(shape) for name, shape in model.shapes.items()}


@method
class Pruning(Magnitude):
    name: ClassVar[str] = "pruning"

    def choose(self, model, sparsity, generator):
        chosen = super().choose(model, sparsity, generator)
        for name, mask in chosen.masks.items():
            model.dense[name].mul_(mask)
        model.first = None
        return chosen


@method
class PerLayer(ByFanIn):
    name: ClassVar[str] = "per-layer"

    def score(self, model):
        return {name: score.mean() for name, score in super().score(model).items()}


@method
class Partial(ByFanIn):
    name: ClassVar[str] = "partial"

    def score(self, model):
        return dict(list(super().score(model).items())[1:])


@method
class Turning(Magnitude):
    name: ClassVar[str] = "turning"

    def choose(self, model, sparsity, generator):
        chosen = super().choose(model, sparsity, generator)
        for weight in model.dense.values():
            weight.copy_(weight.roll(1, 0))
        model.first = None
        return chosen


@method
class FirstBatch(ScoreOnExamples):
    name: ClassVar[str] = "first-batch"
    source: ClassVar[str] = "a test"

    def score(self, model):
        images, labels = model.batches[0]
        return model.weighted(
            torch.autograd.grad(model.loss_of(model.network(images), labels), model.weights)
        )


@method
class NeverDense(Drawn):
    name: ClassVar[str] = "never-dense"

    def choose(self, model, sparsity, generator):
        return ChosenMasks(some(model, model.kept_at(max(sparsity, 0.5)), generator))


@method
class TooMany(Drawn):
    name: ClassVar[str] = "too-many"

    def choose(self, model, sparsity, generator):
        return ChosenMasks(some(model, model.kept_at(sparsity) + bool(sparsity), generator))


def bent(name: str, change: Any) -> type[Method]:
    """A method whose masks were changed by `change(masks, name of the first)`."""

    @method
    class Bent(Drawn):
        name: ClassVar[str] = ""

        def choose(self, model, sparsity, generator):
            masks = super().choose(model, sparsity, generator).masks
            return change(masks, next(iter(masks)))

    Bent.name = name
    return Bent


BENT = {
    "bare": (lambda masks, first: masks, r"must choose ChosenMasks\(masks\), got dict"),
    "flat": (
        lambda masks, first: ChosenMasks(masks | {first: masks[first].flatten()}),
        r"chose a mask of shape \(\d+,\) for .*; it must be that of the weight, \(",
    ),
    "soft": (
        lambda masks, first: ChosenMasks(masks | {first: masks[first].float()}),
        r"chose a mask of torch.float32 for .*; it must be torch.bool, True = kept",
    ),
    "elsewhere": (
        lambda masks, first: ChosenMasks(masks | {first: masks[first].to("meta")}),
        r"chose a mask on meta for .*; it must be on the CPU or on (cpu|cuda)",
    ),
    "missing": (
        lambda masks, first: ChosenMasks({name: mask for name, mask in masks.items() if name != first}),
        r"chose no mask for .*; every prunable weight needs one",
    ),
    "biased": (
        lambda masks, first: ChosenMasks(masks | {"head.bias": torch.ones(3, dtype=torch.bool)}),
        r"chose a mask for head.bias, which is not prunable; leave it out",
    ),
}


@pytest.mark.parametrize("name", BENT)
def test_masks_that_are_not_those_of_the_network_are_refused(check, name):
    change, text = BENT[name]
    with pytest.raises(AssertionError, match=f"{name} {text}"):
        check(bent(name, change))


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (
            Undecorated,
            r"Undecorated is no dataclass of its own.*write @dataclass\(frozen=True, kw_only=True\)",
        ),
        (Sourceless, r"Sourceless states no source; write `source: ClassVar\[str\] = ...`"),
        (
            NamedByParameter,
            r"name of named-by-parameter must not be a parameter; write `name: ClassVar\[str\]",
        ),
        (
            Positional,
            r"steps of positional can be given without its name; write @dataclass\(frozen=True, kw_",
        ),
        (Scoreless, r"method 'scoreless' \(Scoreless\) does not write score; add it"),
        (Holding, "shares of holding is a dict, which can change; make it a tuple or a number"),
        (
            Remembering,
            "remembering keeps `seen` on itself from call to call; a method holds parameters alone",
        ),
        (Attaching, "attaching keeps `last` on itself from call to call"),
        (GloballyDrawn, "drew another mask of .* under another global random state; draw from the generator"),
        (Pruning, "pruning cannot choose after another sparsity .*; leave the weights of the network"),
        (
            FirstBatch,
            "first-batch gives .* another score when the same examples come in three batches; add up",
        ),
        (PerLayer, r"per-layer must score .* by a tensor of shape \(.*\), got \(\)"),
        (Partial, r"partial must score .* by a tensor of shape \(.*\), got none"),
        (Turning, "turning drew another mask of .* after another sparsity; leave the weights"),
        (NeverDense, "never-dense at sparsity 0 does not keep every weight"),
        (
            TooMany,
            r"too-many keeps \d+ weights, expected exactly \d+; keep model.kept_at\(sparsity\) of them",
        ),
    ],
)
def test_what_is_easily_done_wrong_before_training_is_caught(check, cls, text):
    with pytest.raises(AssertionError, match=text):
        check(cls)


def test_a_name_that_is_missing_or_another_than_the_entry_points_is_caught(check):
    with pytest.raises(AssertionError, match=r"Nameless states no name; write `name: ClassVar\[str\] = ...`"):
        check(Nameless, "nameless")
    with pytest.raises(
        AssertionError, match="the entry point 'by-drawing' holds a method called 'drawn'; give both"
    ):
        check(Drawn, "by-drawing")


@pytest.mark.parametrize("thing", [some, Pruner, 3])
def test_what_is_no_method_is_caught(check, thing):
    with pytest.raises(AssertionError, match="thing must be a class derived from PruneBeforeTraining or"):
        check(thing, "thing")


# and while training


def during(name: str, pruner: Any) -> type[Method]:
    """A method with this pruner: a class, or a function of the training."""

    @method
    class During(PruneDuringTraining):
        name: ClassVar[str] = ""
        source: ClassVar[str] = "a test"

        def pruner(self, training: TrainingState) -> Pruner:
            return pruner(training)

    During.name = name
    return During


class Forgetful(Once):
    """Prunes a little with every epoch it has seen, which no checkpoint holds."""

    seen = 0

    def end_of_epoch(self):
        self.seen += 1
        training = self.training
        kept = max(training.k, training.prunable - self.seen * (training.prunable - training.k) // 6)
        training.set_masks(keep_highest(training, magnitudes(training), min(kept, training.kept)))

    def finish(self):
        training = self.training
        training.set_masks(keep_highest(training, magnitudes(training), training.k))


class Unwritable(Once):
    def state(self):
        return {"layers": {"conv", "head"}}


class Dicing(Once):
    def after_step(self):
        torch.rand(1)


class Early(Once):
    def __init__(self, training):
        super().__init__(training)
        with torch.no_grad():
            next(iter(training.values.values())).mul_(2)


class Idle(Pruner):
    """Never gets there."""


class Halving(Once):
    """Always prunes half, whatever is asked for."""

    def end_of_epoch(self):
        training = self.training
        if training.epoch == 4:
            kept = min(training.k, training.prunable // 2)
            training.set_masks(keep_highest(training, magnitudes(training), kept))


class Keeping(Once):
    """Prunes to the target and says that it is not done."""

    @property
    def settled(self):
        return False


class Numbers(Once):
    """Masks of numbers."""

    def end_of_epoch(self):
        training = self.training
        training.set_masks({name: mask.float() for name, mask in training.masks.items()})


@pytest.mark.parametrize(
    ("pruner", "text"),
    [
        (Forgetful, r"killed and resumed it gives other weights; state\(\) must hold all that its pruner"),
        (Unwritable, r"state\(\).* is a set, which a checkpoint cannot hold; give tensors, numbers, text"),
        (Dicing, "after_step draws from a global generator; draw from training.generator"),
        (Early, "changes the network when its pruner is made; do so in before_training"),
        (Idle, r"keeps \d+ weights, expected exactly \d+; prune to training.k, be not `settled` until then"),
        (Halving, r"at sparsity 0 keeps \d+ of \d+ weights; keep every one"),
        (Keeping, r"is not settled after finish\(\); get there in finish, and let `settled` say so"),
        (lambda training: None, "pruner must return a Pruner, got NoneType"),
    ],
)
def test_what_is_easily_done_wrong_while_training_is_caught(check, monkeypatch, pruner, text):
    from sparserobust.testing import during as kit

    monkeypatch.setattr(kit, "RECIPES", {"sgd": kit.RECIPES.get("sgd", {"lr": 0.05, "momentum": 0.9})})
    with pytest.raises(AssertionError, match=text):
        check(during("at-work", pruner))


def test_a_pruner_is_an_abstract_duty(check):
    @method
    class Prunerless(PruneDuringTraining):
        name: ClassVar[str] = "prunerless"
        source: ClassVar[str] = "a test"

    with pytest.raises(
        AssertionError, match=r"method 'prunerless' \(Prunerless\) does not write pruner; add it"
    ):
        check(Prunerless)


def test_the_names_that_authors_import_load_nothing_until_they_are_used():
    code = (
        "import sys, sparserobust.methods as m; assert 'torch' not in sys.modules; "
        "assert {'Method', 'PruneBeforeTraining', 'PruneDuringTraining', 'Pruner', 'TrainingState'} <= set(dir(m)); "
        "m.Method; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
