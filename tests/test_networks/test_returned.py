"""What a network returns: one logit per image, auxiliary heads while it trains, or no logits at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from evaluators import (
    FGSM,
    PGD,
    Accuracy,
    AutoAttack,
    CarliniWagner,
    GradientMasking,
    GradientNorm,
    MinimumNorm,
    Saliency,
    Square,
)
from sparserobust.attacks import foolbox_adapter
from sparserobust.data.bundle import Data, ImageTensors
from sparserobust.errors import ShapeError
from sparserobust.logits import as_logits
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.uses import prunable


class OneLogit(nn.Module):
    """Its sigmoid is the probability of class 1."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.Tanh(), nn.Linear(12, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


class TwoLogits(OneLogit):
    """The same decisions, written as two classes."""

    def forward(self, images: Tensor) -> Tensor:
        z = self.body(images).squeeze(1)
        return torch.stack([z * -0.5, z * 0.5], dim=1)


class Heads(NamedTuple):
    logits: Tensor
    aux_first: Tensor | None
    aux_second: Tensor | None


class WithHeads(nn.Module):
    """Two auxiliary heads while it trains, of which one may be absent."""

    def __init__(self, returned: Callable[[Tensor, Tensor, Tensor], object]) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(64, 8), nn.Linear(8, 4)
        self.first, self.second = nn.Linear(64, 4), nn.Linear(64, 4)
        self.returned = returned

    def forward(self, images: Tensor) -> object:
        x = images.flatten(1)
        logits = self.head(self.body(x).tanh())
        return self.returned(logits, self.first(x), self.second(x)) if self.training else logits


