"""Networks that hold, tie or reach their weights in ways of their own: numbers, masks and files stay right."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import sparserobust as sr
from sparserobust.errors import ModelError

SHAPE = (1, 8, 8)
DATA = torch.rand(16, *SHAPE, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 2))


def measured(model, evaluator: str):
    return sr.evaluate(model, DATA, [evaluator]).outcomes[evaluator]


def logits(subject) -> torch.Tensor:
    with torch.no_grad():
        return subject.model.eval()(DATA[0])


def test_a_parametrized_network_is_pruned_trained_saved_and_loaded(tmp_path):
    model = mlp()
    parametrizations.spectral_norm(model[1])
    subject = sr.sparsify(model, "magnitude", 0.7, data=DATA)
    sr.train(subject, DATA, recipe="digits", epochs=1)
    assert measured(subject, "storage").score("zero_fraction").value == pytest.approx(0.7, abs=1e-9)
    fresh = mlp()
    parametrizations.spectral_norm(fresh[1])
    back = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=fresh)
    assert torch.equal(logits(back), logits(subject))
    assert subject.at_initialisation().kept == subject.kept


def test_a_network_whose_parameters_were_put_in_another_order_comes_back(tmp_path):
    model = mlp()
    prune.l1_unstructured(model[1], "weight", 0.5)
    prune.remove(model[1], "weight")  # the bias is the first parameter from here on
    subject = sr.sparsify(model, "magnitude", 0.7, data=DATA)
    back = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=mlp())
    assert torch.equal(logits(back), logits(subject))
    assert back.record().weights_sha256 == subject.record().weights_sha256


def tied_by_memory() -> nn.Sequential:
    torch.manual_seed(0)
    first, second = nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)
    second.weight.data = first.weight.data
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.Linear(64, 2, bias=False))


def test_weights_that_lie_in_one_memory_are_one_weight_and_stay_so(tmp_path):
    """64 * 64 + 2 * 64 weights; at 0.8 844 are kept, floor(0.2 * 4224), and those of the tied layers count twice."""
    model = tied_by_memory()
    assert measured(model, "storage").score("dense_bytes").value == 4 * (64 * 64 + 2 * 64)
    subject = sr.sparsify(model, "magnitude", 0.8, data=DATA)
    assert subject.model[3].weight is subject.model[1].weight
    kept = {name: int(mask.sum()) for name, mask in subject.weights.masks.items()}
    assert list(kept) == ["1.weight", "4.weight"]
    assert sum(kept.values()) == 844
    executed = measured(subject, "flops").score("executed_macs").value
    assert executed == 2 * kept["1.weight"] + kept["4.weight"]
    back = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=tied_by_memory())
    assert torch.equal(logits(back), logits(subject))


@pytest.mark.parametrize("name", ["1", "3", "3.weight"])
def test_a_tied_weight_is_excluded_by_any_of_its_names(name):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Linear(64, 2))
    model[3].weight = model[1].weight
    assert list(sr.sparsify(model, "magnitude", 0.5, data=DATA, exclude=[name]).weights.masks) == ["4.weight"]


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "normalised", [parametrizations.weight_norm, nn.utils.weight_norm], ids=["new", "old"]
)
def test_a_normalised_row_that_would_lose_all_its_weights_is_refused(normalised):
    """A row of zeros has no direction: v / |v| is 0 / 0, and the network would return NaN."""
    model = mlp()
    normalised(model[1])
    with pytest.raises(ModelError, match=r"1\.weight is normalised by the length of its rows"):
        sr.sparsify(model, "snip", 0.95, data=DATA)
    assert torch.isfinite(logits(sr.sparsify(model, "magnitude", 0.1, data=DATA))).all()


class Experts(nn.Module):
    """Eight experts, each called with the rows of the images that the gate gives to it, be there any or not."""

    def __init__(self, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        self.gate, self.head = nn.Linear(64, 8, bias=False), nn.Linear(32, 2, bias=False)
        self.experts = nn.ModuleList(nn.Linear(64, 32, bias=False) for _ in range(8))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = images.flatten(1)
        value, choice = self.gate(x).softmax(-1).max(-1)
        out = x.new_zeros(len(x), 32)
        for number, expert in enumerate(self.experts):
            rows = (choice == number).nonzero()[:, 0]
            if len(rows) or not self.skip:
                out[rows] = expert(x[rows]) * value[rows, None]
        return self.head(out)


def test_experts_that_no_image_goes_to_are_weights_or_said_to_be_left_out():
    torch.manual_seed(0)
    assert len(sr.sparsify(Experts(skip=False), "magnitude", 0.9, data=DATA).weights.masks) == 10
    subject = sr.sparsify(Experts(skip=True), "magnitude", 0.9, data=DATA)
    (warning,) = subject.warnings
    left_out = [f"experts.{number}.weight" for number in range(8)]
    left_out = [name for name in left_out if name not in subject.weights.masks]
    assert (warning.code, list(warning.facts["layers"]), len(left_out)) == ("weights-not-run", left_out, 7)


class Closed(nn.Module):
    """Reads a layer through a function that holds the network itself, which no copy of it can change."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(64, 10, bias=False), nn.Linear(10, 2, bias=False)
        self.read = lambda x: self.layer(x)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.read(images.flatten(1)).relu())


def test_a_layer_that_a_copy_reads_from_the_original_gets_no_mask_and_is_named():
    subject = sr.sparsify(Closed(), "magnitude", 0.8, data=DATA)
    assert list(subject.weights.masks) == ["head.weight"]
    assert [(w.code, list(w.facts["layers"])) for w in subject.warnings] == [
        ("weights-not-run", ["layer.weight"])
    ]


class Summed(nn.Module):
    """A matrix product written as a multiplication and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.head = nn.Parameter(torch.rand(1, 64)), nn.Linear(1, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head((images.flatten(1).unsqueeze(1) * self.weight).sum(-1))


def test_products_by_multiplication_and_sum_are_said_at_the_number():
    score = measured(Summed(), "flops").score("dense_macs")
    assert (score.value, [w.facts["products"] for w in score.warnings]) == (2, [64])


class Vector(nn.Module):
    """One parameter of one dimension, viewed as a matrix: multiplied, but not prunable."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.rand(640))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.theta.view(64, 10)


def test_multiply_adds_need_no_prunable_weight():
    outcomes = sr.evaluate(Vector(), (DATA[0], torch.arange(16) % 10), ["flops", "storage"]).outcomes
    assert outcomes["flops"].score("dense_macs").value == 640
    assert outcomes["storage"].status == "skipped"


@pytest.mark.filterwarnings("ignore")  # torch says where quantisation moves to
def test_quantisation_aware_training_keeps_its_weights():
    model = mlp()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    prepared = torch.ao.quantization.prepare_qat(model.train())
    prepared(DATA[0])
    prepared.eval()
    assert measured(prepared, "flops").score("dense_macs").value == 660
    assert list(sr.sparsify(copy.deepcopy(prepared), "magnitude", 0.5, data=DATA).weights.masks) == [
        "1.weight",
        "3.weight",
    ]


def test_a_scripted_network_is_measured():
    outcomes = sr.evaluate(torch.jit.script(mlp()), DATA, ["storage", "flops", "connectivity"]).outcomes
    assert {name: outcome.status for name, outcome in outcomes.items()} == dict.fromkeys(outcomes, "ok")
