"""The audit: what must be caught and what must pass, on three seeds; and the arithmetic of its gaps."""

import functools

import numpy as np
import pytest
import torch

import sparserobust as sr
from evaluators import FGSM, PGD, CarliniWagner, GradientMasking, MinimumNorm
from sparserobust.audit import audit
from sparserobust.errors import ConfigError
from sparserobust.records import AuditFacts, remark

from .masked import must_be_caught, network

MODELS = ("lenet-300-100", pytest.param("conv2", marks=pytest.mark.slow))
QUICK = {"eps": (0.05, 0.1, 0.2), "steps": 20, "queries": 150}
EPS = {"lenet-300-100": (0.2,), "conv2": QUICK["eps"]}
PROVEN = ("logits x 30", "logits x 1e-6", "quantised input", "detached offset", "k winners")


@functools.cache
def plain(seed, model):
    return network(seed, model=model)


@functools.cache
def masked(seed, model):
    return must_be_caught(seed, plain(seed, model))


@functools.cache
def examples(n=128):
    return sr.load_data("digits").test.slice(torch.arange(n))


@functools.cache
def audited(seed, model, name="plain"):
    """The audit of a network, made once for all tests."""
    found = plain(seed, model) if name == "plain" else masked(seed, model)[name]
    return GradientMasking(**QUICK | {"eps": EPS[model]})(found, examples())


