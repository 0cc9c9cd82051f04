"""One scoring serves a whole grid of sparsities, and every event costs one pass over its examples."""

from __future__ import annotations

import copy
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.weights.plan import sha256_of

GRID = [0.9, 0.5, 0.75, 0.9]


class Counted(nn.Module):
    """A small network that counts the passes of itself and of all its copies."""

    passes: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, padding=1)
        self.norm = nn.BatchNorm2d(12)
        self.head = nn.Linear(192, 4)

    def forward(self, images: Tensor) -> Tensor:
        type(self).passes += 1
        x = nn.functional.leaky_relu(self.norm(self.conv(images)), 0.1)
        return self.head(nn.functional.avg_pool2d(x, 2).flatten(1))


def passes_of(method: str, sparsity, data, **params) -> int:
    torch.manual_seed(0)
    model = Counted()
    Counted.passes = 0
    sr.sparsify(model, method, sparsity, data, **params)
    return (
        Counted.passes - 2
    )  # the first tries whether the images fit, the second shows which weights there are


@pytest.mark.parametrize(
    ("method", "passes"),
    [
        ("snip", 1),
        ("grasp", 1),
        ("freezenet", 1),
        ("freezenet-wd", 1),
        ("random", 0),
        ("magnitude", 0),
        ("dctps", 0),
    ],
)
def test_a_one_shot_method_scores_once_for_a_whole_grid(problem, method, passes):
    assert passes_of(method, GRID, problem(64)) == passes_of(method, 0.5, problem(64)) == passes


@pytest.mark.parametrize(
    ("method", "events"), [("snip-it", 7), ("iter-snip", 60), ("force", 60), ("synflow", 100)]
)
def test_an_iterative_method_passes_once_per_event_and_shares_the_first(problem, method, events):
    assert passes_of(method, 0.9, problem(64)) == events
    assert passes_of(method, [0.9, 0.75], problem(64)) == 2 * events - 1


@pytest.mark.parametrize("ties", ["draw", "strict"])
def test_events_that_prune_nothing_cost_nothing(problem, ties):
    """SNIP-it's seven events all keep the same number below a sparsity of one half."""
    assert passes_of("snip-it", 0.4, problem(64), ties=ties) == 1


@pytest.mark.parametrize("method", ["snip", "iter-snip", "force"])
def test_examples_that_fill_several_batches_take_a_pass_each(problem, method):
    """At most 512 in a batch: 700 examples are two passes, at every event."""
    one_shot = {} if method == "snip" else {"steps": 3}
    events = 1 if method == "snip" else 3
    assert passes_of(method, 0.8, problem(700), score_samples=700, **one_shot) == 2 * events
    assert passes_of(method, 0.8, problem(700), score_samples=512, **one_shot) == events


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("snip-it", {}),
        ("snip-it", {"batchnorm": "batch"}),
        pytest.param("iter-snip", {}, marks=pytest.mark.slow),
        ("force", {"steps": 20, "batchnorm": "batch"}),
        ("synflow", {}),
        ("grasp", {"batchnorm": "batch"}),
    ],
)
def test_a_grid_in_any_order_equals_single_calls(problem, method, params):
    """Bit for bit: masks, weights and records; what one sparsity leaves behind must not reach the next."""
    torch.manual_seed(1)
    model, data = Counted(), problem(200)
    together = sr.sparsify(model, method, GRID, data, seed=3, **params)
    for target, subject in zip(GRID, together, strict=True):
        alone = sr.sparsify(model, method, target, data, seed=3, **params)
        assert alone.record() == subject.record()
        assert sha256_of(alone.model.state_dict()) == sha256_of(subject.model.state_dict())
        for name, part in alone.plan.items():
            assert torch.equal(part.mask, subject.plan[name].mask)
    first, last = together[0], together[3]
    with torch.no_grad():
        first.model.conv.weight.fill_(7.0)
        first.weights.masks["conv.weight"].fill_(True)
    assert not bool((last.model.conv.weight == 7).any())
    assert not bool(last.weights.masks["conv.weight"].all())


def test_a_network_whose_images_are_not_known_is_scored_when_their_shape_is_given(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 5, 8), nn.ReLU(), nn.Linear(8, 3))
    subject = sr.sparsify(model, "synflow", 0.5, input_shape=(2, 3, 5), steps=2)
    again = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=copy.deepcopy(model))
    assert again.kept == subject.kept == 132
