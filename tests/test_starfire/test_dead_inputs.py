"""Weights of fully connected layers that nothing reaches any more."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from sparserobust.errors import ModelError
from sparserobust.methods.live_inputs import LiveInputs


class Shortcut(nn.Module):
    """The last convolution adds to what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.last = nn.Conv2d(12, 12, 3, padding=1)
        self.head = nn.Linear(12, 4)

    def forward(self, images):
        x = F.leaky_relu(self.stem(images), 0.1)
        return self.head((x + self.last(x)).mean(dim=(2, 3)))


def reads(mask, live):
    """Which outputs of a convolution have a kept kernel whose input is live."""
    return torch.tensor(
        [any(bool(row[c].any()) and bool(live[c]) for c in range(len(live))) for row in mask.flatten(2)]
    )


@pytest.mark.parametrize("fc", ["fine", "block", "none"])
def test_weights_fed_by_a_dead_channel_are_gone_with_all_its_positions(trained, fc):
    subject = trained("starfire-ck", fc=fc)
    masks = subject.weights.masks
    live = reads(masks["first.weight"], torch.tensor([True]))
    live = reads(masks["last.weight"], reads(masks["second.weight"], live))
    dead = (~live).repeat_interleave(4)  # 2x2 positions of each channel
    assert 1 <= int((~live).sum()) < 8
    assert not bool(masks["hidden.weight"][:, dead].any())
    if fc == "fine":
        assert 48 <= int(masks["hidden.weight"].sum()) <= 77, (
            "a fifth of 384, or less where dead ones exceed it"
        )
        assert bool(masks["head.weight"].any(dim=1).all())
    if fc == "none":
        assert bool(masks["hidden.weight"][:, ~dead].all())
        assert bool(masks["head.weight"].all())
    kept = trained("starfire-ck", fc="none", remove_dead_inputs=False)
    assert bool(kept.weights.masks["hidden.weight"].all())


def test_an_input_that_a_shortcut_still_feeds_stays(trained):
    subject = trained("starfire-ck", 0.9, model=Shortcut, fc="none")
    masks = subject.weights.masks
    stem = reads(masks["stem.weight"], torch.tensor([True]))
    last = reads(masks["last.weight"], stem)
    fed = masks["head.weight"].all(dim=0)
    assert torch.equal(fed, stem | last)
    assert torch.equal(fed, masks["head.weight"].any(dim=0))
    assert bool((stem & ~last).any()), "a case in which the last convolution alone would say dead"
    assert not bool(fed.all())


def test_under_a_frozen_offset_no_channel_is_dead(trained):
    subject = trained("starfire-ck", fc="none", offset="frozen")
    assert bool(subject.weights.masks["hidden.weight"].all())


def test_a_network_that_cannot_be_followed_is_refused_at_the_first_step_with_a_way_out(trained, plain):
    class Summing(plain):
        def forward(self, images):
            return super().forward(images.sort(dim=2).values)

    steps = []
    with pytest.raises(ModelError, match="unsupported operation .*sort.*; choose remove_dead_inputs=False"):
        trained("starfire-ck", model=Summing, watch=lambda training: steps.append(training.step))
    assert not steps
    subject = trained("starfire-ck", model=Summing, remove_dead_inputs=False)
    assert subject.history.status == "completed"


def test_images_that_were_not_seen_are_asked_for(plain):
    model = plain()
    live = LiveInputs(model)
    model.forward(torch.rand(2, 1, 8, 8))  # not the call that hooks see
    with pytest.raises(ModelError, match="starfire-ck looks for dead inputs and must see the images"):
        live.ready("starfire-ck", {})
    model(torch.rand(2, 1, 8, 8))
    assert not model._forward_pre_hooks, "it looks once"
