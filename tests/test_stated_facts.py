"""What an outcome says of the evaluator behind it: stated by the evaluator, filled in by the library."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import FGSM, PGD, Accuracy, AutoAttack, MinimumNorm, Square
from sparserobust.errors import ModelError, PluginError
from sparserobust.records import AttackFacts, AuditFacts, Outcome, Remark, ScoreSpec, raised, remark, said
from sparserobust.registry import evaluators as registry
from sparserobust.scoring import Evaluator, FixedBudgetAttack, Measurement, MinimumNormAttack, Skip
from sparserobust.scoring.attack.specs import BUDGET_SCORES, distance_scores

TITLES = {
    "accuracy": "accuracy",
    "autoattack": "AutoAttack",
    "carlini-wagner": "Carlini–Wagner",
    "connectivity": "connectivity",
    "fgsm": "FGSM",
    "flops": "FLOPs",
    "gradient-masking": "gradient masking",
    "gradient-norm": "gradient norm",
    "minimum-norm": "minimum norm",
    "pgd": "PGD",
    "saliency": "saliency",
    "square": "Square",
    "storage": "storage",
    "transfer": "transfer",
}


def examples(n=8):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 4, 4, generator=generator), torch.arange(n) % 3


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


class Nothing(Measurement):
    def __init__(self, evaluator, result):
        self.evaluator, self.result = evaluator, result

    def finish(self):
        return self.result()


def nothing_to_say():
    return Outcome(evaluator="their-own-one", status="ok")


@dataclass(frozen=True, kw_only=True)
class OfTheirs(Evaluator):
    name: ClassVar = "their-own-one"
    source: ClassVar = "tests"
    scores: ClassVar = (ScoreSpec(name="beauty", unit="fraction", headline=True),)

    result: Callable[[], Outcome] = nothing_to_say

    def begin(self, context):
        return Nothing(self, self.result)


@dataclass(frozen=True, kw_only=True)
class TheirAttack(FixedBudgetAttack):
    """All that an attack of a third party defines, and a setting."""

    name: ClassVar = "their-attack"
    source: ClassVar = "tests"
    norm: ClassVar = "l2"

    eps: tuple[float, ...] = (0.25, 0.5)

    def within(self, batch):
        return ((eps, batch.images) for eps in self.eps)

    def warn(self, classes):
        return (f"{classes} classes",)


class TheirSearch(MinimumNormAttack):
    name = "their-search"
    source = "tests"
    norm = "l2"
    access = "black-box"
    needs_gradient = False
    targeted = True

    def nearest(self, batch):
        return batch.images, torch.zeros(len(batch), dtype=torch.bool)

    def warn(self, classes):
        return (f"{classes} classes",)


def test_every_evaluator_of_ours_has_the_title_that_its_paper_gives_it():
    assert {name: registry.load(name).title for name in TITLES} == TITLES


def test_where_a_class_gives_no_title_it_is_the_name_without_hyphens():
    assert OfTheirs.title == "their own one"
    assert OfTheirs()(model(), examples()).title == "their own one"


def test_the_norm_is_no_part_of_the_title_and_a_renamed_instance_is_called_by_its_name():
    assert [PGD(norm="l2").stated()["title"], MinimumNorm(norm="linf").stated()["title"]] == [
        "PGD",
        "minimum norm",
    ]
    again = FGSM(backend="foolbox").labelled("fgsm-foolbox")
    assert again.stated()["title"] == "fgsm foolbox"
    assert again.label == "fgsm-foolbox"


def test_an_attack_of_a_third_party_states_its_facts_without_a_line_about_them():
    outcome = TheirAttack()(model(), examples())
    expected = {"norm": "l2", "goal": "fixed-budget", "access": "white-box", "needs_gradient": True}
    assert outcome.attack == AttackFacts(**expected, targeted=False, headline=0.5)
    assert (outcome.title, outcome.measures, outcome.status) == ("their attack", BUDGET_SCORES, "ok")
    search = TheirSearch()(model(), examples())
    expected = {"norm": "l2", "goal": "minimum-distance", "access": "black-box", "needs_gradient": False}
    assert search.attack == AttackFacts(**expected, targeted=True, headline=0.5)
    assert search.measures == distance_scores("l2")


def test_square_is_a_black_box_and_neither_it_nor_autoattack_needs_a_gradient():
    facts = {attack.title: attack().attack_facts() for attack in (Square, AutoAttack, PGD)}
    access = {title: (fact.access, fact.needs_gradient) for title, fact in facts.items()}
    assert access == {
        "Square": ("black-box", False),
        "AutoAttack": ("white-box", False),
        "PGD": ("white-box", True),
    }
    assert Accuracy().attack_facts() is None


def test_warnings_of_an_attack_stand_at_what_it_reached():
    fixed, search = (attack()(model(), examples()) for attack in (TheirAttack, TheirSearch))
    for outcome in (fixed, search):
        warned = {score.name for score in outcome.scores if score.warnings == (said("3 classes"),)}
        unwarned = {score.name for score in outcome.scores if not score.warnings}
        assert warned == ({"robust_accuracy"} if outcome is fixed else {"robust_accuracy", "median_l2"})
        assert not warned & unwarned


@pytest.mark.parametrize("how", ["ok", "skipped", "failed"])
def test_title_measures_and_attack_stand_in_every_outcome_whatever_the_plugin_wrote_there(how):
    def result():
        if how == "skipped":
            raise Skip("not today")
        if how == "failed":
            raise ModelError("broken")
        lies = {
            "title": "mine",
            "attack": AttackFacts(norm="l0", goal="fixed-budget", access=None, needs_gradient=None),
        }
        return Outcome(evaluator="their-own-one", status="ok", **lies)

    outcome = OfTheirs(result=result)(model(), examples())
    assert (outcome.status, outcome.title, outcome.attack) == (how, "their own one", None)
    assert outcome.measures == OfTheirs.scores
    reasons = {"ok": None, "skipped": said("not today"), "failed": raised(ModelError("broken"))}
    assert outcome.reason == reasons[how]


def test_a_skip_may_carry_a_remark_and_further_parts_of_the_outcome():
    audit = AuditFacts(state="not-auditable", attack="FGSM", norm="linf")

    def result():
        raise Skip(remark("needs-colour", channels=3), audit=audit)

    outcome = OfTheirs(result=result)(model(), examples())
    assert (outcome.status, outcome.reason) == ("skipped", remark("needs-colour", channels=3))
    assert outcome.audit == audit


def test_a_skip_with_parts_that_no_outcome_has_is_a_failure_that_names_them():
    def result():
        raise Skip("not today", colour="red")

    outcome = OfTheirs(result=result)(model(), examples())
    assert outcome.status == "failed"
    assert "colour" in outcome.reason.facts["message"]


def test_an_attack_that_cannot_state_its_facts_fails_by_name_and_the_others_go_on():
    class Goalless(TheirAttack):
        name = "goalless"
        goal = "beauty"

    run = sr.evaluate(model(), examples(), [Goalless(), Accuracy()])
    assert run.outcomes["goalless"].status == "failed"
    assert "beauty" in run.outcomes["goalless"].reason.facts["message"]
    assert run.outcomes["accuracy"].status == "ok"


@pytest.mark.parametrize(
    ("norm", "text"),
    [
        ("l7", "norm of normless must be one of linf, l2, got 'l7'"),
        (None, 'Normless must state its norm: norm: ClassVar = "linf" or "l2"'),
    ],
)
def test_an_attack_of_no_norm_that_is_known_cannot_be_made(norm, text):
    class Normless(FixedBudgetAttack):
        name = "normless"

        def within(self, batch):
            return ()

    if norm is not None:
        Normless.norm = norm
    with pytest.raises(PluginError) as refused:
        Normless()
    assert str(refused.value) == text


def test_an_interval_of_fractions_ends_where_fractions_do():
    score = OfTheirs().score("beauty", 0.99, n=5, ci_low=0.9, ci_high=1.2)
    assert (score.value, score.ci_low, score.ci_high) == (0.99, 0.9, 1.0)


def test_no_outcome_of_ours_holds_a_sentence():
    """On a network that nothing was recorded of: many reasons, all of them codes of their own."""
    digits = sr.load_data("digits")
    names = [name for name in TITLES if name not in ("autoattack", "gradient-masking")]
    run = sr.evaluate(sr.create_model("conv2", digits), digits, names, limit=20)
    remarks = [part for outcome in run.outcomes.values() for part in (outcome.reason, outcome.verdict)]
    remarks += [score.reason for outcome in run.outcomes.values() for score in outcome.scores]
    remarks += [warning for outcome in run.outcomes.values() for warning in outcome.warnings]
    told = [part for part in remarks if part is not None]
    assert len(told) > 5
    assert all(isinstance(part, Remark) and part.code != "said" for part in told)
    assert {name: outcome.title for name, outcome in run.outcomes.items()} == {n: TITLES[n] for n in names}
    assert not np.array([o.status == "failed" for o in run.outcomes.values()]).any(), told
