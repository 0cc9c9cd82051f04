"""Every method and evaluator that is registered passes the conformance kit; ones that break it do not."""

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from sparserobust import registry, runner
from sparserobust.methods.snip import SNIP
from sparserobust.records import ScoreSpec
from sparserobust.scoring import Evaluator, FixedBudgetAttack, Measurement
from sparserobust.sparsity.select import shuffle_within_layers
from sparserobust.testing import check_evaluator, check_method
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.decay import OffsetDecay

FAST: dict[str, dict[str, Any]] = {
    "autoattack": {"eps": [0.5]},
    "carlini-wagner": {"steps": 20, "warm_start": 20},
    "gradient-masking": {"eps": [0.1], "steps": 5, "queries": 20},
    "minimum-norm": {"steps": 20},
    "pgd": {"eps": [0.1], "steps": 10, "restarts": 2},
    "square": {"eps": [0.1], "queries": 50},
}
"""Settings of evaluators that would take long."""


def written(value: str | dict[str, Any]) -> str:
    """A name, or parameters, in the id of a test."""
    return value if isinstance(value, str) else " ".join(f"{key}={held}" for key, held in value.items())


@pytest.mark.usefixtures("one_of_kit")
@pytest.mark.parametrize("name", registry.methods.names())
def test_every_method_keeps_the_laws(name):
    check_method(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.methods.names())
def test_every_method_keeps_the_laws_on_both_networks_under_every_optimizer(name):
    check_method(name)


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize("offset", ["zero", "frozen", "dct"])
@pytest.mark.parametrize("allocation", ["global", "uniform", "erk", "epl", "epf"])
def test_any_allocation_goes_with_any_offset(allocation, offset):
    check_method("random", allocation=allocation, offset=offset)


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("snip", {"offset": "frozen", "control": "layer-shuffled"}),
        ("snip", {"offset": "dct", "trainable_alpha": False}),
        ("snip", {"control": "reinitialised", "initialisation": "orthogonal"}),
        ("snip", {"batchnorm": "batch", "loss": "raw-logits", "ties": "keep"}),
        ("snip-it", {"loss": "raw-logits", "ties": "strict"}),
        ("force", {"steps": 5, "schedule": "linear", "offset": "dct"}),
        ("iter-snip", {"steps": 5, "allocation": "erk", "offset": "frozen"}),
        ("synflow", {"steps": 5, "ties": "drop", "offset": "frozen", "allocation": "epl-published"}),
        ("grasp", {"temperature": 1.0, "batchnorm": "batch", "offset": "dct"}),
        ("freezenet", {"mask": "random", "control": "reinitialised", "initialisation": "kaiming-uniform"}),
        ("freezenet-wd", {"prune_at_end": True, "rescue": None, "allocation": "uniform"}),
        ("dctps", {"allocation": "epl-published", "control": "layer-shuffled"}),
        ("rigl", {"every": 4, "offset": "frozen"}),
        ("rigl-dctps", {"every": 4, "regrow": False}),
        ("gradual-magnitude", {"every": 4, "allocation": "uniform"}),
        ("dsr", {"every": 4, "fraction": 0.05, "threshold": 0.01}),
    ],
    ids=written,
)
def test_methods_keep_the_laws_with_other_parameters_too(name, params):
    check_method(name, **params)


@pytest.mark.parametrize("name", [name for name in registry.evaluators.names() if name not in FAST])
def test_every_evaluator_keeps_the_contract(name):
    check_evaluator(runner.build_evaluator(name))


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in ("gradient-masking", "autoattack"))) for n in FAST],
)
def test_every_attack_that_takes_long_keeps_the_contract(name):
    check_evaluator(runner.build_evaluator(name, FAST[name]))


class Careless(Evaluator):
    """Writes behind autograd's back, and its score depends on the batch size."""

    name = "careless"
    source = "none"
    scores = (ScoreSpec(name="batches", unit="count", headline=True),)

    def begin(self, context):
        evaluator = self

        class Counting(Measurement):
            count = 0

            def update(self, batch):
                self.count += 1

            def finish(self):
                return evaluator.outcome(scores=(evaluator.score("batches", self.count),))

        return Counting()


