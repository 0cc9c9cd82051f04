"""Connectivity on networks whose live edges are known, and against the claims about frozen and pruned nets."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import sparserobust as sr
from evaluators.connectivity import Connectivity
from sparserobust.records import remark
from sparserobust.report.text.sentences import SENTENCES
from sparserobust.subject import Subject
from sparserobust.weights.attach import SparseWeights

SHAPE = (1, 8, 8)


def outcome(model, shape=SHAPE):
    return Connectivity()(model, (torch.rand(2, *shape), torch.tensor([0, 1])))


def values(result, at):
    names = ("connected", "collapsed_layers", "effective_sparsity")
    return tuple(result.score(name, at=at).value for name in names)


@pytest.fixture
def drawn():
    """4 pixels -> 3 hidden units -> 2 logits: unit 0 lives, unit 1 has no input, unit 2 leads nowhere."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]))
        model[3].weight.copy_(torch.tensor([[2.0, 3, 0], [0, 4, 0]]))
    return model


def test_a_model_of_the_users_own_is_read_off_its_zeros(drawn):
    result = outcome(drawn, (1, 2, 2))
    assert values(result, "forward") == values(result, "trainable") == (1.0, 0.0, 1 - 3 / 18)
    assert result.score("log10_paths").value == pytest.approx(math.log10(2))
    table = result.tables["layers"]
    assert table.columns == (
        "layer", "prunable", "kept", "forward_effective", "trainable_effective", "constant_units",
    )  # fmt: skip
    assert table.rows == (("1.weight", 12, 3, 2, 2, 1), ("3.weight", 6, 3, 1, 1, 1))
    assert result.verdict == remark("connected", trainable=3, kept=6)
    assert result.score("connected", at="forward").warnings == (remark("constant-logits", constant=1, of=2),)
    assert result.score("connected", at="trainable").warnings == ()


def test_the_headline_is_the_forward_graph_being_connected(drawn):
    headlines = [score for score in outcome(drawn, (1, 2, 2)).scores if score.headline]
    assert [(score.name, score.at) for score in headlines] == [("connected", "forward")]


@pytest.mark.parametrize("sparsity", [0.0, 0.99])
def test_a_frozen_net_is_connected_and_fully_effective_forwards_however_few_weights_train(
    network, problem, sparsity
):
    subject = sr.sparsify(network, "freezenet", sparsity, problem(64))
    result = outcome(subject)
    assert values(result, "forward") == (1.0, 0.0, 0.0)
    connected, _, effective = values(result, "trainable")
    assert connected == 1.0
    assert effective == pytest.approx(
        subject.sparsity, abs=1e-12
    )  # each kept weight has a path in a dense net


def test_a_dct_net_is_connected_by_its_offset_alone(network):
    subject = sr.sparsify(network, "dctps", 0.9)
    with torch.no_grad():
        result = outcome(subject)
    assert result.score("connected", at="forward").value == 1.0
    assert result.score("effective_sparsity", at="forward").value < 0.05
    assert result.score("effective_sparsity", at="trainable").value >= subject.sparsity


def test_a_pruned_net_has_one_graph(network):
    subject = sr.sparsify(network, "random", 0.8, seed=1)
    result = outcome(subject)
    assert values(result, "forward") == values(result, "trainable")
    assert subject.sparsity <= result.score("effective_sparsity", at="forward").value < 1
    assert result.score("effective_sparsity", at="forward").n == subject.prunable


def test_a_cut_layer_is_named_and_the_paths_have_no_number():
    model = sr.create_model("lenet5-caffe", input_shape=(1, 28, 28), num_classes=10)
    with torch.no_grad():
        model.body[3].weight.zero_()
    result = outcome(model, (1, 28, 28))
    assert values(result, "forward") == (0.0, 1.0, 1.0)
    assert result.verdict == remark("disconnected", cut_at="body.3")
    paths = result.score("log10_paths")
    assert (paths.value, paths.reason) == (None, remark("no-path"))
    assert result.tables["layers"].column("constant_units") == [0.0, 50.0, 500.0, 10.0]


def test_a_network_without_a_collapsed_layer_can_still_be_disconnected(drawn):
    with torch.no_grad():
        drawn[3].weight[:, 0] = 0
    result = outcome(drawn, (1, 2, 2))
    assert values(result, "forward") == (0.0, 0.0, 1.0)
    assert result.verdict == remark("disconnected", cut_at="3")


