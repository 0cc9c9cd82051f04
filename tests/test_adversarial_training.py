"""Adversarial training: the worst images are found, the losses are the papers', and nothing else changes."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import sparserobust as sr
from sparserobust.data import batches
from sparserobust.errors import ConfigError, ModelError
from sparserobust.seeds import generator
from sparserobust.training import PGDTraining, Recipe, TRADESTraining, load_recipe, session
from sparserobust.training import adversarial as under_test
from sparserobust.training.adversarial import Objective, anywhere, pgd_images, trades_images
from sparserobust.uses import prunable_slots
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.plan import sha256_of

PGD = {"kind": "pgd", "eps": 0.1, "steps": 3}
TRADES = {"kind": "trades", "eps": 0.1, "steps": 3}
KINDS = {"pgd": PGD, "pgd-l2": PGD | {"norm": "l2", "eps": 0.5}, "trades": TRADES}
KINDS["trades-l2"] = TRADES | {"norm": "l2", "eps": 0.5}


def recipe(**changes) -> Recipe:
    plan = {"name": "t", "source": "", "optimizer": "sgd", "lr": 0.1, "batch_size": 16, "epochs": 2}
    return Recipe.model_validate(plan | changes)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bundle(problem) -> sr.Data:
    train, val, test = (TensorDataset(*problem(n, seed=n)) for n in (64, 32, 16))
    return sr.Data("quadrants", train, val, test, (0.0,), (1.0,), ("a", "b", "c", "d"), (1, 8, 8))


def in_pixels(n: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(n, 1, 8, 8, generator=stream(n))


# -- what it is for ---------------------------------------------------------------------------------------


def accuracies(model: nn.Module, data: sr.Data, eps: float) -> tuple[float, float]:
    """Clean, and under foolbox's PGD of 20 steps from a random start, on 240 test images of the digits."""
    import foolbox

    images, labels = next(batches(data.test, 240, torch.device("cpu")))
    model.eval()
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1))
    attack = foolbox.attacks.LinfPGD(steps=20, rel_stepsize=0.125)
    _, _, fooled = attack(wrapped, images, labels, epsilons=[eps])
    return float((model(images).argmax(1) == labels).float().mean()), 1 - float(fooled.float().mean())


@pytest.mark.parametrize(
    ("method", "kind"), [("dense", "pgd"), pytest.param("snip", "trades", marks=pytest.mark.slow)]
)
def test_training_makes_digits_robust_at_its_eps(method, kind):
    """At eps 0.15 after 4 epochs, on 240 images (sigma 3 points), seed 0.

    Robust accuracy goes from 0.24 to 0.58 (dense, PGD) and from 0.13 to 0.49 (SNIP, TRADES); over the seeds 0, 1
    and 2 it rises by 0.22 to 0.40, and by 0.02 to 0.06 where training takes a tenth of the eps.
    """
    data = sr.load_data("digits")
    model = sr.create_model("conv2", data, seed=0)
    plain = sr.sparsify(model, method, 0.0 if method == "dense" else 0.9, data, seed=0)
    robust = copy.deepcopy(plain)
    table = {"kind": kind, "eps": 0.15, "steps": 3}
    sr.train(plain, data, recipe=load_recipe("digits").changed(epochs=4))
    sr.train(robust, data, recipe=load_recipe("digits").changed(epochs=4, adversarial=table))
    (_, before), (clean, after) = (accuracies(s.model, data, 0.15) for s in (plain, robust))
    assert clean > 0.88
    assert after > before + 0.2


# -- the inner maximisation -------------------------------------------------------------------------------