def test_an_evaluator_whose_score_depends_on_the_batch_size_is_caught():
    with pytest.raises(AssertionError, match="careless with batches of 7: batches at None is 1.0, then 9.0"):
        check_evaluator(Careless())


@dataclass(frozen=True, kw_only=True)
class Greedy(SNIP):
    """Keeps one weight too many."""

    name: ClassVar[str] = "greedy"

    def choose(self, model, sparsity, generator):
        choice = super().choose(model, sparsity, generator)
        mask = next((m for m in choice.masks.values() if not m.all()), None)
        if mask is not None:
            mask.view(-1)[int((~mask).view(-1).int().argmax())] = True
        return choice


@dataclass(frozen=True, kw_only=True)
class Fickle(SNIP):
    """Another mask at every call, whatever the seed."""

    name: ClassVar[str] = "fickle"

    def choose(self, model, sparsity, generator):
        choice = super().choose(model, sparsity, generator)
        stream = torch.Generator().manual_seed(next(COUNTER))
        return dataclasses.replace(choice, masks=shuffle_within_layers(choice.masks, generator=stream))


COUNTER = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Helpful(SNIP):
    """Rescues a layer although nobody asked for it."""

    name: ClassVar[str] = "helpful"

    def choose(self, model, sparsity, generator):
        choice = super().choose(model, sparsity, generator)
        name, mask = next((n, m) for n, m in choice.masks.items() if not m.all())
        mask.view(-1)[int((~mask).view(-1).int().argmax())] = True
        return dataclasses.replace(choice, rescued={name: 1})


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (Greedy, "greedy keeps .* weights, expected exactly"),
        (Fickle, "fickle drew another mask of .* for the same seed"),
        (Helpful, "helpful rescued weights without a stated rescue rule"),
    ],
)
def test_a_method_that_breaks_a_law_is_caught(monkeypatch, method, text):
    monkeypatch.setattr(registry.Registry, "load", lambda self, name: method)
    with pytest.raises(AssertionError, match=text):
        check_method(method.name)


def test_an_offset_that_decays_otherwise_than_gamma_says_is_caught(monkeypatch):
    real = OffsetDecay.step

    def not_at_all(self, optimizer, values):
        real(self, optimizer, values)
        self.gamma = dict.fromkeys(self.gamma, 1.0)

    monkeypatch.setattr(OffsetDecay, "step", not_at_all)
    with pytest.raises(AssertionError, match="freezenet-wd: weight decay does not shrink the offset of"):
        check_method("freezenet-wd")


def test_a_refusal_that_is_forgotten_is_caught(monkeypatch):
    monkeypatch.setattr(OffsetDecay, "check", lambda self, optimizer: None)
    with pytest.raises(AssertionError, match="freezenet-wd: Adam decays each weight by another factor"):
        check_method("freezenet-wd")


def test_a_law_that_is_not_restored_after_a_step_is_caught(monkeypatch):
    def held_loosely(self, optimizer):
        return optimizer.register_step_post_hook(lambda *arguments: None)

    monkeypatch.setattr(SparseWeights, "hold", held_loosely)
    with pytest.raises(AssertionError, match="off the mask .* is not its zero offset after a step of SGD"):
        check_method("snip")


class Average(Measurement):
    """The mean brightness, with one fault of every kind that is asked for."""

    def __init__(self, evaluator, fault):
        self.evaluator, self.fault, self.seen, self.right = evaluator, fault, [], []

    def update(self, batch):
        self.seen.append(batch.images.mean(dim=(1, 2, 3)).double())
        self.right.append(batch.correct)
        if self.fault == "batches of one":
            assert len(batch) > 1
        if self.fault == "float64":
            batch.images.matmul(torch.ones(8, 1, dtype=next(batch.model.parameters()).dtype))
        if self.fault == "keeps":
            object.__setattr__(self.evaluator, "last", batch)

    def finish(self):
        seen, right = torch.cat(self.seen), torch.cat(self.right)
        if self.fault == "nothing right":
            1 / int(right.sum())
        per_example = {"brightness": (seen[:5] if self.fault == "too few" else seen).numpy()}
        score = self.evaluator.score("brightness", float(seen.mean()), n=len(seen))
        return self.evaluator.outcome(scores=(score,), per_example=per_example)


