"""Every attack on models that cannot be attacked honestly, and on every shape: a clear outcome, no wrong number."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import FGSM, PGD, AutoAttack, CarliniWagner, GradientMasking, MinimumNorm, Square
from sparserobust.attacks.budget import distances
from sparserobust.records import AuditFacts, remark
from sparserobust.scoring.trial import TRIED

GRADIENT_ATTACKS = {
    "fgsm": FGSM(eps=(0.1,)),
    "fgsm foolbox": FGSM(eps=(0.1,), backend="foolbox"),
    "fgsm torchattacks": FGSM(eps=(0.1,), backend="torchattacks"),
    "carlini-wagner": CarliniWagner(steps=10, warm_start=10),
    "carlini-wagner foolbox": CarliniWagner(backend="foolbox", steps=20, binary_search_steps=2, stepsize=0.5),
    "carlini-wagner torchattacks": CarliniWagner(backend="torchattacks", steps=20, stepsize=0.5),
    "minimum-norm": MinimumNorm(steps=10),
    "minimum-norm foolbox": MinimumNorm(steps=10, backend="foolbox"),
    "minimum-norm-linf": MinimumNorm(norm="linf", steps=10),
    "pgd": PGD(eps=(0.1,), steps=5, restarts=2),
    "pgd-l2": PGD(norm="l2", eps=(0.5,), steps=5, restarts=2),
    "autoattack": AutoAttack(eps=(0.05,)),
    "gradient-masking": GradientMasking(eps=(0.1,), steps=5, queries=20),
}
ATTACKS = GRADIENT_ATTACKS | {
    "square": Square(eps=(0.1,), queries=20),
    "square-l2": Square(norm="l2", eps=(0.5,), queries=20),
}


class Body(nn.Module):
    """A small network, and what is done to its logits."""

    def __init__(self, after=lambda logits: logits, before=lambda images: images, pixels=64, classes=5):
        super().__init__()
        self.after, self.before = after, before
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, classes)
        )
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)

    def forward(self, images):
        return self.after(self.layers(self.before(images)))


def images_of(shape=(1, 8, 8), n=12):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)).round(decimals=1)


def outcome_of(attack, model, images):
    labels = model.eval()(images).argmax(dim=1)
    return attack(model, (images, labels))


def no_number(outcome, text):
    assert outcome.status in ("failed", "skipped"), outcome.verdict
    assert outcome.scores == ()
    assert text in outcome.reason.facts["message"]
    assert outcome.reason.code == ("not-auditable" if outcome.status == "skipped" else "raised")
    if outcome.status == "skipped":
        assert outcome.audit == AuditFacts(state="not-auditable", attack="FGSM", norm="linf")


@pytest.mark.parametrize("name", GRADIENT_ATTACKS)
def test_a_model_that_is_not_differentiable_gets_no_number(name):
    model = Body(after=lambda logits: logits.detach())
    no_number(outcome_of(GRADIENT_ATTACKS[name], model, images_of()), "not differentiable")


@pytest.mark.parametrize("name", [n for n in GRADIENT_ATTACKS if n not in ("autoattack", "gradient-masking")])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_model_that_rounds_gets_no_number_from_attacks_that_follow_gradients(name, where):
    """There is a gradient, and it is 0 everywhere: nothing was found, which is no robustness."""
    model = Body(**{where: lambda x: (8 * x).round() / 8})
    no_number(outcome_of(GRADIENT_ATTACKS[name], model, images_of()), "no gradient reaches any image")


def test_images_without_a_gradient_among_others_are_told():
    model = Body(before=lambda x: torch.where(x.mean(dim=(1, 2, 3), keepdim=True) < 0.5, x.detach(), x))
    outcome = outcome_of(PGD(eps=(0.1,), steps=5), model, images_of())
    flat = int((images_of().mean(dim=(1, 2, 3)) < 0.5).sum())
    assert 0 < flat < 12
    assert outcome.status == "ok"
    assert outcome.score("robust_accuracy").warnings == (remark("no-gradient", images=flat, of=12),)


def but_seldom(name, *values):
    """AutoAttack takes seconds where others take a fraction of one: its cases are slow tests. In the others it
    stands for models that are refused, and test_attack_autoattack has its laws."""
    return pytest.param(name, *values, marks=[pytest.mark.slow] * (name == "autoattack"))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [but_seldom(name, dtype) for name in ATTACKS for dtype in (torch.float16, torch.bfloat16, torch.float64)],
)
def test_logits_in_another_precision_than_the_images_are_no_obstacle(name, dtype):
    outcome = outcome_of(ATTACKS[name], Body(after=lambda logits: logits.to(dtype)), images_of())
    assert outcome.status == "ok", outcome.reason


def test_a_network_that_double_does_not_reach_is_audited_without_that_repair():
    body = Body()

    body.eval()

    class Closed(nn.Module):
        def forward(self, images):
            return body(images)

    outcome = outcome_of(GRADIENT_ATTACKS["gradient-masking"], Closed(), images_of())
    assert outcome.status == "ok", outcome.reason
    probes = outcome.tables["probes"]
    assert probes.rows[10] == ("G10", "not-run", None, 0.01, 0.1, None, "no-float64")


@pytest.mark.parametrize("name", ["square", "square-l2"])
def test_an_attack_without_gradients_also_runs_where_there_are_none(name):
    outcome = outcome_of(ATTACKS[name], Body(after=lambda logits: logits.detach()), images_of())
    assert outcome.status == "ok"
    assert "backward" not in outcome.passes


@pytest.mark.parametrize("name", ATTACKS)
def test_probabilities_get_no_number(name):
    no_number(
        outcome_of(ATTACKS[name], Body(after=lambda z: (9 * z).softmax(dim=1)), images_of()), "probabilities"
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_that_is_random_in_evaluation_mode_gets_no_number(name):
    model = Body(before=lambda images: images + 0.05 * torch.randn_like(images))
    no_number(outcome_of(ATTACKS[name], model, images_of()), "two passes over the same images differ")


@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_that_mixes_the_images_of_a_batch_gets_no_number(name):
    model = Body(after=lambda logits: logits - 3 * logits.mean(dim=0, keepdim=True))
    no_number(outcome_of(ATTACKS[name], model, images_of()), "mixes the images of a batch")


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_get_no_number(name, value):
    """On every image, and only on images that are not the clean ones."""
    images = images_of()
    everywhere = Body(after=lambda logits: torch.cat([logits[:, :-1], logits[:, -1:] * 0 + value], dim=1))
    no_number(outcome_of(ATTACKS[name], everywhere, images), "NaN or infinite")

    grid = images.unique()

    def off_the_grid(x):
        wrong = ~torch.isin(x.detach(), grid).flatten(1).all(dim=1)
        return x * torch.where(wrong, value, 1.0).view(-1, 1, 1, 1)

    no_number(outcome_of(ATTACKS[name], Body(before=off_the_grid), images), "NaN or infinite")


@pytest.mark.parametrize("name", [name for name in GRADIENT_ATTACKS if name != "autoattack"])
def test_gradients_that_are_not_finite_get_no_number(name):
    """The logits are fine; sqrt at 0 has an infinite slope, and 0 times that is NaN."""
    model = Body(before=lambda images: images + 0 * (images * 0).sqrt())
    outcome = outcome_of(GRADIENT_ATTACKS[name], model, images_of())
    no_number(outcome, "NaN or infinite")


@pytest.mark.parametrize("name", [but_seldom(name) for name in ATTACKS])
def test_the_model_is_left_as_it_was_by_every_backend(name):
    """BatchNorm of one layer frozen, gradients there, the global random states: foolbox and torchattacks touch them."""
    model = Body()
    images = images_of()
    model.train()
    model.layers[3].eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model.layers[1].weight.requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state(), np.random.get_state(legacy=False)
    labels = torch.arange(12) % 5
    assert ATTACKS[name](model, (images, labels)).status == "ok"
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(bool((p.grad == 1).all()) for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()].count(False) == 1
    assert torch.equal(state[0], torch.get_rng_state())
    assert str(state[1]) == str(np.random.get_state(legacy=False))


@functools.cache
def shown(shape):
    """A network on images of this shape that remembers every image it was shown, and clean images."""
    model = Body(pixels=int(np.prod(shape)))
    return model, images_of(shape)


class Spy(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body, self.seen = body, []

    def forward(self, images):
        self.seen.append(images.detach().clone())
        return self.body(images)


SPIED = [name for name in ATTACKS if name != "gradient-masking"]


@pytest.mark.parametrize(
    ("attack", "shape"),
    [but_seldom(name, shape) for name in SPIED for shape in ((1, 8, 8), (3, 5, 7), (1, 1, 16))],
)
def test_what_is_counted_lies_in_the_box_and_in_the_budget(shape, attack):
    """The images whose decision is counted are the last ones the model is shown at each budget."""
    model, images = shown(shape)
    spy = Spy(model)
    evaluator = ATTACKS[attack]
    outcome = outcome_of(evaluator, spy, images)
    assert outcome.status == "ok", outcome.reason
    final = spy.seen[-1]
    assert final.min() >= 0
    assert final.max() <= 1
    if evaluator.goal == "fixed-budget" and len(final) == len(images):
        assert float(distances(images, final, evaluator.norm).max()) <= evaluator.budgets[-1] + 1e-6


def test_a_cached_attack_costs_nothing_and_says_so(tmp_path):
    """The record is the same to the byte but for what says that it came from the cache; a changed weight misses."""
    model, images = shown((1, 8, 8))
    data = (images, model.eval()(images).argmax(dim=1))
    attacks = [FGSM(eps=(0.1,)), CarliniWagner(steps=10, warm_start=10), Square(eps=(0.1,), queries=20)]
    spy = Spy(model)

    def run(module=spy, **settings):
        spy.seen.clear()
        return sr.evaluate(module, data, attacks, cache=tmp_path, batch_size=6, **settings).outcomes

    first = run()
    assert [outcome.cached for outcome in first.values()] == [0, 0, 0]
    second = run()
    assert [outcome.cached for outcome in second.values()] == [12, 12, 12]
    assert sum(len(seen) for seen in spy.seen) == 1 + 2 * TRIED + 12  # the trial and the shared pass alone
    for name, outcome in first.items():
        assert second[name].seconds == pytest.approx(outcome.seconds, abs=0.05)
        assert outcome.model_copy(update={"cached": 12, "seconds": 0}) == second[name].model_copy(
            update={"seconds": 0}
        )
    with torch.no_grad():
        model.layers[1].bias[0] += 1e-3
    assert [outcome.cached for outcome in run().values()] == [0, 0, 0]
    assert run(Spy(Body(after=lambda z: 2 * z)))["fgsm"].cached == 0
    for file in tmp_path.rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:40])  # damaged: measured again
    again = run()
    assert [outcome.cached for outcome in again.values()] == [0, 0, 0]
    assert again["square"].per_example.keys() == first["square"].per_example.keys()


def test_the_same_code_with_another_setting_misses_the_cache(tmp_path):
    model, images = shown((1, 8, 8))
    data = (images, model.eval()(images).argmax(dim=1))

    def cached(attack, **settings):
        return sr.evaluate(model, data, [attack], cache=tmp_path, **settings).outcomes[attack.label].cached

    assert cached(PGD(eps=(0.1,), steps=5)) == 0
    assert cached(PGD(eps=(0.1,), steps=5)) == 12
    assert cached(PGD(eps=(0.1,), steps=6)) == 0
    assert cached(PGD(eps=(0.1, 0.2), steps=5)) == 0
    assert cached(PGD(eps=(0.1,), steps=5), seed=1) == 0
    assert cached(PGD(eps=(0.1,), steps=5, norm="l2")) == 0