def test_kept_weights_beside_every_path_are_said_to_be_there(drawn):
    subject = Subject.of(drawn)
    subject.weights.masks["1.weight"][0] = False  # as if frozen: the live weights stay, two dead ends train
    subject.weights.masks["3.weight"][0, 0] = False
    result = outcome(subject, (1, 2, 2))
    assert values(result, "trainable") == (0.0, 0.0, 1.0)
    assert values(result, "forward")[0] == 1.0
    assert result.verdict == remark("connected-untrainable", kept=3)


def test_an_unsupported_operation_is_a_skip_that_names_it():
    class Sorted(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 4)

        def forward(self, images):
            logits = self.linear(images.flatten(1))
            return logits.sort().values

    result = outcome(Sorted())
    assert result.status == "skipped"
    assert result.reason.facts["error"] == "UnsupportedOperation"
    assert "aten.sort.default" in result.reason.facts["message"]


class Tokens(nn.Module):
    """Attention, a gate and a recurrent layer over the rows of an image."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8)
        self.gate, self.cell, self.head = nn.Linear(8, 8), nn.GRU(8, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, images):
        query, key, value = self.qkv(images[:, 0]).chunk(3, dim=2)
        tokens = self.norm(self.out(nn.functional.scaled_dot_product_attention(query, key, value)))
        return self.head(self.cell(tokens * self.gate(tokens).sigmoid())[0][:, -1])


def test_paths_through_attention_and_gates_have_no_number_and_all_else_is_measured():
    result = outcome(Tokens())
    assert values(result, "forward") == (1.0, 0.0, 0.0)
    paths = result.score("log10_paths")
    assert paths.value is None
    assert paths.reason == remark("paths-through-products", operators=["bmm", "_safe_softmax", "mul"])
    assert SENTENCES["paths-through-products"]
    assert result.status == "ok"
    assert len(result.tables["layers"].rows) == 6
    assert set(result.tables["layers"].column("constant_units")) == {0.0}


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("make", [Tokens, lambda: sr.create_model("mlp5", input_shape=SHAPE, num_classes=4)])
def test_pruning_by_torch_scores_as_our_own_pruning_with_the_same_masks(make, removed):
    torch.manual_seed(0)
    model = make()
    subject = sr.sparsify(model, "magnitude", 0.8, input_shape=SHAPE, seed=0)
    for name, mask in subject.weights.masks.items():
        owner, _, attribute = name.rpartition(".")
        prune.custom_from_mask(model.get_submodule(owner), attribute, mask)
        if removed:
            prune.remove(model.get_submodule(owner), attribute)
    own, torchs = outcome(subject), outcome(model)
    assert own.scores == torchs.scores
    assert own.tables == torchs.tables
    assert 0.8 <= own.score("effective_sparsity", at="forward").value < 1


def test_a_weight_that_is_computed_anew_is_judged_by_what_is_multiplied():
    class Shifted(nn.Linear):
        def forward(self, images):
            weight = self.weight - self.weight.mean()
            return nn.functional.linear(images.flatten(1), weight, self.bias)

    layer = Shifted(4, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0] = 1.0
    result = outcome(layer, (1, 2, 2))
    assert values(result, "forward") == (1.0, 0.0, 0.0)
    assert values(result, "trainable") == (1.0, 0.0, 1 - 1 / 8)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    assert values(outcome(layer, (1, 2, 2)), "forward") == (0.0, 1.0, 1.0)  # nothing but zeros is multiplied


def test_a_layer_that_never_runs_has_no_count_of_units_and_is_said_to_be_there(make_network):
    model = make_network("residual")
    subject = Subject.of(model, lambda: SHAPE)
    model.auxiliary = nn.Linear(3, 2)
    masks = subject.weights.masks | {"auxiliary.weight": torch.ones(2, 3).bool()}
    subject.weights = SparseWeights(model, masks, "zero")
    result = outcome(subject)
    assert result.tables["layers"].rows[-1] == ("auxiliary.weight", 6, 6, 0, 0, None)
    idle = (remark("idle-layers", layers=["auxiliary.weight"]),)
    assert [s.warnings for s in result.curve("effective_sparsity")] == [idle, idle]


def test_the_model_is_as_before_and_the_result_repeats(network):
    before = copy.deepcopy(network.state_dict())
    first, second = outcome(network), outcome(network)
    assert first.scores == second.scores
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training
