"""Iterative magnitude pruning goes back to the very network of the rewind epoch, and so does its learning rate."""

from __future__ import annotations

import pytest
import torch

from sparserobust.errors import ConfigError
from sparserobust.records import History
from sparserobust.sparsity.allocation import allocate, kept_count
from sparserobust.testing import check_method

PLAN = {"epochs": 8, "lr_drop_epochs": (1, 3), "lr_factor": 0.5, "lr_every_steps": 7, "weight_decay": 0.001}
"""Rounds of two epochs end after epochs 4 and 6 when they go back to epoch 2."""


class Diary:
    """What the network was before and after each rewind."""

    def __init__(self):
        self.trained, self.rewound, self.masks, self.memory = [], [], [], []

    def __call__(self, pruner, before):
        training = pruner.training
        if training.epoch not in pruner.events:
            return
        state = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
        (self.trained if before else self.rewound).append(state)
        if not before:
            self.masks.append({name: mask.clone() for name, mask in training.masks.items()})
            self.memory.append(len(training.optimizer.state))


def last_weights(train_bars, epochs, **recipe):
    """Of a dense training that is stopped there. The last epoch is the one that counts, as in a killed run."""
    states = []

    def keep(pruner, before):
        states.append({name: tensor.clone() for name, tensor in pruner.training.model.state_dict().items()})

    train_bars("hoyer-square", 0.0, decay=0.0, watch=keep, recipe=PLAN | recipe | {"epochs": epochs})
    return states[-1]


@pytest.mark.parametrize("rewind_epoch", [0, 2])
def test_rewound_weights_are_those_of_a_training_stopped_at_the_rewind_epoch_bit_for_bit(
    train_bars, rewind_epoch
):
    diary = Diary()
    subject = train_bars("imp", 0.8, rounds=2, rewind_epoch=rewind_epoch, watch=diary, recipe=PLAN)
    stopped = last_weights(train_bars, 2) if rewind_epoch else subject.parent
    assert len(diary.rewound) == 2
    for trained, rewound, masks in zip(diary.trained, diary.rewound, diary.masks, strict=True):
        assert list(rewound) == list(stopped)
        assert "norm.running_mean" in rewound
        for name, tensor in rewound.items():
            expected = stopped[name].clone()
            if name in masks:
                expected[~masks[name]] = 0
            assert torch.equal(tensor, expected), name
            assert not torch.equal(trained[name], expected), f"{name} was not trained"


def test_each_round_removes_the_smallest_of_the_trained_weights_and_the_same_fraction(train_bars):
    diary = Diary()
    subject = train_bars("imp", 0.9, rounds=3, rewind_epoch=1, watch=diary, recipe={"epochs": 9})
    before = {name: torch.ones_like(mask) for name, mask in diary.masks[0].items()}
    fractions = []
    for trained, masks in zip(diary.trained, diary.masks, strict=True):
        kept = torch.cat([trained[name][mask].abs() for name, mask in masks.items()])
        gone = torch.cat([trained[name][before[name] & ~mask].abs() for name, mask in masks.items()])
        assert gone.max() <= kept.min()
        assert not any((masks[name] & ~before[name]).any() for name in masks)
        fractions.append(len(kept) / (len(kept) + len(gone)))
        before = masks
    assert fractions == pytest.approx([0.1 ** (1 / 3)] * 3, abs=0.002)
    assert subject.kept == kept_count(subject.prunable, 0.9)


def test_the_learning_rate_goes_back_with_the_weights(train_bars):
    subject = train_bars("imp", 0.8, rounds=2, rewind_epoch=2, recipe=PLAN)
    halvings = []
    for epoch in [0, 1, 2, 3, 2, 3, 2, 3]:  # as the schedule counts them
        last_step = 6 * epoch + 5
        halvings.append((epoch >= 1) + (epoch >= 3) + last_step // 7)
    assert [record.learning_rate for record in subject.history.epochs] == [0.05 * 0.5**n for n in halvings]
    assert len(set(halvings)) == 4


def test_the_optimizer_starts_without_a_memory(train_bars):
    diary = Diary()
    train_bars("imp", 0.8, rounds=2, rewind_epoch=1, watch=diary)
    assert diary.memory == [0, 0]


def test_only_a_trained_epoch_of_the_last_round_is_chosen(train_bars):
    chosen = []
    subject = train_bars(
        "imp", 0.8, rounds=3, rewind_epoch=1, watch=lambda p, before: before or chosen.append(p.settled)
    )
    assert chosen == [False] * 6 + [True] * 2
    assert isinstance(subject.history, History)
    assert subject.history.chosen_epoch > 6


def test_rounds_of_a_given_length_leave_the_rest_to_the_last_training(make_pruner, make_network):
    pruner = make_pruner(
        make_network(), "imp", 0.9, 80, schedule="halving", rounds=5, rewind_epoch=5, every=4
    )
    assert list(pruner.events) == [9, 13, 17, 21, 25, 29, 33]
    densities = [count / pruner.training.prunable for count in pruner.events.values()]
    assert densities == pytest.approx([0.5, 0.3, 0.2, 0.15, 0.125, 0.1125, 0.1], abs=0.002)


def test_the_parts_of_the_budget_are_equally_long(make_pruner, make_network):
    for epochs, rounds, start, ends in [
        (8, 5, 1, [2, 3, 5, 6, 7]),
        (250, 4, 10, [58, 106, 154, 202]),
        (7, 6, 0, [1, 2, 3, 4, 5, 6]),
    ]:
        pruner = make_pruner(make_network(), "imp", 0.9, epochs, rounds=rounds, rewind_epoch=start)
        assert list(pruner.events) == ends


@pytest.mark.parametrize("allocation", ["uniform", "erk", "epf"])
def test_layers_end_with_their_share_although_rounding_may_raise_it_in_a_later_round(train_bars, allocation):
    subject = train_bars(
        "imp", 0.85, rounds=6, rewind_epoch=0, allocation=allocation, recipe={"epochs": 7}, kind=1
    )
    shapes = {name: tuple(mask.shape) for name, mask in subject.weights.masks.items()}
    expected = allocate(allocation, shapes, subject.kept)
    assert subject.kept == kept_count(subject.prunable, 0.85)
    for name, mask in subject.weights.masks.items():
        assert abs(int(mask.sum()) - expected[name]) <= 1


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"rounds": 0}, "rounds of imp must be a whole number, at least 1, got 0"),
        ({"rewind_epoch": 1.5}, "rewind_epoch of imp must be a whole number, at least 0, got 1.5"),
        ({"every": 0}, "every of imp must be a whole number, at least 1, or None, got 0"),
        ({"schedule": "cubic"}, "schedule of imp must be one of .*, got 'cubic'"),
        (
            {"rounds": 7},
            "7 rounds that go back to epoch 1 need at least 9 epochs, got 8; train longer or take",
        ),
        ({"rewind_epoch": 9}, "5 rounds that go back to epoch 9 need at least 15 epochs, got 8"),
        ({"every": 2}, "5 rounds that go back to epoch 1 need at least 12 epochs, got 8"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "imp", 0.9, 8, **params)


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize("params", [{"rounds": 2, "rewind_epoch": 0, "offset": "frozen"}])
def test_the_laws_hold_with_another_offset(params):
    check_method("imp", **params)
