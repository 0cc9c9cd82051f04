"""What a method's choice of masks may depend on: the seed, and all the examples that it is given."""

from __future__ import annotations

import copy
import random

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.data import Data
from sparserobust.errors import DegenerateScores
from sparserobust.methods.base import Method
from sparserobust.methods.by_score import PruneByScore
from sparserobust.methods.choose import choose_masks
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.subject import Subject
from sparserobust.testing.networks import examples_of
from sparserobust.uses import prunable
from sparserobust.weights.isolation import random_states_kept

SEED = 3


def check_repeats(subject: Subject, method: Method, model: nn.Module, data: Data, sparsity: float) -> None:
    """The seed alone decides: not the call before, not a global random state, not another sparsity before it."""

    def chosen(*targets: float, global_seed: int = 0) -> list[dict[str, Tensor]]:
        with random_states_kept():
            torch.manual_seed(global_seed)
            np.random.seed(global_seed)
            random.seed(global_seed)
            return [one.masks for one in choose_masks(model, method, targets, data, SEED, "cpu")[1]]

    def check(a: dict[str, Tensor], b: dict[str, Tensor], when: str, remedy: str) -> None:
        for key, mask in a.items():
            same = torch.equal(mask.cpu(), b[key].cpu())
            assert same, f"{method.name} drew another mask of {key} {when}; {remedy}"

    draws = "draw from the generator that is given, and keep nothing on the method"
    alone = "leave the weights of the network that it looks at as they are, and keep nothing on the method"
    (first,), (again,), (elsewhere,) = chosen(sparsity), chosen(sparsity), chosen(sparsity, global_seed=1)
    check(first, again, "for the same seed", draws)
    check(first, subject.weights.masks, "for the same seed", draws)
    check(first, elsewhere, "under another global random state", draws)
    if not sparsity:
        return
    (half,) = chosen(0.5)
    try:
        _, half_after, after_half = chosen(sparsity, 0.5, sparsity)
    except DegenerateScores as error:
        raise AssertionError(
            f"{method.name} cannot choose after another sparsity ({error}); {alone}"
        ) from error
    check(half, half_after, "after another sparsity", alone)
    check(first, after_half, "after another sparsity", alone)


def check_examples(method: PruneByScore, model: nn.Module, data: Data) -> None:
    """The score of all examples in one batch is that of the same examples in three."""
    images, labels = examples_of(data)
    images, double = images.double(), copy.deepcopy(model).double()
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 4), (4, 20), (20, 32))]
    scored: list[dict[str, Tensor]] = []
    for batches in ([(images, labels)], parts):
        looked_at = ScoringModel(
            double,
            prunable(model),
            torch.device("cpu"),
            torch.Generator(),
            examples=lambda event, own=batches: own,  # type: ignore[misc]
            **method.scoring(),
        )
        method.prepare(looked_at)
        looked_at.move(0, None)
        scored.append({key: score.clone() for key, score in method.score(looked_at).items()})
    for key, whole in scored[0].items():
        atol = 1e-5 * float(whole.abs().max())
        assert torch.allclose(scored[1][key], whole, rtol=1e-5, atol=atol), (
            f"{method.name} gives {key} another score when the same examples come in three batches; add up over all of "
            "model.batches"
        )
