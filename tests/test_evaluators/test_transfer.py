"""Images carried over between two models: closed forms, masking, caching, what is skipped."""

import numpy as np
import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import Transfer
from sparserobust.errors import ConfigError
from sparserobust.records import DIFFERENCE, remark
from sparserobust.stats import newcombe_paired, wilson

EPS = (0.02, 0.05, 0.1)
PIXELS = 64


class Linear(nn.Module):
    """Two logits, 0 and weight @ pixels + bias."""

    def __init__(self, weight, bias=None):
        super().__init__()
        self.layer = nn.Linear(PIXELS, 2)
        with torch.no_grad():
            self.layer.weight.zero_()
            self.layer.weight[1] = weight
            self.layer.bias.zero_()
            self.layer.bias[1] = -0.5 * weight.sum() if bias is None else bias

    def forward(self, images):
        return self.layer(images.flatten(1))


class Backwards(torch.autograd.Function):
    """The identity, with its gradient turned round."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Masked(Linear):
    """The same function as `Linear`; its gradient points the wrong way."""

    def forward(self, images):
        return super().forward(Backwards.apply(images))


def problem(n=400):
    """Two weights that agree in sign on three pixels of four, images inside [0.3, 0.7], labels of the dense one."""
    stream = torch.Generator().manual_seed(0)
    dense = torch.randn(PIXELS, generator=stream)
    sparse = dense * torch.where(torch.rand(PIXELS, generator=stream) < 0.75, 1.0, -0.4)
    images = 0.3 + 0.4 * torch.rand(n, 1, 8, 8, generator=stream)
    labels = Linear(dense)(images).argmax(dim=1)
    return sparse, dense, (images, labels)


def lead(weight, images, labels):
    """By how much the label's logit leads: y * f with y = +-1."""
    f = (images.flatten(1) - 0.5) @ weight
    return (f * (2 * labels - 1)).numpy()


@pytest.fixture(scope="module")
def closed():
    sparse, dense, data = problem()
    outcome = Transfer(eps=EPS)(Linear(sparse), data, dense_model=Linear(dense))
    return sparse, dense, data, outcome


def test_all_four_directions_on_linear_models_are_the_closed_form(closed):
    """The strongest image moves by eps against sign(w); on another model v its lead falls by eps * v @ sign(w).

    An attack that stops as soon as the source is fooled breaks a third of these on the other model.
    """
    sparse, dense, (images, labels), outcome = closed
    own, other = lead(sparse, images, labels), lead(dense, images, labels)
    both = (own > 0) & (other > 0)
    assert np.array_equal(outcome.per_example["correct"], own > 0)
    assert np.array_equal(outcome.per_example["dense_correct"], other > 0)
    drops = {
        "white_box": (own, sparse.abs().sum()),
        "transfer_in": (own, sparse @ dense.sign()),
        "dense_white_box": (other, dense.abs().sum()),
        "transfer_out": (other, dense @ sparse.sign()),
    }
    for name, (margin, drop) in drops.items():
        for row, eps in enumerate(EPS):
            left = margin - eps * float(drop)
            sure = both & (np.abs(left) > 0.03 * eps * abs(float(drop)))
            expected = both & (left < 0)
            assert np.array_equal(outcome.per_example[name][row, sure], expected[sure]), (name, eps)
            assert not outcome.per_example[name][row, ~both].any()
    broken = outcome.per_example["transfer_in"][1].sum()
    assert 20 < broken < both.sum() - 20  # else the comparison above says little


def test_scores_are_the_rates_among_those_both_get_right_with_wilsons_interval(closed):
    *_, outcome = closed
    both = outcome.per_example["correct"] & outcome.per_example["dense_correct"]
    n = int(both.sum())
    for name in ("white_box", "transfer_in", "dense_white_box", "transfer_out"):
        for row, eps in enumerate(EPS):
            hits = int(outcome.per_example[name][row].sum())
            score = outcome.score(f"{name}_success_rate", at=eps)
            bounds = wilson(hits, n)
            assert (score.n, score.value, score.ci_low, score.ci_high) == (
                n,
                hits / n,
                bounds.low,
                bounds.high,
            )
    arrays = outcome.per_example
    gap = outcome.score("transfer_gap", at=0.05)
    expected = newcombe_paired(arrays["transfer_in"][1, both], arrays["white_box"][1, both])
    assert (gap.value, gap.ci_low, gap.ci_high) == (expected.difference, expected.low, expected.high)
    assert [s.at for s in outcome.curve("transfer_in_success_rate") if s.headline] == [0.1]
    assert outcome.verdict == remark("no-masked-gradients")


