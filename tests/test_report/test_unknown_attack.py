"""An attack that nobody heard of is shown like ours: it says of itself what it is, and nothing knows its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.records import Norm, Run
from sparserobust.records.outcome import Access
from sparserobust.report.page import build, render
from sparserobust.report.sections.section import Section
from sparserobust.scoring import Batch, FixedBudgetAttack, MinimumNormAttack


@dataclass(frozen=True, kw_only=True)
class Checkerboard(FixedBudgetAttack):
    """A checkerboard of height eps, and its negative where that does not fool the model."""

    name: ClassVar[str] = "checkerboard"
    title: ClassVar[str] = "Checkerboard"
    source: ClassVar[str] = "this test"
    norm: ClassVar[Norm] = "linf"
    access: ClassVar[Access] = "black-box"
    needs_gradient: ClassVar[bool] = False
    headline_eps: ClassVar[float] = 0.2

    eps: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3)

    def within(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        height, width = batch.images.shape[-2:]
        rows, columns = torch.arange(height).view(-1, 1), torch.arange(width)
        board = 1.0 - 2.0 * ((rows + columns) % 2)
        for eps in self.eps:
            images = (batch.images + eps * board).clamp(0, 1)
            with torch.no_grad():
                stands = batch.model(images).argmax(dim=1) == batch.labels
            images[stands] = (batch.images[stands] - eps * board).clamp(0, 1)
            yield eps, images


@dataclass(frozen=True, kw_only=True)
class Shrink(MinimumNormAttack):
    """The darkest image on the way to black that no longer gets its label: an l2 distance."""

    name: ClassVar[str] = "shrink"
    title: ClassVar[str] = "Shrink to black"
    source: ClassVar[str] = "this test"
    norm: ClassVar[Norm] = "l2"
    needs_gradient: ClassVar[bool] = False
    headline_eps: ClassVar[float] = 1.0

    eps: tuple[float, ...] = (0.5, 1.0, 2.0)

    def nearest(self, batch: Batch) -> tuple[Tensor, Tensor]:
        images, found = batch.images.clone(), torch.zeros(len(batch), dtype=torch.bool)
        for share in torch.linspace(0.95, 0.0, 20):
            darker = share * batch.images
            with torch.no_grad():
                fooled = (batch.model(darker).argmax(dim=1) != batch.labels) & ~found
            images[fooled], found = darker[fooled], found | fooled
        return images, found


@pytest.fixture(scope="module")
def pair(digits_network: nn.Module) -> list[Run]:
    """A network and half of it, under FGSM, the two unknown attacks and the core's accuracy."""
    data = sr.load_data("digits")
    with torch.no_grad():
        dense = sr.sparsify(digits_network, "dense")
        sparse = sr.sparsify(digits_network, "magnitude", sparsity=0.5)
    evaluators = ["accuracy", "fgsm", Checkerboard(), Shrink()]
    reference = sr.evaluate(dense, data, evaluators, limit=120)
    return [reference, sr.evaluate(sparse, data, evaluators, limit=120, dense=reference)]


@pytest.fixture(scope="module")
def alone(digits_network: nn.Module) -> Run:
    return sr.evaluate(digits_network, sr.load_data("digits"), Checkerboard(), limit=120)


def shown(runs: list[Run], section: str) -> object:
    parts = {own.id: part for own, part in build(sr.analyse(runs)).parts if isinstance(own, Section)}
    return parts[section]


def test_its_record_says_what_it_is(pair: list[Run]) -> None:
    outcome = pair[0].outcomes["checkerboard"]
    assert outcome.title == "Checkerboard"
    assert outcome.attack is not None
    facts = outcome.attack.model_dump()
    assert facts == {
        "norm": "linf",
        "goal": "fixed-budget",
        "access": "black-box",
        "needs_gradient": False,
        "targeted": False,
        "headline": 0.2,
    }
    nearest = pair[0].outcomes["shrink"].attack
    assert nearest is not None
    assert (nearest.norm, nearest.goal, nearest.access) == ("l2", "minimum-distance", "white-box")


