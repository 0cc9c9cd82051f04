"""What an outcome says of the evaluator behind it: stated by the evaluator, filled in by the library."""

import numpy as np
import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import FGSM, PGD, Accuracy, AutoAttack, MinimumNorm, Square
from sparserobust.errors import ModelError
from sparserobust.records import AttackFacts, AuditFacts, Outcome, Remark, ScoreSpec, raised, remark, said
from sparserobust.registry import evaluators as registry
from sparserobust.scoring import AttackEvaluator, Evaluator, Measurement, Skip
from sparserobust.scoring.attack_scores import BUDGET_SCORES, distance_scores

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


class OfTheirs(Evaluator):
    name = "their-own-one"
    source = "tests"
    scores = (ScoreSpec(name="beauty", unit="fraction", headline=True),)

    def __init__(self, *, result=lambda: Outcome(evaluator="their-own-one", status="ok")):
        self.result = result

    def begin(self, context):
        return Nothing(self, self.result)


class TheirAttack(AttackEvaluator):
    """All that an attack of a third party defines."""

    name = "their-attack"
    source = "tests"
    scores = BUDGET_SCORES
    norm = "l2"
    eps = (0.25, 0.5)
    headline_eps = 0.4

    def perturb(self, batch):
        return ((eps, batch.images) for eps in self.eps)

    def warn(self, classes):
        return (f"{classes} classes",)


class TheirSearch(TheirAttack):
    name = "their-search"
    scores = distance_scores("l2")
    minimum_norm = True
    access = "black-box"
    needs_gradient = False
    targeted = True

    def perturb(self, batch):
        return batch.images, torch.zeros(len(batch), dtype=torch.bool)


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
    again = FGSM(backend="foolbox")
    again.name = "fgsm-foolbox"
    assert again.stated()["title"] == "fgsm foolbox"


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


def test_an_attack_that_cannot_state_its_norm_fails_by_name_and_the_others_go_on():
    class Normless(TheirAttack):
        name = "normless"
        norm = "l7"

        def begin(self, context):
            return Nothing(self, lambda: Outcome(evaluator="normless", status="ok"))

    run = sr.evaluate(model(), examples(), [Normless(), Accuracy()])
    assert run.outcomes["normless"].status == "failed"
    assert "l7" in run.outcomes["normless"].reason.facts["message"]
    assert run.outcomes["accuracy"].status == "ok"


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