def test_a_model_whose_gradient_misleads_is_given_away_by_images_of_the_dense_one():
    _, dense, data = problem()
    outcome = Transfer(eps=EPS)(Masked(dense), data, dense_model=Linear(dense))
    assert outcome.score("white_box_success_rate", at=0.1).value == 0
    assert (
        outcome.score("transfer_in_success_rate", at=0.1).value
        == outcome.score("dense_white_box_success_rate", at=0.1).value
        > 0.5
    )
    gap = outcome.score("transfer_gap", at=outcome.verdict.facts["eps"])
    facts = {"eps": gap.at, "gap": gap.value, "low": gap.ci_low, "high": gap.ci_high}
    assert outcome.verdict == remark("masked-gradients", **facts)
    assert gap.unit == DIFFERENCE


def test_a_model_against_itself_gives_each_direction_the_same_images():
    _, dense, data = problem()
    arrays = Transfer(eps=EPS)(Linear(dense), data, dense_model=Linear(dense)).per_example
    for name in ("transfer_in", "dense_white_box", "transfer_out"):
        assert np.array_equal(arrays["white_box"], arrays[name])


def test_neither_batch_size_nor_order_changes_a_decision():
    sparse, dense, (images, labels) = problem(50)
    evaluator = Transfer(eps=EPS[1:2], steps=10, restarts=2)
    models = Linear(sparse), Linear(dense)
    whole = evaluator(models[0], (images, labels), dense_model=models[1]).per_example
    small = evaluator(models[0], (images, labels), dense_model=models[1], batch_size=7).per_example
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    moved = evaluator(models[0], (images[order], labels[order]), dense_model=models[1]).per_example
    for name, array in whole.items():
        assert np.array_equal(array, small[name]), name
        assert np.array_equal(array[..., order.numpy()], moved[name]), name


def test_both_models_are_left_as_they_were():
    sparse, dense, data = problem(50)
    models = Linear(sparse).train(), Linear(dense).train()
    before = [p.clone() for model in models for p in model.parameters()]
    Transfer(eps=(0.1,), steps=3)(models[0], data, dense_model=models[1])
    after = [p for model in models for p in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.grad is None and p.requires_grad for p in after)
    assert all(model.training for model in models)


def test_it_is_skipped_with_the_reason_without_a_dense_model_and_on_the_dense_one():
    sparse, dense, data = problem(20)
    alone = Transfer()(Linear(sparse), data)
    assert (alone.status, alone.reason) == ("skipped", remark("needs-dense-model"))
    digits = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("lenet-300-100", digits), "dense")
    itself = Transfer()(subject, digits, dense_model=sr.create_model("lenet-300-100", digits))
    assert itself.reason == remark("is-dense-model")
    same = Linear(dense)
    assert Transfer()(same, data, dense_model=same).status == "skipped"


def test_a_dense_model_of_other_classes_is_refused():
    sparse, _, data = problem(20)
    other = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 5))
    outcome = Transfer()(Linear(sparse), data, dense_model=other)
    assert outcome.status == "failed"
    assert "the dense model has 5 outputs and this one 2" in outcome.reason.facts["message"]


def test_where_the_two_never_agree_there_is_a_reason_instead_of_a_rate():
    _, dense, data = problem(20)
    outcome = Transfer(eps=(0.1,))(Linear(-dense), data, dense_model=Linear(dense))
    score = outcome.score("transfer_in_success_rate", at=0.1)
    assert (score.value, score.n, score.reason) == (None, 0, remark("nothing-right-on-both"))
    assert outcome.verdict == score.reason


def test_a_second_run_is_taken_from_the_cache_unless_the_dense_model_changes(tmp_path):
    sparse, dense, data = problem(60)
    evaluator = Transfer(eps=EPS, steps=5)

    def measured(other):
        run = sr.evaluate(Linear(sparse), data, [evaluator], dense_model=other, cache=tmp_path)
        return run.outcomes["transfer"]

    first, second, third = measured(Linear(dense)), measured(Linear(dense)), measured(Linear(sparse))
    assert (first.cached, second.cached, third.cached) == (0, 60, 0)
    assert first.passes == second.passes
    assert all(np.array_equal(first.per_example[k], second.per_example[k]) for k in first.per_example)
    assert not np.array_equal(first.per_example["transfer_in"], third.per_example["transfer_in"])


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"eps": (2.0,)}, "did you mean n/255"), ({"steps": 0}, "at least 1"), ({"step_size": 0.0}, "above 0")],
)
def test_settings_that_cannot_be_are_refused(settings, text):
    with pytest.raises(ConfigError, match=text):
        Transfer(**settings)