class Pair(nn.Module):
    """Returns two tensors that may be its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 4)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        logits = self.head(images.flatten(1))
        return {"first": logits, "second": -logits}


@pytest.fixture(scope="module")
def two_classes(problem: Callable[..., tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    images, labels = problem(40)
    return images.double(), labels % 2


def twins() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    one, two = OneLogit().double(), TwoLogits().double()
    two.load_state_dict(one.state_dict())
    return one, two


def sgd(**values: object) -> dict[str, object]:
    return {"name": "by hand", "optimizer": "sgd", "lr": 0.1, "batch_size": 64, "epochs": 3, **values}


def recorded(run: sr.Run) -> dict[str, object]:
    return {
        f"{name}: {score.name} {score.at}": (score.value, score.reason)
        for name, outcome in run.outcomes.items()
        for score in outcome.scores
    }


QUICK = (
    FGSM(),
    PGD(steps=5),
    PGD(steps=5, norm="l2").labelled("pgd-l2"),
    MinimumNorm(steps=20),
    Square(queries=30),
    CarliniWagner(steps=20),
    CarliniWagner(backend="foolbox", steps=20, binary_search_steps=2).labelled("cw-foolbox"),
    CarliniWagner(backend="torchattacks", steps=20).labelled("cw-torchattacks"),
    Saliency(),
    GradientNorm(),
)
DEAR = (AutoAttack(eps=(0.1,)), GradientMasking())
"""Evaluators that take seconds."""


@pytest.mark.parametrize(
    "evaluators", [QUICK, pytest.param(DEAR, marks=pytest.mark.slow)], ids=["quick", "dear"]
)
def test_one_logit_has_the_scores_of_two_logits_for_every_evaluator(two_classes, evaluators):
    """Bit for bit, after the same scoring and training, on labels of both classes."""
    images = ImageTensors(*two_classes)
    few = ImageTensors(*(part[:12] for part in two_classes))
    data = Data("two", images, None, few, (0.5,), (0.5,), ("a", "b"), (1, 8, 8))
    runs = []
    for model in twins():
        subject = sr.sparsify(model, "snip", 0.5, data)
        sr.train(subject, data, recipe=sgd(lr=0.5, epochs=60))
        runs.append(sr.evaluate(subject, data, [Accuracy(), *evaluators], device="cpu"))
    one, two = (recorded(run) for run in runs)
    assert one == two
    assert {o.status for run in runs for o in run.outcomes.values()} == {"ok"}
    assert one["accuracy: top1 None"][0] > 0.8


def test_the_loss_of_one_logit_is_the_binary_cross_entropy(two_classes):
    (images, labels), (model, _) = two_classes, twins()
    z = model(images).squeeze(1)
    outcome = Accuracy()(model, two_classes)
    assert outcome.score("top1").value == float(((z > 0) == labels.bool()).double().mean())
    nll = F.binary_cross_entropy_with_logits(z, labels.double())
    # the logits of a network in float64 are rounded to float32
    assert outcome.score("nll").value == pytest.approx(float(nll.detach()), abs=1e-7)
    softmax = as_logits(model(images), images).softmax(dim=1)
    torch.testing.assert_close(softmax[:, 1], z.sigmoid(), rtol=1e-14, atol=0)


def test_one_logit_is_scored_and_trained_by_the_binary_cross_entropy(two_classes):
    """Against a loop of torch alone."""
    (images, labels), (model, other) = two_classes, twins()
    names = prunable(model, (1, 8, 8))
    scoring = ScoringModel(
        model, names, torch.device("cpu"), torch.Generator(), examples=lambda _: [two_classes]
    )
    scoring.move(0, None)
    loss = F.binary_cross_entropy_with_logits(other.body(images).squeeze(1), labels.double())
    weights = [other.get_parameter(name) for name in names]
    for (name, score), gradient in zip(
        scores.snip(scoring).items(), torch.autograd.grad(loss, weights), strict=True
    ):
        expected = (other.get_parameter(name) * gradient).abs()
        torch.testing.assert_close(score, expected, rtol=1e-10, atol=1e-15)
    sr.train(model, two_classes, recipe=sgd())
    optimizer = torch.optim.SGD(other.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(other.body(images).squeeze(1), labels.double()).backward()
        optimizer.step()
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "adversarial", [{"kind": "pgd", "eps": 0.1, "steps": 3}, {"kind": "trades", "eps": 0.1, "steps": 3}]
)
def test_one_logit_is_trained_against_the_images_that_two_logits_are(two_classes, adversarial):
    one, two = twins()
    for model in (one, two):
        sr.train(model, two_classes, recipe=sgd(adversarial=adversarial))
    for mine, theirs in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_third_label_is_refused_where_one_logit_makes_two_classes(two_classes):
    images, labels = two_classes[0], torch.arange(40) % 3
    text = "labels must be whole numbers from 0 to 1, as many as the model has logits, got 2"
    assert text in str(Accuracy()(twins()[0], (images, labels)).reason)
    with pytest.raises(ShapeError, match=text):
        sr.evaluate(twins()[0], (images, labels), ["accuracy"])
    with pytest.raises(ShapeError, match=text):
        sr.sparsify(twins()[0], "snip", 0.5, (images, labels))
    for recipe in (sgd(), sgd(adversarial={"kind": "pgd", "eps": 0.1, "steps": 1})):
        with pytest.raises(ShapeError, match=text):
            sr.train(twins()[0], (images, labels), recipe=recipe)


RETURNED = {
    "named tuple": (Heads, (0.3, 0.3)),
    "one head absent": (lambda logits, first, second: Heads(logits, None, second), (0.0, 0.3)),
    "list": (lambda logits, first, second: [logits, first], (0.3, 0.0)),
    "mapping": (
        lambda logits, first, second: {"logits": logits, "aux_first": first, "aux_second": second},
        (0.3, 0.3),
    ),
    "one tensor": (lambda logits, first, second: logits, (0.0, 0.0)),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_auxiliary_heads_count_three_tenths_in_training(problem, returned):
    """Against a loop of torch alone; Szegedy et al. 2014, sec. 5."""
    images, labels = problem(40)
    data = images.double(), labels
    torch.manual_seed(0)
    form, shares = RETURNED[returned]
    model, other = WithHeads(form).double(), WithHeads(Heads).double()
    other.load_state_dict(model.state_dict())
    history = sr.train(model, data, recipe=sgd())
    optimizer = torch.optim.SGD(other.parameters(), 0.1)
    losses = []
    for _ in range(3):
        heads = other(data[0])
        loss, first, second = (F.cross_entropy(logits, labels) for logits in heads)
        loss = loss + shares[0] * first + shares[1] * second
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert [epoch.loss for epoch in history.epochs] == pytest.approx(losses, rel=1e-12)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["snip", "grasp", "synflow", "freezenet", "force"])
def test_a_network_that_does_not_say_which_are_its_logits_is_refused_by_every_score(problem, method):
    text = r"the model must return logits \(\d+, classes\), got dict\(first: .*; name the part that they are: output="
    with pytest.raises(ShapeError, match=text):
        sr.sparsify(Pair(), method, 0.5, problem(16))


def test_a_network_that_does_not_say_which_are_its_logits_is_refused_by_training(problem):
    subject = sr.sparsify(Pair(), "magnitude", 0.5, input_shape=(1, 8, 8))
    with pytest.raises(ShapeError, match="got dict.*; name the part"):
        sr.train(subject, problem(16), recipe=sgd())


def test_a_third_party_attack_is_refused_too(problem):
    images, labels = problem(8)
    with pytest.raises(ShapeError, match="got dict"):
        foolbox_adapter.fgsm(Pair(), images, labels, [0.1])
