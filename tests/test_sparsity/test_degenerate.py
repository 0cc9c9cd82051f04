"""Scores that cannot choose are refused, with the event, the layers and the reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.errors import DegenerateScores
from sparserobust.models.fixup import FixupBlock
from sparserobust.models.initial import draw_weights
from sparserobust.records import remark
from sparserobust.sparsity.allocation import kept_count


def small_fixup() -> nn.Module:
    """A stem, two Fixup blocks and a classifier on 8x8x1: second convolutions and the classifier start at zero."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        FixupBlock(4, 4, 1),
        FixupBlock(4, 6, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
    draw_weights(model, "fixup", 0)
    return model


ZERO = ("2.conv2.weight", "3.conv2.weight", "6.weight")
LAYERS = ("0.weight", "2.conv1.weight", "2.conv2.weight", "3.conv1.weight", "3.conv2.weight", "6.weight")


@pytest.mark.parametrize("method", ["snip", "snip-it", "iter-snip", "force", "grasp", "synflow"])
def test_a_fixup_network_has_no_score_at_all_and_the_layers_that_start_at_zero_are_named(problem, method):
    """papers.md, section 7.17: only the last layer has a gradient, and its weights are zero."""
    with pytest.raises(DegenerateScores) as caught:
        sr.sparsify(small_fixup(), method, 0.9, problem(32))
    assert set(ZERO) <= set(caught.value.layers) <= set(LAYERS)
    message = str(caught.value)
    assert "\n" not in message
    for name in ZERO:
        assert name in message
    assert ("event 1 of" in message) == (method not in ("snip", "grasp"))
    assert "initialised with zeros" in message


def test_random_masks_and_a_dct_offset_are_the_way_out(problem):
    """Nothing is refused there: the supports of DCTpS look at no score."""
    assert sr.sparsify(small_fixup(), "dctps", 0.9).kept == kept_count(888, 0.9)


def narrow(depth: int = 12, width: int = 8, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(64, width, bias=False), nn.LeakyReLU(0.1)]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width, bias=False), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.Linear(width, 4, bias=False)).double()


@pytest.mark.parametrize("method", ["force", "iter-snip"])
def test_a_flow_that_collapses_on_the_way_is_refused_with_the_event_and_the_empty_layers(problem, method):
    """12 layers, 10 weights in all: a path from an image to the logits needs 12. The published FORCE keeps all
    weights there, since all scores are zero and reach the threshold (papers.md, section 3)."""
    images, labels = problem(64)
    model = narrow()
    with pytest.raises(DegenerateScores) as caught:
        sr.sparsify(model, method, 1 - 10 / 1184, (images.double(), labels))
    message = str(caught.value)
    assert ". Nothing passes " in message
    assert ": the flow has collapsed there" in message
    event, events = (int(part) for part in message.removeprefix("event ").split(":")[0].split(" of "))
    assert 1 < event <= events == 60
    layers = caught.value.layers
    assert layers
    assert set(layers) <= {name for name, _ in model.named_parameters()}


def test_a_collapse_at_the_last_event_is_kept_and_recorded(problem):
    """SNIP-it's last event goes from 28 weights, through which a path remains, to 10: as SNIP's one event may."""
    images, labels = problem(64)
    subject = sr.sparsify(narrow(), "snip-it", 0.9915, (images.double(), labels))
    assert subject.kept == 10
    empty = [name for name, part in subject.plan.items() if not part.mask.any()]
    assert empty
    assert set(subject.warnings) >= {remark("layer-collapsed", layer=name) for name in empty}


def test_force_at_a_sparsity_that_leaves_a_path_is_not_refused(problem):
    images, labels = problem(64)
    subject = sr.sparsify(narrow(), "force", 0.9, (images.double(), labels))
    assert subject.kept == kept_count(1184, 0.9)


def test_synflow_of_a_network_whose_running_means_kill_every_unit_is_refused_by_name(problem):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))
    model[1].running_mean.fill_(-1e3)
    nn.init.zeros_(model[4].bias)
    with pytest.raises(DegenerateScores, match="no signal reaches the outputs") as caught:
        sr.sparsify(model, "synflow", 0.9, problem(8))
    assert caught.value.layers == ("0.weight", "4.weight")


@pytest.mark.parametrize("method", ["snip", "snip-it", "iter-snip", "force", "grasp", "freezenet"])
def test_a_gradient_that_is_not_finite_is_refused(problem, method):
    """Weights of 1e30 overflow in float32: no number is left to rank by."""
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1e30)
    with pytest.raises(DegenerateScores) as caught:
        sr.sparsify(model, method, 0.5, problem(16))
    assert caught.value.layers
