"""What evaluators of version 1 were, and what they said, as facts."""

from __future__ import annotations

from sparserobust.records import DIFFERENCE, AttackFacts, Run, remark, said
from sparserobust.records.migrations import migrated

from .factory import kept, old

ATTACKS = {
    "fgsm": ("FGSM", "linf", "fixed-budget", "white-box", True, 0.1),
    "pgd": ("PGD", "linf", "fixed-budget", "white-box", True, 0.1),
    "pgd-l2": ("PGD", "l2", "fixed-budget", "white-box", True, 0.5),
    "autoattack": ("AutoAttack", "linf", "fixed-budget", "white-box", False, 0.1),
    "autoattack-l2": ("AutoAttack", "l2", "fixed-budget", "white-box", False, 0.5),
    "square": ("Square", "linf", "fixed-budget", "black-box", False, 0.1),
    "square-l2": ("Square", "l2", "fixed-budget", "black-box", False, 0.5),
    "carlini-wagner": ("Carlini–Wagner", "l2", "minimum-distance", "white-box", True, 0.5),
    "minimum-norm": ("minimum norm", "l2", "minimum-distance", "white-box", True, 0.5),
    "minimum-norm-linf": ("minimum norm", "linf", "minimum-distance", "white-box", True, 0.1),
}


def test_the_attacks_of_version_1_are_known():
    outcomes = old("everything").outcomes
    assert {name for name, outcome in outcomes.items() if outcome.attack} == ATTACKS.keys()
    for name, (title, norm, goal, access, needs, headline) in ATTACKS.items():
        assert outcomes[name].title == title
        assert outcomes[name].attack == AttackFacts(
            norm=norm, goal=goal, access=access, needs_gradient=needs, headline=headline
        )
        assert outcomes[name].score("robust_accuracy").at == headline
    assert len(outcomes) == 18


def test_an_attack_on_a_network_that_was_not_made_is_one_too():
    fgsm = old("not-made").outcomes["fgsm"]
    assert fgsm.attack == AttackFacts(
        norm="linf", goal="fixed-budget", access="white-box", needs_gradient=True
    )
    assert [spec.name for spec in fgsm.measures][:2] == ["robust_accuracy", "attack_success_rate"]
    assert fgsm.reason == remark("not-made", error="MemoryError", message="no room for 300 x 64 floats")


def test_an_attack_of_somebody_else_is_known_by_its_scores():
    outcomes = old("third-party").outcomes
    noise, blend = outcomes["uniform-noise"], outcomes["blend"]
    unknown = {"access": None, "needs_gradient": None}
    assert noise.title == "uniform noise"
    assert noise.attack == AttackFacts(norm="linf", goal="fixed-budget", headline=0.2, **unknown)
    assert blend.attack == AttackFacts(norm="l2", goal="minimum-distance", headline=1.0, **unknown)
    assert [(spec.name, spec.axis, spec.headline) for spec in noise.measures] == [
        ("robust_accuracy", "eps", True),
        ("attack_success_rate", "eps", False),
    ]
    assert blend.measures[1].axis == "l2 distance"
    raw = kept("v1/third-party")
    del raw["outcomes"]["uniform-noise"]["settings"]["norm"]
    unsaid = Run.model_validate(migrated(raw)).outcomes["uniform-noise"].attack
    assert unsaid == AttackFacts(norm=None, goal="fixed-budget", headline=0.2, **unknown)


def test_numbers_of_somebody_else_fit_their_units():
    own = old("third-party").outcomes["own-numbers"]
    assert own.attack is None
    assert own.score("temperature_gap").unit == DIFFERENCE
    assert own.score("loss").unit == ""  # called a fraction, and 2.5
    assert own.score("share").ci_low == 0  # was -0.04
    assert own.verdict == said("mostly harmless")
    assert own.score("share").warnings == own.warnings == (said("measured in the dark"),)


def test_what_failed_or_was_skipped_has_its_reason():
    outcomes = old("third-party").outcomes
    assert outcomes["raising"].reason == remark(
        "raised", error="RuntimeError", message="the stars are not right"
    )
    assert outcomes["choosy"].reason == said("only on Tuesdays")
    refused = old("probabilities").outcomes
    assert refused["fgsm"].reason.code == "raised"
    assert refused["fgsm"].reason.facts["error"] == "ModelError"
    assert refused["connectivity"].reason.facts["error"] == "UnsupportedOperation"


def test_a_method_that_could_not_choose_names_the_layers():
    run = old("cannot-choose")
    why = run.subject.not_made
    assert why.code == "cannot-choose"
    assert why.facts["weights"] == 25100
    assert why.facts["layers"] == ["body.5.weight"]
    assert {outcome.reason for outcome in run.outcomes.values()} == {why}
    assert {outcome.status for outcome in run.outcomes.values()} == {"skipped"}


def test_warnings_stand_at_the_scores_that_they_concern():
    outcomes = old("warnings").outcomes
    found = {
        (name, score.name, score.at): [warning.code for warning in score.warnings]
        for name, outcome in outcomes.items()
        for score in outcome.scores
        if score.warnings
    }
    assert found == {
        ("connectivity", "connected", "forward"): ["constant-logits"],
        ("connectivity", "effective_sparsity", "forward"): ["idle-layers"],
        ("connectivity", "effective_sparsity", "trainable"): ["idle-layers"],
        ("carlini-wagner", "median_l2", None): ["early-stop"],
        ("autoattack", "robust_accuracy", 0.1): ["part-left-out"],
    }
    fgsm = old("masked").outcomes["fgsm"]
    blind = (remark("no-gradient", images=38, of=40),)
    assert [score.warnings for score in fgsm.curve("robust_accuracy")] == [blind, blind]


def test_warnings_without_a_score_stand_behind_the_reason():
    raw = kept("v1/third-party")
    raw["outcomes"]["choosy"]["warnings"] = ["a", "b"]
    reason = Run.model_validate(migrated(raw)).outcomes["choosy"].reason
    assert reason == remark("said", text="only on Tuesdays", warnings=["a", "b"])