@dataclass(frozen=True, kw_only=True)
class Brightness(Evaluator):
    """How bright the images are."""

    name: ClassVar[str] = "brightness"
    source: ClassVar[str] = "tests"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec(name="brightness", unit="", headline=True),)

    fault: str = ""

    def begin(self, context):
        return Average(self, self.fault)


@dataclass(frozen=True, kw_only=True)
class Rewriting(Brightness):
    """Changes what it was given."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "fault", f"{self.fault}!")


def variant_of(**facts: object) -> type[Brightness]:
    """The evaluator with other facts."""
    return type("Variant", (Brightness,), {"__doc__": "Something.", **facts})


def test_a_sound_evaluator_of_a_stranger_passes_the_kit():
    check_evaluator(Brightness())


@pytest.mark.parametrize(
    ("evaluator", "text"),
    [
        (
            lambda: Brightness(fault="nothing right"),
            "brightness fails where the model is right about nothing",
        ),
        (lambda: Brightness(fault="batches of one"), "brightness fails on batches of one"),
        (lambda: Brightness(fault="float64"), "brightness fails in float64"),
        (lambda: Brightness(fault="too few"), r"brightness of shape \(5,\); expected 60 examples"),
        (lambda: Brightness(fault="keeps"), "brightness keeps something of a run on itself"),
        (lambda: Rewriting(fault="x"), "brightness made again from its settings is another one"),
        (lambda: variant_of(source="")(), "brightness must name its source"),
        (lambda: variant_of(__doc__=None)(), "brightness needs a docstring"),
        (lambda: variant_of(rows=1)(), "rows of brightness is no setting: annotate it, rows: TYPE = "),
        (lambda: variant_of(scores=Brightness.scores[0])(), "brightness must declare its scores as a tuple"),
        (
            lambda: variant_of(name="Bright One")(),
            "must state its name, lower case with hyphens, got 'Bright One'",
        ),
        (lambda: variant_of(scores=Brightness.scores * 2)(), "brightness declares a score twice"),
        (
            lambda: variant_of(scores=(ScoreSpec(name="brightness", unit=""),))(),
            r"brightness must declare exactly one headline score, got \[\]",
        ),
        (
            lambda: variant_of(resolved=lambda self: {"x": object()})(),
            r"resolved\(\) of brightness must hold",
        ),
    ],
)
def test_what_strangers_get_wrong_in_an_evaluator_is_named(evaluator, text):
    with pytest.raises(AssertionError, match=text):
        check_evaluator(evaluator())


@dataclass(frozen=True, kw_only=True)
class Noisy(FixedBudgetAttack):
    """Spoils the images where its budget is 0 too."""

    name: ClassVar[str] = "noisy"
    source: ClassVar[str] = "tests"
    norm: ClassVar[str] = "linf"

    eps: tuple[float, ...] = (0.5,)

    def within(self, batch):
        for eps in self.eps:
            yield eps, (batch.images + max(eps, 0.01)).clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Together(FixedBudgetAttack):
    """Scales its step by the largest gradient of the batch."""

    name: ClassVar[str] = "together"
    source: ClassVar[str] = "tests"
    norm: ClassVar[str] = "linf"

    def within(self, batch):
        step = batch.loss_gradient / batch.loss_gradient.abs().amax()
        for eps in self.budgets:
            yield eps, (batch.images + eps * step).clamp(0, 1)


CALLS: list[int] = []


@dataclass(frozen=True, kw_only=True)
class Tiring(Together):
    """Takes a smaller step with every call."""

    name: ClassVar[str] = "tiring"

    def within(self, batch):
        CALLS.append(1)
        for eps in self.budgets:
            yield eps, (batch.images + eps / len(CALLS) * batch.loss_gradient.sign()).clamp(0, 1)


@pytest.mark.parametrize(("attack", "text"), [(Together, "with batches of 7"), (Tiring, "a second time")])
def test_an_attack_whose_images_depend_on_more_than_the_image_is_caught(attack, text):
    with pytest.raises(AssertionError, match=text):
        check_evaluator(attack())


def test_an_attack_that_leaves_its_budget_with_eps_0_is_named():
    with pytest.raises(AssertionError, match="noisy fails with eps 0: .*left its budget"):
        check_evaluator(Noisy())