def linear(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Two classes, and the direction in which the second one's lead grows: 64 numbers as an image."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    weight = model[1].weight.detach()
    return model, (weight[1] - weight[0]).view(1, 1, 8, 8)


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize(("low", "high"), [(0.3, 0.7), (0.0, 1.0)])
def test_linf_ascent_reaches_the_worst_image_of_a_linear_model(low, high, start):
    """Of all images in the budget and in [0, 1], pixel by pixel: eps against the label's lead, then clipped."""
    model, lead = linear()
    images, labels = in_pixels(20, low, high), torch.arange(20) % 2
    plan = PGDTraining(eps=0.2, steps=7, random_start=start)
    moved = pgd_images(model, images, labels, plan, stream())
    against = (1 - 2 * labels).view(-1, 1, 1, 1) * lead
    torch.testing.assert_close(moved, (images + 0.2 * against.sign()).clamp(0, 1), rtol=0, atol=1e-6)


def test_l2_ascent_reaches_the_worst_image_of_a_linear_model():
    """Away from the box: eps along the unit vector, from a random start after steps that turn it by e^-12."""
    model, lead = linear()
    images, labels = in_pixels(20, 0.4, 0.6), torch.arange(20) % 2
    against = (1 - 2 * labels).view(-1, 1, 1, 1) * lead / lead.norm()
    plan = PGDTraining(norm="l2", eps=0.3, steps=20, random_start=False)
    moved = pgd_images(model, images, labels, plan, stream())
    torch.testing.assert_close(moved, images + 0.3 * against, rtol=0, atol=1e-6)
    plan = PGDTraining(norm="l2", eps=0.3, steps=60, step_size=0.06)
    moved = pgd_images(model, images, labels, plan, stream())
    torch.testing.assert_close(moved, images + 0.3 * against, rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_trades_ascent_ends_in_one_of_the_two_extremes_of_a_linear_model(norm):
    """Its divergence grows both ways from the image; the noise decides which, and from there it is downhill."""
    model, lead = linear()
    images = in_pixels(20, 0.4, 0.6)
    plan = TRADESTraining(norm=norm, eps=0.1, steps=60, step_size=0.02)
    moved = trades_images(model, images, plan, stream())
    extreme = 0.1 * (lead.sign() if norm == "linf" else lead / lead.norm())
    side = ((moved - images) * lead).flatten(1).sum(1).sign().view(-1, 1, 1, 1)
    assert set(side.flatten().tolist()) == {-1.0, 1.0}
    torch.testing.assert_close(moved, images + side * extreme, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("steps", [1, 5])
def test_perturbed_images_stay_in_the_ball_and_in_the_box_and_use_both(make_network, kind, steps):
    """With black and white pixels too. A float32 difference is off by 1e-7 at most, the norm of 64 by 1e-6."""
    model = make_network("conv").eval()
    images = (in_pixels(32, -0.5, 1.5)).clamp(0, 1)
    plan = recipe(adversarial=KINDS[kind] | {"steps": steps, "step_size": 0.3}).adversarial
    if plan.kind == "pgd":
        moved = pgd_images(model, images, torch.arange(32) % 4, plan, stream())
    else:
        moved = trades_images(model, images, plan, stream())
    size = (moved - images).flatten(1)
    size = size.abs().amax(1) if plan.norm == "linf" else size.norm(dim=1)
    assert not moved.requires_grad
    assert (float(moved.min()), float(moved.max())) == (0.0, 1.0)
    assert float(size.max()) <= plan.eps + 1e-6
    assert float(size.median()) > 0.5 * plan.eps


def test_random_starts_are_uniform_in_the_ball():
    """linf: each pixel has mean 0 and variance eps^2 / 3. l2: the share of the volume inside is uniform; 4 sigma."""
    images = torch.zeros(4000, 1, 2, 2)
    flat = anywhere(images, PGDTraining(eps=0.3), stream()).flatten()
    assert float(flat.abs().max()) <= 0.3
    assert float(flat.mean()) == pytest.approx(0, abs=4 * 0.3 / math.sqrt(3 * 16000))
    assert float(flat.var()) == pytest.approx(0.03, rel=4 * math.sqrt(0.8 / 16000))
    ball = anywhere(images, PGDTraining(norm="l2", eps=0.5), stream()).flatten(1)
    volume = (ball.norm(dim=1) / 0.5) ** 4
    assert float(volume.max()) <= 1 + 1e-6
    assert float(volume.mean()) == pytest.approx(0.5, abs=4 / math.sqrt(12 * 4000))
    assert float(ball.mean(0).norm()) < 0.02


def test_images_without_a_usable_gradient_stay_where_they_are():
    """Zero (a constant model) and infinite gradients; the others of the batch move on."""

    class Rooted(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            pixels = images.flatten(1)
            return torch.stack([pixels.sqrt().sum(1), 0 * pixels.sum(1)], dim=1)

    images = torch.stack([torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)])
    for norm in ("linf", "l2"):
        plan = PGDTraining(norm=norm, eps=0.1, steps=2, random_start=False)
        moved = pgd_images(Rooted(), images, torch.tensor([1, 1]), plan, stream())
        assert torch.equal(moved[0], images[0])
        assert float((moved[1] - images[1]).min()) > 0.04


@pytest.mark.parametrize("kind", list(KINDS))
def test_crafting_changes_nothing_of_the_model(make_network, problem, kind):
    """No gradient, no statistic; then the loss pass counts: one batch for PGD, two for TRADES."""
    model = make_network("conv").train()
    before = sha256_of(model.state_dict())
    random_state = torch.get_rng_state()
    objective = Objective(recipe(adversarial=KINDS[kind]), 0)
    model.eval()
    objective.validation_attack()(model, *problem(16))
    assert sha256_of(model.state_dict()) == before
    assert torch.equal(torch.get_rng_state(), random_state)
    model.train()
    _, loss = objective(model, *problem(16), 0)
    assert all(p.grad is None for p in model.parameters())
    assert all(module.training for module in model.modules())
    assert int(model.body[1].num_batches_tracked) == (1 if "pgd" in kind else 2)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_model_that_is_not_differentiable_is_refused(problem):
    class Detached(nn.Sequential):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images.detach())

    model = Detached(nn.Flatten(), nn.Linear(64, 4))
    with pytest.raises(ModelError, match="needs a differentiable model; no gradient reaches its input"):
        sr.train(model, problem(16), recipe=recipe(adversarial=PGD))


# -- the losses -------------------------------------------------------------------------------------------


def by_hand_start(images: Tensor, table: dict, source: torch.Generator) -> Tensor:
    if table["kind"] == "trades":
        return images + 0.001 * torch.randn(images.shape, generator=source).double()
    return images + table["eps"] * (2 * torch.rand(images.shape, generator=source).double() - 1)


@pytest.mark.parametrize("table", [PGD, TRADES, TRADES | {"beta": 0.5, "step_size": 0.02}])
def test_an_epoch_is_what_the_papers_algorithm_does_by_hand(make_network, problem, table):
    """linf, with BatchNorm: ascent in evaluation mode, projected by min and max; loss in training mode; SGD.

    The divergence is nn.KLDivLoss of probabilities, in TRADES' order of arguments. In float64, because TRADES
    starts so near the bottom of its divergence that rounding in float32 decides some signs of the gradient.
    """
    images, labels = problem(32)
    images = images.double()
    ours, by_hand = make_network("residual").double(), make_network("residual").double()
    loader = DataLoader(TensorDataset(images, labels), batch_size=16)
    sr.train(ours, loader, recipe=recipe(adversarial=table), seed=5)
    divergence = nn.KLDivLoss(reduction="sum")
    optimizer = torch.optim.SGD(by_hand.parameters(), 0.1)
    source = generator(5, "adversarial start")
    eps, step = table["eps"], table.get("step_size", 2.5 * 0.1 / 3)
    for _ in range(2):
        for start in range(0, 32, 16):
            x, y = images[start : start + 16], labels[start : start + 16]
            by_hand.eval()
            low, high = (x - eps).clamp(min=0), (x + eps).clamp(max=1)
            moved = torch.min(torch.max(by_hand_start(x, table, source), low), high)
            for _ in range(3):
                moved = moved.clone().requires_grad_(True)
                if table["kind"] == "trades":
                    gain = divergence(F.log_softmax(by_hand(moved), 1), F.softmax(by_hand(x).detach(), 1))
                else:
                    gain = F.cross_entropy(by_hand(moved), y)
                (gradient,) = torch.autograd.grad(gain, moved)
                moved = torch.min(torch.max(moved.detach() + step * gradient.sign(), low), high)
            by_hand.train()
            if table["kind"] == "trades":
                clean = by_hand(x)
                spread = divergence(F.log_softmax(by_hand(moved), 1), F.softmax(clean, 1)) / 16
                loss = F.cross_entropy(clean, y) + table.get("beta", 6.0) * spread
            else:
                loss = F.cross_entropy(by_hand(moved), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for (name, a), b in zip(ours.state_dict().items(), by_hand.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7, msg=name)


def test_the_trades_loss_is_cross_entropy_plus_beta_divergences(make_network, problem):
    """In numpy's float64, from the logits alone; the logits that come back are those of the perturbed images."""
    model = make_network("residual").train()
    seen: list[Tensor] = []
    handle = model.register_forward_hook(
        lambda module, _, logits: seen.append(logits.detach()) if module.training else None
    )
    images, labels = problem(16)
    logits, loss = Objective(recipe(adversarial=TRADES | {"beta": 2.5}), 0)(model, images, labels, 0)
    handle.remove()
    clean, moved = (x.double().numpy() for x in seen)
    assert np.array_equal(moved, logits.detach().double().numpy())
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (clean, moved))
    surprise = -np.log(p[np.arange(16), labels.numpy()]).mean()
    spread = (p * np.log(p / q)).sum(1).mean()
    assert spread > 0.01
    assert loss.item() == pytest.approx(surprise + 2.5 * spread, rel=1e-5)


# -- nothing else changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_budget_of_zero_or_a_beta_of_zero_is_plain_training(make_network, problem, kind):
    """Bit for bit, augmentation and order of the examples included: the starts draw from a stream of their own.

    PGD with dropout too; TRADES, which takes a second pass in training mode, without.
    """
    off = {"eps": 0.0} if "pgd" in kind else {"beta": 0.0}
    results = []
    for table in (None, KINDS[kind] | off):
        if "pgd" in kind:
            model = make_network("conv")
        else:
            torch.manual_seed(1)
            model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4))
        history = sr.train(
            model, problem(64), recipe=recipe(adversarial=table, momentum=0.9, flip=0.5, translate=1)
        )
        results.append((sha256_of(model.state_dict()), [e.loss for e in history.epochs]))
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_state_alone(make_network, problem, kind):
    """With dropout, BatchNorm and a validation split; another seed gives other weights."""
    results = []
    for state, seed in ((1, 3), (2, 3), (1, 4)):
        model = make_network("conv")
        torch.manual_seed(state)
        before = torch.get_rng_state()
        history = sr.train(model, bundle(problem), recipe=recipe(adversarial=KINDS[kind]), seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        assert all(p.grad is None for p in model.parameters())
        epochs = [e.model_copy(update={"seconds": 0}) for e in history.epochs]
        results.append((sha256_of(model.state_dict()), epochs))
    assert results[0] == results[1]
    assert results[0][0] != results[2][0]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("kind", ["pgd", "trades-l2"])
@pytest.mark.parametrize("method", ["snip", "freezenet", "dctps"])
def test_what_is_frozen_or_pruned_never_moves(make_network, problem, method, kind, optimizer):
    subject = sr.sparsify(make_network("conv"), method, 0.8, problem(64))
    start = subject.plan
    plan = recipe(optimizer=optimizer, lr=0.02, weight_decay=0.5, adversarial=KINDS[kind])
    assert sr.train(subject, problem(48), recipe=plan).status == "completed"
    for name, module in prunable_slots(subject.model).items():
        off, weight = ~start[name].mask, module.effective.detach()
        assert torch.equal(subject.plan[name].mask, start[name].mask)
        if method == "dctps":
            dct = dct_offset_of(module)
            assert torch.equal(weight[off], (dct.alpha.detach() * dct.block)[off])
            assert not module.values[off].any()
        else:
            assert torch.equal(weight[off], start[name].offset[off])


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("lr", [1e8, 1e20, 1e30])
def test_a_divergence_is_recorded_and_no_crash(make_network, problem, kind, lr):
    model = make_network("conv")
    history = sr.train(model, bundle(problem), recipe=recipe(lr=lr, adversarial=KINDS[kind]))
    assert all(bool(torch.isfinite(t).all()) for t in model.state_dict().values())
    if lr == 1e30:
        assert history.status == "diverged"


# -- the budget over the epochs, and the chosen epoch -----------------------------------------------------


def test_the_budget_grows_evenly_over_the_warm_up(make_network, problem, monkeypatch):
    seen = []
    true = under_test.ascend
    monkeypatch.setattr(
        under_test, "ascend", lambda *parts: seen.append((parts[4].eps, parts[4].step)) or true(*parts)
    )
    table = {"kind": "pgd", "eps": 0.2, "steps": 1, "step_size": 0.1, "warmup_epochs": 3}
    sr.train(make_network("conv"), problem(16), recipe=recipe(epochs=6, adversarial=table))
    shares = [0.25, 0.5, 0.75, 1, 1, 1]
    assert [eps for eps, _ in seen] == pytest.approx([0.2 * share for share in shares])
    assert [step for _, step in seen] == pytest.approx([0.1 * share for share in shares])


@pytest.mark.parametrize("table", [PGD, TRADES])
def test_robust_validation_accuracy_is_the_share_that_no_perturbation_turns(table):
    """On a linear model: those whose lead is above eps * |w|_1; the full budget already in the warm-up."""
    model, lead = linear()
    images = in_pixels(200, 0.3, 0.7)
    labels = model(images).argmax(1)
    labels[:20] = 1 - labels[:20]  # wrong from the start
    gap = (model(images) @ torch.tensor([-1.0, 1.0])).detach() * (2 * labels - 1)
    eps = float(gap.sort().values[99:101].mean() / lead.abs().sum())  # no lead is exactly the budget
    val = TensorDataset(images, labels)
    data = sr.Data("x", TensorDataset(images, labels), val, val, (0.0,), (1.0,), ("a", "b"), (1, 8, 8))
    plan = recipe(lr=1e-30, epochs=1, adversarial=table | {"eps": eps, "warmup_epochs": 1})
    (epoch,) = sr.train(model, data, recipe=plan).epochs
    assert epoch.val_accuracy == 0.9
    assert epoch.val_robust_accuracy == pytest.approx(float((gap > eps * lead.abs().sum()).float().mean()))
    assert 0.4 < epoch.val_robust_accuracy < 0.6


def test_the_best_epoch_is_that_of_the_best_robust_accuracy(make_network, problem, monkeypatch):
    """Clean accuracy goes on rising, robust accuracy is best in the second epoch and once more in the fourth."""
    clean, robust = iter([0.5, 0.6, 0.7, 0.8]), iter([0.3, 0.4, 0.2, 0.4])
    monkeypatch.setattr(
        session, "accuracy_of", lambda m, d, v, attack: next(clean if attack is None else robust)
    )
    full, shorter = make_network("conv"), make_network("conv")
    history = sr.train(full, bundle(problem), recipe=recipe(epochs=4, adversarial=PGD))
    assert [e.val_accuracy for e in history.epochs] == [0.5, 0.6, 0.7, 0.8]
    assert [e.val_robust_accuracy for e in history.epochs] == [0.3, 0.4, 0.2, 0.4]
    assert history.chosen_epoch == 2
    assert history.chosen_because == "best-robust-validation"
    sr.train(shorter, replace(bundle(problem), val=None), recipe=recipe(adversarial=PGD))
    assert sha256_of(full.state_dict()) == sha256_of(shorter.state_dict())


def test_without_a_validation_split_the_last_epoch_is_kept(make_network, problem):
    history = sr.train(make_network("conv"), problem(32), recipe=recipe(adversarial=PGD))
    assert (history.chosen_epoch, history.chosen_because) == (
        2,
        "last-without-validation",
    )
    assert [e.val_robust_accuracy for e in history.epochs] == [None, None]


# -- recipes and records ----------------------------------------------------------------------------------


def test_the_record_has_the_budget_where_there_is_one(make_network, problem, tmp_path):
    plain = sr.train(make_network("conv"), bundle(problem), recipe=recipe(epochs=1))
    assert "adversarial" not in plain.settings
    assert plain.epochs[0].val_robust_accuracy is None
    subject = sr.sparsify(make_network("conv"), "snip", 0.5, problem(64))
    history = sr.train(subject, bundle(problem), recipe=recipe(epochs=1, adversarial=TRADES | {"steps": 5}))
    assert history.settings["adversarial"] == {
        "kind": "trades", "norm": "linf", "eps": 0.1, "steps": 5, "step_size": 0.05, "warmup_epochs": 0, "beta": 6.0,
    }  # fmt: skip
    saved = subject.save(tmp_path / "robust.sparse")
    assert sr.load_subject(saved, model=make_network("conv")).history == history


def test_any_recipe_takes_the_table(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "x"\nsource = ""\noptimizer = "sgd"\nlr = 1\nbatch_size = 8\nepochs = 2\n'
        '[adversarial]\nkind = "trades"\nnorm = "l2"\neps = 0.5\nbeta = 3\n'
    )
    assert load_recipe(file).adversarial == TRADESTraining(norm="l2", eps=0.5, beta=3)
    for name in ("digits", "dctps", "madry-mnist"):
        changed = load_recipe(name).changed(adversarial=PGD)
        assert changed.adversarial == PGDTraining(eps=0.1, steps=3)
        assert changed.changed(adversarial=None).adversarial is None
    ours = load_recipe("digits-pgd").changed(adversarial=None).model_dump(exclude={"name", "source"})
    assert ours == load_recipe("digits").model_dump(exclude={"name", "source"})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("pgd", "adversarial of recipe digits must be a table of names and values, got 'pgd'"),
        ([PGD], "adversarial of recipe digits must be a table of names and values, got"),
        (
            {"eps": 0.1},
            "adversarial of recipe digits must have kind = 'pgd' or kind = 'trades', got {'eps': 0.1}",
        ),
        (
            {"kind": "fgsm", "eps": 0.1},
            "adversarial of recipe digits must have kind = 'pgd' or kind = 'trades'",
        ),
        (
            {"kind": ["pgd"], "eps": 0.1},
            "adversarial of recipe digits must have kind = 'pgd' or kind = 'trades'",
        ),
        ({"kind": "pgd"}, "eps of adversarial of recipe digits is missing"),
        (
            PGD | {"eps": 8},
            r"eps of adversarial of recipe digits: pixels are in \[0, 1\]; did you mean 8/255 = 0.03137\?, got 8",
        ),
        (PGD | {"eps": -0.1}, "eps of adversarial of recipe digits must be a number, at least 0, got -0.1"),
        (TRADES | {"norm": "l2", "eps": math.inf}, "must be a number, at least 0, got inf"),
        (PGD | {"norm": "l1"}, "norm of adversarial of recipe digits must be one of linf, l2, got 'l1'"),
        (
            PGD | {"steps": 0},
            "steps of adversarial of recipe digits must be a whole number, at least 1, got 0",
        ),
        (PGD | {"step_size": 0}, "must be a number above 0, or None, got 0"),
        (PGD | {"warmup_epochs": -1}, "must be a whole number, at least 0, got -1"),
        (
            PGD | {"beta": 6},
            "unknown field 'beta' of adversarial of recipe digits; .*expected kind, norm, eps",
        ),
        (TRADES | {"beta": -1}, "beta of adversarial of recipe digits must be a number, at least 0, got -1"),
        (TRADES | {"random_start": False}, "unknown field 'random_start' of adversarial of recipe digits"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(table, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe("digits").changed(adversarial=table)
    assert "\n" not in str(caught.value)
