"""A misbehaving evaluator leaves no trace in the model, the batch or a random state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

import sparserobust as sr
from evaluators import FGSM, Accuracy
from sparserobust.records import Outcome
from sparserobust.scoring import Batch, Context

from .doubles import MISDEEDS, evaluator_of, state_of


@pytest.mark.parametrize("stage", ["begin", "update", "finish"])
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_misbehaving_evaluator_changes_nobody_elses_numbers_and_leaves_no_trace(
    trained, problem, misdeed, stage
):
    data = problem(30)
    trained.body[4].eval()  # modes are mixed
    before = state_of(trained)
    clean = sr.evaluate(trained, data, [Accuracy(), FGSM()], batch_size=12)

    def act(given: Batch | Context) -> Outcome:
        misdeed(given.model if isinstance(given, Batch) else given.subject.model)
        return bad.outcome()

    bad = evaluator_of("bad", **{stage: act})
    dirty = sr.evaluate(trained, data, [bad, Accuracy(), FGSM()], batch_size=12)
    assert state_of(trained) == before
    for name in ("accuracy", "fgsm"):
        assert dirty.outcomes[name].scores == clean.outcomes[name].scores
        assert dirty.outcomes[name].status == "ok"


@pytest.mark.parametrize("name", ["images", "labels", "logits", "loss_gradient"])
def test_what_an_evaluator_writes_into_the_batch_does_not_reach_the_others(trained, problem, name):
    """Images, labels and shared results are everybody's: a write is undone or refused."""
    data = problem(30)
    originals = data[0].clone(), data[1].clone()
    clean = sr.evaluate(trained, data, [Accuracy(), FGSM()])
    bad = evaluator_of("bad", update=lambda batch: getattr(batch, name).zero_())
    dirty = sr.evaluate(trained, data, [bad, Accuracy(), FGSM()])
    for other in ("accuracy", "fgsm"):
        assert dirty.outcomes[other].scores == clean.outcomes[other].scores, other
    assert torch.equal(data[0], originals[0])
    assert torch.equal(data[1], originals[1])


def test_the_random_stream_of_the_data_is_not_rewound_between_batches(trained):
    """Data that draws (augmentation, shuffling) must not get the same draws in every batch."""

    class Drawn(Dataset):
        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return torch.rand(1, 8, 8), 0

    seen: list[Tensor] = []
    sr.evaluate(
        trained,
        Drawn(),
        [evaluator_of("watching", update=lambda b: seen.append(b.images.clone()))],
        batch_size=4,
    )
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


@pytest.mark.parametrize("limit", [None, 9])
@pytest.mark.parametrize("shuffle", [False, True])
def test_evaluating_a_loader_leaves_the_global_random_states_alone(trained, problem, shuffle, limit):
    before = state_of(trained)
    loader = DataLoader(TensorDataset(*problem(20)), batch_size=8, shuffle=shuffle)
    sr.evaluate(trained, loader, ["accuracy", "fgsm"], limit=limit)
    assert state_of(trained) == before


def test_an_evaluator_that_changes_the_model_before_the_shared_pass_does_not_poison_it(trained, problem):
    data = problem(30)
    clean = sr.evaluate(trained, data, [Accuracy()])

    def noisy(batch: Batch) -> None:
        with torch.no_grad():
            for parameter in batch.model.parameters():
                parameter.add_(torch.randn_like(parameter))
        assert len(batch.logits) == len(batch)

    dirty = sr.evaluate(trained, data, [evaluator_of("noisy", update=noisy), Accuracy()])
    assert dirty.outcomes["accuracy"].scores == clean.outcomes["accuracy"].scores


def test_a_buffer_that_was_replaced_is_put_back(trained, problem):
    before = state_of(trained)

    def replace(batch: Batch) -> None:
        batch.model.body[1].running_mean = torch.full((4,), 9.0)

    sr.evaluate(trained, problem(20), [evaluator_of("replacing", update=replace), Accuracy()])
    assert state_of(trained) == before


def test_evaluating_leaves_even_the_sign_of_a_zero_alone(trained, problem):
    with torch.no_grad():
        trained.body[0].weight[0] = -0.0
    sr.evaluate(trained, problem(8), ["accuracy", "storage"])
    assert bool(torch.signbit(trained.body[0].weight[0]).all())