@pytest.mark.parametrize(
    ("seed", "model"),
    [(0, "lenet-300-100"), *(pytest.param(seed, "conv2", marks=pytest.mark.slow) for seed in (0, 1, 2))],
)
def test_every_masked_network_is_caught(seed, model):
    """Detection: all six on every seed; five of them as a proven artefact."""
    verdicts = {name: audited(seed, model, name).audit.state for name in masked(seed, model)}
    expected = dict.fromkeys(PROVEN, "artefact-proven") | {"log-softmax head": "upper-bound"}
    assert verdicts == expected


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_a_plain_network_is_not_suspected(seed):
    outcome = audited(seed, "conv2")
    assert outcome.audit.state == "supported", (outcome.verdict, outcome.tables["probes"].rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_pruned_network_is_suspected(seed):
    outcome = GradientMasking(**QUICK)(network(seed, sparsity=0.95), examples())
    assert outcome.audit.state == "supported", (outcome.verdict, outcome.tables["probes"].rows)


@pytest.mark.slow
def test_of_three_pgd_trained_networks_none_is_called_an_artefact_and_two_are_supported():
    """False alarms: an upper bound only, for one of the three at most, and never an artefact.

    Which network a seed comes to depends on the CPU's arithmetic. At three times the budget that it was trained for, a
    repair gained 5.5 points on one of them (seed 1 on one CPU; at most 3.1 on another), where 4 are let pass.
    """
    outcomes = [
        GradientMasking(**QUICK)(network(seed, recipe="digits-pgd", epochs=12), examples())
        for seed in (0, 1, 2)
    ]
    states = [outcome.audit.state for outcome in outcomes]
    assert set(states) <= {"supported", "upper-bound"}, [outcome.verdict for outcome in outcomes]
    assert states.count("supported") >= 2, [outcome.verdict for outcome in outcomes]


@pytest.mark.parametrize("kind", MODELS)
def test_logits_times_30_fool_fgsm_and_the_audit_but_no_attack_of_ours(kind):
    """The same decisions: distances and PGD within 1 %, FGSM's number an artefact with its size named."""
    model, scaled = plain(0, kind), masked(0, kind)["logits x 30"]
    for attack in (CarliniWagner(), MinimumNorm(), MinimumNorm(norm="linf")):
        one, other = (attack(m, examples()).per_example["distance"] for m in (model, scaled))
        np.testing.assert_allclose(other, one, rtol=0.01)
    for norm in ("linf", "l2"):
        one, other = (PGD(norm=norm)(m, examples()).per_example["robust"] for m in (model, scaled))
        assert (one != other).mean() <= 0.01
    weak = [
        FGSM(eps=[0.2])(m, examples()).score("attack_success_rate", at=0.2).value for m in (model, scaled)
    ]
    assert weak[0] > 0.8
    assert weak[1] < 0.1
    outcome = audited(0, kind, "logits x 30")
    assert outcome.audit == AuditFacts(state="artefact-proven", attack="FGSM", norm="linf")
    verdict = outcome.verdict
    assert (verdict.code, verdict.facts["eps"], verdict.facts["how"]) == ("audit-gain", 0.2, "repairs")
    assert verdict.facts["gap"] == pytest.approx(verdict.facts["reported"] - verdict.facts["left"])
    assert verdict.facts["gap"] > 0.5
    true = audited(0, kind)
    for eps in EPS[kind]:
        repaired = outcome.score("repaired_robust_accuracy", at=eps).value
        assert repaired == pytest.approx(true.score("repaired_robust_accuracy", at=eps).value, abs=0.01)
        gap = outcome.score("masking_gap", at=eps).value
        assert gap == pytest.approx(outcome.score("reported_robust_accuracy", at=eps).value - repaired)


@pytest.mark.parametrize("kind", MODELS)
def test_a_gradient_that_is_not_the_functions_is_seen_by_differences(kind):
    probes = audited(0, kind, "detached offset").tables["probes"]
    error = dict(zip(probes.column("probe"), probes.column("value"), strict=True))["G10"]
    sound = audited(0, kind).tables["probes"]
    assert error > 0.1
    assert dict(zip(sound.column("probe"), sound.column("value"), strict=True))["G10"] < 1e-4


def by_hand(changes=None):
    """Ten examples, eight right, one eps; nothing wrong unless changed."""
    correct = np.array([True] * 8 + [False] * 2)
    names = (
        *("reported", "repaired by margin", "repaired by float64", "pgd margin", "pgd cross-entropy"),
        *("pgd, twice the steps", "ddn", "square", "noise"),
    )
    arrays = {name: np.zeros((1, 10), dtype=bool) for name in names}
    facts = dict.fromkeys(("zero_gradient", "log_probabilities", "softmax_unusable", "survives_everything"))
    arrays |= {name: np.zeros(10, dtype=bool) for name in facts}
    arrays |= {"gradient_error": np.zeros(10), "correct": correct}
    for name, broken in (changes or {}).items():
        arrays[name][0, list(broken)] = True
    return arrays


def scores_of(arrays):
    found = audit(arrays, [0.1], "FGSM", dense=False)
    return {name: value for name, value, _ in found.scores}, found


def test_the_gaps_are_those_counted_by_hand():
    """Reported breaks 1, the margin 3, float64 2, PGD two more than those, Square one that nobody else breaks."""
    arrays = by_hand(
        {
            "reported": [0],
            "repaired by margin": [0, 1, 2],
            "repaired by float64": [0, 3],
            "pgd margin": [0, 1, 4],
            "square": [5],
        }
    )
    scores, found = scores_of(arrays)
    assert scores["reported_robust_accuracy"] == pytest.approx(0.7)
    assert scores["repaired_robust_accuracy"] == pytest.approx(0.5)  # the best single repair, not the union
    assert scores["gradient_robust_accuracy"] == pytest.approx(0.3)  # 0 1 2 3 4 are broken by somebody
    assert scores["audited_robust_accuracy"] == pytest.approx(0.2)
    assert scores["masking_gap"] == pytest.approx(0.2)
    assert scores["attack_slack"] == pytest.approx(0.2)
    assert scores["residual_gap"] == pytest.approx(0.1)
    assert scores["artefact_share"] == pytest.approx(0.3 / 0.7)
    assert found.audited[0].tolist() == [False] * 6 + [True] * 2 + [False] * 2


def test_an_attack_that_is_merely_weak_is_not_called_masked():
    """PGD breaks all that FGSM does not: slack, no artefact."""
    everything = range(8)
    arrays = by_hand({"reported": [0], "repaired by margin": [0], "pgd margin": everything})
    arrays["pgd cross-entropy"] = arrays["pgd margin"]
    scores, found = scores_of(arrays)
    assert scores["attack_slack"] == pytest.approx(0.7)
    assert (found.state, found.verdict.code) == ("supported", "audit-no-gain")
    assert (found.verdict.facts["attack"], found.verdict.facts["gain"]) == ("FGSM", 0.0)


def test_without_a_dense_model_transfer_is_not_run_and_says_so():
    _, found = scores_of(by_hand())
    row = next(row for row in found.probes.rows if row[0] == "G9")
    assert row == ("G9", "not-run", None, 0.0, 0.005, None, "no-dense-model")


@pytest.mark.parametrize("kind", MODELS)
def test_images_of_a_dense_model_that_break_the_model_alone_prove_masking(kind):
    """A model without any gradient: its own attacks fail, those made on the dense model do not."""

    class Flat(torch.nn.Module):
        def __init__(self, body):
            super().__init__()
            self.body = body

        def forward(self, images):
            return self.body((images * 255).round() / 255)

    outcome = GradientMasking(eps=(0.2,), steps=20, queries=1)(
        Flat(plain(0, kind)), examples(), dense_model=plain(1, kind)
    )
    states = {row[0]: row[1] for row in outcome.tables["probes"].rows}
    assert states["G9"] == "fail"
    assert outcome.audit.state == "artefact-proven"


def test_a_model_that_gets_nothing_right_is_not_auditable():
    images, _ = examples(20)
    model = plain(0, "lenet-300-100")
    wrong = (model(images).argmax(dim=1) + 1) % 10
    outcome = GradientMasking(**QUICK)(model, (images, wrong))
    assert (outcome.status, outcome.audit.state) == ("ok", "not-auditable")
    assert outcome.verdict == remark("nothing-correct")
    assert outcome.score("audited_robust_accuracy").value is None


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="attack of gradient-masking must be one of fgsm, pgd, got 'cw'"):
        GradientMasking(attack="cw")
    with pytest.raises(
        ConfigError, match="queries of gradient-masking must be a whole number, at least 1, got 0"
    ):
        GradientMasking(queries=0)


def test_a_batch_that_the_model_gets_all_wrong_is_no_gap_in_the_audit():
    """In batches of one, the second of three images wrong: as in one batch of all three."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    images = torch.rand(3, 1, 4, 4)
    labels = model(images).argmax(dim=1)
    labels[1] = (labels[1] + 1) % 3
    audit_of = GradientMasking(eps=(0.1,), steps=3, queries=10)
    one_by_one, together = (audit_of(model, (images, labels), batch_size=size) for size in (1, 3))
    assert one_by_one.status == "ok", one_by_one.reason
    assert one_by_one.scores == together.scores
    assert one_by_one.per_example["correct"].tolist() == [True, False, True]
