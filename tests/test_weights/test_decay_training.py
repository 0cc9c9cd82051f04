"""FreezeNet-WD from training to file: gamma of the chosen epoch, its place in a saved model, pruning at the end."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from torch import Tensor

import sparserobust as sr
from sparserobust.data.bundle import ImageTensors
from sparserobust.errors import ConfigError
from sparserobust.storage.modelfile import read_model
from sparserobust.training.recipe import Recipe
from sparserobust.uses import effective_weights


def recipe(**changes) -> Recipe:
    plan = {
        "name": "t",
        "source": "test",
        "optimizer": "sgd",
        "lr": 0.05,
        "momentum": 0.9,
        "weight_decay": 0.05,
        "batch_size": 16,
        "epochs": 3,
    }
    return Recipe.model_validate(plan | changes)


def bundle(problem, val: int = 32) -> sr.Data:
    return sr.Data(
        name="quadrants",
        train=ImageTensors(*problem(64)),
        val=ImageTensors(*problem(val, seed=7)) if val else None,
        test=ImageTensors(*problem(32, seed=8)),
        mean=(0.0,),
        std=(1.0,),
        classes=("a", "b", "c", "d"),
        input_shape=(1, 8, 8),
    )


def gammas(steps: int, *, lr: float = 0.05, mu: float = 0.9, decay: float = 0.05) -> list[float]:
    """u <- mu u + wd gamma, gamma <- gamma - lr u (definitions.md), after 0, 1, ... steps."""
    gamma, u, all_ = 1.0, 0.0, [1.0]
    for _ in range(steps):
        u = mu * u + decay * gamma
        gamma -= lr * u
        all_.append(gamma)
    return all_


def accuracy(model, data) -> float:
    hits = model.eval()(data.val.images).argmax(1) == data.val.labels
    return float(hits.float().mean())


def masks_of(subject) -> dict[str, Tensor]:
    return {name: part.mask for name, part in subject.plan.items()}


def every(subject, gamma: float) -> dict[str, float]:
    """That factor in every layer, to the rounding of a few dozen steps in float64."""
    return pytest.approx(dict.fromkeys(masks_of(subject), gamma), rel=1e-12)


def is_offset(subject, initial: dict[str, Tensor]) -> None:
    for name, weight in subject.effective_weights().items():
        off = ~masks_of(subject)[name]
        assert torch.equal(weight[off], (initial[name] * subject.weights.decay.gamma[name])[off]), name


def test_gamma_follows_its_recursion_over_all_steps(network, problem):
    """64 examples in batches of 16, 3 epochs: 12 steps; no validation split, so the last epoch stands."""
    initial = effective_weights(network)
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64))
    sr.train(subject, problem(64), recipe=recipe())
    assert subject.weights.decay.gamma == every(subject, gammas(12)[-1])
    is_offset(subject, initial)
    plain = sr.sparsify(network, "freezenet", 0.8, problem(64))
    assert all(torch.equal(masks_of(plain)[name], mask) for name, mask in masks_of(subject).items())


def test_adamw_shrinks_by_one_minus_rate_times_decay_and_follows_the_schedule(network, problem):
    """Rate 0.05, from step 6 on 0.005, decay 0.5: 0.975^6 x 0.9975^6."""
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64))
    plan = recipe(optimizer="adamw", momentum=0.0, weight_decay=0.5, lr_every_steps=6)
    sr.train(subject, problem(64), recipe=plan)
    assert subject.weights.decay.gamma == every(subject, 0.975**6 * 0.9975**6)


@pytest.mark.parametrize("prune", [False, True])
def test_adam_with_weight_decay_is_refused_and_leaves_the_subject_as_it_was(network, problem, prune):
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64), prune_at_end=prune)
    before = subject.effective_weights()
    with pytest.raises(ConfigError, match="needs SGD or decoupled weight decay, got Adam,"):
        sr.train(subject, problem(64), recipe=recipe(optimizer="adam", momentum=0.0))
    assert all(torch.equal(weight, before[name]) for name, weight in subject.effective_weights().items())
    assert (subject.weights.kind, subject.prune_at_end, subject.history) == ("frozen", prune, None)
    sr.train(subject, problem(64), recipe=recipe(optimizer="adam", momentum=0.0, weight_decay=0.0))
    assert prune or set(subject.weights.decay.gamma.values()) == {1.0}


@pytest.mark.parametrize("chosen", [1, 2, 3])
def test_the_chosen_epochs_gamma_comes_back_with_its_weights(network, problem, chosen):
    """The validation labels are what the network says after so many epochs of the same training."""
    initial, noise = effective_weights(network), (torch.rand(400, 1, 8, 8) > 0.5).float()
    rehearsal = sr.sparsify(network, "freezenet-wd", 0.3, problem(64))
    sr.train(rehearsal, bundle(problem, val=0), recipe=recipe(lr=0.2), epochs=chosen)
    labels = rehearsal.model.eval()(noise).argmax(1)
    data = dataclasses.replace(bundle(problem), val=ImageTensors(noise, labels))
    subject = sr.sparsify(network, "freezenet-wd", 0.3, problem(64))
    history = sr.train(subject, data, recipe=recipe(lr=0.2))
    assert [epoch.val_accuracy == 1 for epoch in history.epochs] == [n == chosen for n in (1, 2, 3)]
    assert history.chosen_epoch == chosen
    assert subject.weights.decay.gamma == every(subject, gammas(12, lr=0.2)[4 * chosen])
    is_offset(subject, initial)
    assert history.pruned_at_end is None


def test_a_model_saved_midway_has_its_gamma_and_the_same_logits(network, problem, make_network, tmp_path):
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64))
    sr.train(subject, problem(64), recipe=recipe(), epochs=2)
    path = subject.save(tmp_path / "m.sparse")
    back = sr.load_subject(
        path, model=make_network("conv" if "body.0.weight" in masks_of(subject) else "residual")
    )
    images = problem(32)[0]
    assert torch.equal(back.model.eval()(images), subject.model.eval()(images))
    assert back.weights.decay.gamma == subject.weights.decay.gamma != {}
    assert [part.offset.tolist() for part in back.plan.values()] == [
        part.offset.tolist() for part in subject.plan.values()
    ]
    before = dict(back.weights.decay.gamma)
    sr.train(back, problem(64), recipe=recipe(), epochs=1)
    for name, part in back.plan.items():
        assert torch.equal(back.effective_weights()[name][~part.mask], part.offset[~part.mask])
        assert back.weights.decay.gamma[name] == pytest.approx(before[name] * gammas(4)[-1], rel=1e-12)


def test_one_of_our_networks_is_stored_as_seed_and_gamma(problem, tmp_path):
    model = sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=4, seed=3)
    subject = sr.sparsify(model, "freezenet-wd", 0.9, problem(64))
    sr.train(subject, problem(64), recipe=recipe(), epochs=1)
    path = subject.save(tmp_path / "m.sparse")
    keys = list(read_model(path)[1])
    assert not any(key.endswith(":offset") for key in keys)
    assert sum(key.endswith(":gamma") for key in keys) == len(masks_of(subject))
    back = sr.load_subject(path)
    assert back.record() == subject.record()
    images = problem(32)[0]
    assert torch.equal(back.model.eval()(images), subject.model.eval()(images))
    is_offset(back, effective_weights(model))
    assert set(back.at_initialisation().weights.decay.gamma.values()) == {1.0}


def test_the_untrained_twin_starts_from_whole_offsets(network, problem):
    initial = effective_weights(network)
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64))
    sr.train(subject, problem(64), recipe=recipe())
    decayed = dict(subject.weights.decay.gamma)
    twin = subject.at_initialisation()
    assert set(twin.weights.decay.gamma.values()) == {1.0}
    assert all(torch.equal(weight, initial[name]) for name, weight in twin.effective_weights().items())
    assert subject.weights.decay.gamma == decayed, "the twin is a copy"
    sr.train(twin, problem(64), recipe=recipe())
    assert twin.weights.decay.gamma == pytest.approx(decayed, rel=1e-12)


def test_pruning_at_the_end_leaves_zeros_off_the_mask_and_says_what_it_cost(network, problem):
    """The same training with and without it: equal on the mask, and accuracies that a plain count gives too."""
    data = bundle(problem)
    kept, pruned = (
        sr.sparsify(network, "freezenet-wd", 0.8, problem(64), prune_at_end=prune) for prune in (False, True)
    )
    sr.train(kept, data, recipe=recipe())
    history = sr.train(pruned, data, recipe=recipe())
    assert (kept.weights.kind, pruned.weights.kind) == ("frozen", "zero")
    assert history.pruned_at_end == (accuracy(kept.model, data), accuracy(pruned.model, data))
    assert history.pruned_at_end[0] == history.epochs[history.chosen_epoch - 1].val_accuracy
    for name, weight in pruned.effective_weights().items():
        mask = masks_of(pruned)[name]
        assert torch.equal(weight, kept.effective_weights()[name] * mask)
        assert not pruned.plan[name].offset.any()
        assert bool(kept.effective_weights()[name][~mask].all())
    assert pruned.record().offset == "zero"
    assert (
        sum(int((w == 0).sum()) for w in pruned.effective_weights().values()) == pruned.prunable - pruned.kept
    )


def test_without_a_validation_split_the_cost_of_pruning_is_unknown_and_not_zero(network, problem):
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64), prune_at_end=True)
    assert sr.train(subject, bundle(problem, val=0), recipe=recipe(), epochs=1).pruned_at_end == (None, None)


def test_a_pruned_end_survives_saving_and_is_not_pruned_again(network, problem, make_network, tmp_path):
    subject = sr.sparsify(network, "freezenet-wd", 0.8, problem(64), prune_at_end=True)
    fresh = make_network("conv" if "body.0.weight" in masks_of(subject) else "residual")
    waiting = sr.load_subject(subject.save(tmp_path / "before.sparse"), model=fresh)
    assert waiting.prune_at_end
    for one in (subject, waiting):
        sr.train(one, bundle(problem), recipe=recipe())
    for a, b in itertools.pairwise((subject, waiting)):
        assert all(torch.equal(w, b.effective_weights()[name]) for name, w in a.effective_weights().items())
    back = sr.load_subject(subject.save(tmp_path / "after.sparse"), model=fresh)
    assert (back.weights.kind, back.prune_at_end) == ("zero", False)
    assert back.history == subject.history
    assert sr.train(back, bundle(problem), recipe=recipe(), epochs=1).pruned_at_end is None
    assert all(not w[~masks_of(back)[name]].any() for name, w in back.effective_weights().items())