def test_it_is_the_headline_where_it_is_alone(alone: Run) -> None:
    found = sr.analyse([alone])
    assert found.lineup.robustness is not None
    assert (found.lineup.robustness.norm, found.lineup.robustness.eps) == ("linf", 0.2)
    assert found.lineup.robustness.worst.attacks == ("checkerboard",)
    page = build(found)
    assert page.table.primary == ("robust accuracy, %", "Checkerboard, ε = 0.2")
    assert found.primary.values[0].value == alone.outcomes["checkerboard"].score("robust_accuracy").value


def test_it_enters_the_worst_case_of_its_norm_image_by_image(pair: list[Run]) -> None:
    found = sr.analyse(pair)
    robust = found.lineup.robustness
    assert robust is not None
    assert set(robust.worst.attacks) == {"fgsm", "checkerboard"}
    for place, group in enumerate(found.lineup.groups):
        run = group.first
        stays = [
            run.outcomes[name].per_example["robust"][run.outcomes[name].axis.index(eps)]
            for name in ("fgsm", "checkerboard")
            for eps in run.outcomes[name].axis
            if eps <= robust.eps
        ]
        by_margin = run.outcomes["fgsm"].per_example["margin_robust"]
        stays += [by_margin[i] for i, eps in enumerate(run.outcomes["fgsm"].axis) if eps <= robust.eps]
        expected = torch.stack([torch.from_numpy(s) for s in stays]).all(dim=0).double().mean().item()
        assert found.primary.values[place].value == pytest.approx(expected, abs=1e-12)


def test_a_stronger_unknown_attack_lowers_the_headline(digits_network: nn.Module) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Erase(Checkerboard):
        """Nothing is left within eps: an attack that breaks every image."""

        name: ClassVar[str] = "erase"
        title: ClassVar[str] = "Erase"
        headline_eps: ClassVar[float] = 0.1

        eps: tuple[float, ...] = (0.05, 0.1)

        def within(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
            for eps in self.eps:
                step = torch.autograd.grad(
                    nn.functional.cross_entropy(
                        batch.model(images := batch.images.clone().requires_grad_()), batch.labels
                    ),
                    images,
                )[0]
                moved = batch.images
                for _ in range(20):
                    images = moved.clone().requires_grad_()
                    step = torch.autograd.grad(
                        nn.functional.cross_entropy(batch.model(images), batch.labels), images
                    )[0]
                    moved = (images + eps / 5 * step.sign()).detach()
                    moved = torch.minimum(torch.maximum(moved, batch.images - eps), batch.images + eps).clamp(
                        0, 1
                    )
                yield eps, moved

    data = sr.load_data("digits")
    with_it = sr.evaluate(digits_network, data, ["accuracy", "fgsm", Erase()], limit=120)
    fgsm = with_it.outcomes["fgsm"].score("robust_accuracy", at=0.1).value
    iterated = with_it.outcomes["erase"].score("robust_accuracy", at=0.1).value
    assert fgsm is not None
    assert iterated is not None
    assert iterated < fgsm
    headline = sr.analyse([with_it]).primary.values[0].value
    assert headline is not None
    assert headline <= iterated


def test_the_threat_model_names_it_with_its_norm(pair: list[Run]) -> None:
    threat = build(sr.analyse(pair)).threat[0]
    assert "White-box and black-box, untargeted attacks" in threat
    assert "Checkerboard" in threat
    assert "Shrink to black for the smallest ℓ₂ distance" in threat


def test_the_glossary_explains_it_from_its_own_facts(pair: list[Run]) -> None:
    words = dict(shown(pair, "glossary"))  # type: ignore[call-overload]
    assert "ℓ∞" in words["Checkerboard"]
    assert "black-box" in words["Checkerboard"]
    assert "this test" in words["Checkerboard"]
    assert "ℓ₂" in words["Shrink to black"]


def test_its_distances_are_those_of_the_table(pair: list[Run]) -> None:
    found = sr.analyse(pair)
    assert found.lineup.near is not None
    assert found.lineup.near.attacks == ("shrink",)
    assert build(found).table.distance == ("Shrink to black,", "median ℓ₂")
    assert [other.robust.norm for other in found.other_norms if other.robust] == ["l2"]


def test_the_page_shows_it_wherever_attacks_stand(pair: list[Run]) -> None:
    html = render(pair)
    for place in ('id="attacks"', 'id="glossary"', 'class="threat"'):
        start = html.index(place)
        assert "Checkerboard" in html[start : start + 20000]
