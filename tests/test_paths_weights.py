"""Paths go where the tensor that is really multiplied is not 0, however it is made of parameters."""

import math
import warnings
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import sparserobust as sr
from sparserobust.paths import UnsupportedOperation, log10_paths, reachability, read_pixels, trace

FEW = torch.tensor([[1.0, 0], [0, 0], [0, 2]])  # pixels 0 and 1, units 0 and 2


class Net(nn.Module):
    """Two pixels, three hidden units by a weight of any kind, two logits."""

    def __init__(self, weight=FEW):
        super().__init__()
        self.weight, self.head = nn.Parameter(weight.clone()), nn.Linear(3, 2)

    def computed(self):
        return self.weight

    def forward(self, x):
        return self.head(F.linear(x.flatten(1), self.computed()))


def expect(reach, weight="weight", entries=FEW != 0):
    assert torch.equal(reach.present[weight], entries)
    assert torch.equal(reach.forward_effective[weight], entries)
    assert reach.on_path[weight].all()  # whether an entry is there is another question
    assert torch.equal(reach.pixels.flatten(), entries.any(dim=0))
    assert reach.live_units[weight].tolist() == entries.any(dim=1).tolist()
    assert torch.equal(reach.forward_effective["head.weight"], entries.any(dim=1).expand(2, 3))


def test_a_bare_parameter_is_followed_through_views_and_copies():
    class Moved(Net):
        def forward(self, x):
            w = self.weight.T.contiguous().unsqueeze(0).clone()
            w = torch.cat([w, torch.zeros(1, 2, 1)], dim=2)[..., :3].flip(-1).double().float()
            return self.head(torch.einsum("bi,nio->bno", x.flatten(1), w).flip(-1)[:, 0])

    model = Moved()
    reach = reachability(model, input_shape=(1, 1, 2))
    assert torch.equal(reach.forward_effective["weight"], FEW != 0)
    assert reach.on_path["weight"].all()
    assert log10_paths(model, input_shape=(1, 1, 2)) == pytest.approx(math.log10(4))


def test_supports_decide_where_entries_are_those_of_a_weight_and_the_numbers_where_none_are_given():
    class Scaled(Net):
        def computed(self):
            return (self.weight * 3 + 1).tanh()  # no entry of which is 0

    model = Scaled()
    graph = trace(model, (1, 1, 2))
    expect(reachability(graph), entries=torch.ones(3, 2).bool())
    given = {"weight": FEW, "head.weight": torch.ones(2, 3)}
    expect(reachability(graph, given))
    assert log10_paths(graph, given) == pytest.approx(math.log10(4))
    assert log10_paths(graph) == pytest.approx(math.log10(12))


def test_masks_in_the_network_remove_entries_and_zeros_that_are_shifted_come_alive():
    class Masked(Net):
        def __init__(self):
            super().__init__(torch.ones(3, 2))
            self.register_buffer("kept", (FEW != 0).float())

        def computed(self):
            return torch.where(self.weight.abs() > 5, 0, self.weight) * self.kept

    expect(reachability(Masked(), input_shape=(1, 1, 2)))

    class Standardised(Net):
        def computed(self):
            mean = self.weight.mean(dim=1, keepdim=True)
            return (self.weight - mean) / (self.weight.std(dim=1, keepdim=True) + 1e-5)

    alive = torch.tensor([[True, True], [False, False], [True, True]])
    expect(reachability(Standardised(), input_shape=(1, 1, 2)), entries=alive)


def test_a_standardised_convolution_has_an_edge_where_its_stored_weight_is_zero():
    class Standardised(nn.Conv2d):
        def forward(self, x):
            weight = F.batch_norm(self.weight.reshape(1, 2, -1), None, None, training=True, eps=1e-6)
            return F.conv2d(x, weight.reshape_as(self.weight))

    model = nn.Sequential(Standardised(1, 2, 2, bias=False), nn.Flatten(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight[0] = torch.tensor([[1.0, 0], [0, 0]])
        model[0].weight[1] = 0
    reach = reachability(model, input_shape=(1, 2, 2))
    assert reach.present["0.weight"].flatten(1).tolist() == [[True] * 4, [False] * 4]
    assert reach.pixels.all()
    assert log10_paths(model, input_shape=(1, 2, 2)) == pytest.approx(math.log10(4))


class Pruned(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.cell = nn.Linear(2, 3), nn.LSTM(3, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.cell(self.hidden(x[:, 0]))[0][:, -1])


@pytest.mark.parametrize("removed", [False, True])
def test_pruning_by_torch_is_pruning(removed):
    torch.manual_seed(0)
    model, plain = Pruned(), Pruned()
    plain.load_state_dict(model.state_dict())
    for layer, name in (("hidden", "weight"), ("cell", "weight_ih_l0"), ("cell", "weight_hh_l0")):
        weight = getattr(getattr(model, layer), name)
        mask = torch.rand(weight.shape) < 0.3
        prune.custom_from_mask(getattr(model, layer), name, mask)
        with torch.no_grad():
            getattr(getattr(plain, layer), name).mul_(mask)
        if removed:
            prune.remove(getattr(model, layer), name)
    own, expected = (reachability(m, input_shape=(1, 3, 2)) for m in (model, plain))
    for kind in ("present", "on_path", "forward_effective", "live_units"):
        one, other = getattr(own, kind), getattr(expected, kind)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), kind
    assert torch.equal(own.pixels, expected.pixels)


def test_a_dct_offset_is_dense_and_its_mask_is_not():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    subject = sr.sparsify(network, "dctps", 0.8, input_shape=(1, 2, 2))
    graph, masks = trace(subject.model, (1, 2, 2)), subject.weights.masks
    reach = reachability(graph, None, masks)
    weights = subject.effective_weights()
    assert all(torch.equal(reach.present[name], weights[name] != 0) for name in weights)
    kept = reachability(graph, masks)
    assert all(torch.equal(kept.present[name], masks[name]) for name in masks)
    assert torch.equal(read_pixels(graph, masks).flatten(), masks["1.weight"].any(dim=0))


@pytest.mark.parametrize("kind", ["hook", "parametrization"])
def test_a_weight_norm_with_a_gain_of_zero_cuts_a_row(kind):
    model = nn.Sequential(OrderedDict(flat=nn.Flatten(), body=nn.Linear(2, 3), head=nn.Linear(3, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the hook is deprecated
        (nn.utils.weight_norm if kind == "hook" else parametrizations.weight_norm)(model.body)
    gain = model.body.weight_g if kind == "hook" else model.body.parametrizations.weight.original0
    name = "body.weight_v" if kind == "hook" else "body.parametrizations.weight.original1"
    with torch.no_grad():
        gain[1] = 0
    graph = trace(model, (1, 1, 2), [name, "head.weight"])
    reach = reachability(graph)
    assert reach.present[name].tolist() == [[True, True], [False, False], [True, True]]
    assert reach.constant_units[name] == 1
    assert reachability(graph, {n: torch.ones(s) for n, s in graph.shapes.items()}).present[name].all()


def test_weights_that_are_tied_are_on_a_path_where_either_use_is():
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[1.0, 0, 0], [0, 1, 0]]))

        def forward(self, x):
            return F.linear(F.linear(x.flatten(1), self.weight), self.weight.T)[:, :2]

    model = Autoencoder()
    supports = {
        "weight": torch.tensor([[0, 0, 1], [0, 1, 0]])
    }  # pixel 1 -> unit 1 -> logit 1; 2 -> 0 -> nowhere
    reach = reachability(model, supports, None, (1, 1, 3))
    assert reach.on_path["weight"].tolist() == [[True, True, False], [True, True, True]]
    assert reach.logits.tolist() == [False, True]
    assert log10_paths(model, supports, (1, 1, 3)) == 0.0


class LoRA(Net):
    """FEW + up @ down, with rank 2; the second has no way up."""

    def __init__(self):
        super().__init__()
        self.down = nn.Parameter(torch.tensor([[0.0, 1], [1, 1]]))
        self.up = nn.Parameter(torch.tensor([[0.0, 0], [3, 0], [0, 0]]))

    def computed(self):
        return self.weight + self.up @ self.down


def test_an_entry_of_a_factor_is_on_a_path_where_the_other_factor_carries_it_on():
    model = LoRA()
    reach = reachability(model, input_shape=(1, 1, 2))
    assert reach.present["weight"].tolist() == [[True, False], [False, True], [False, True]]
    assert reach.on_path["down"].tolist() == [[True, True], [False, False]]
    assert reach.on_path["up"].all()
    assert reach.forward_effective["up"].tolist() == [[False, False], [True, False], [False, False]]
    assert reach.ran == {"weight", "down", "up", "head.weight"}
    assert "up" not in reach.live_units
    supports = {n: torch.ones(s) for n, s in trace(model, (1, 1, 2)).shapes.items()}
    none = {"weight": torch.zeros(3, 2), "up": model.up, "down": model.down}
    given = reachability(model, supports | none, None, (1, 1, 2))
    assert given.pixels.flatten().tolist() == [False, True]
    assert given.live_units["weight"].tolist() == [False, True, False]


def test_two_weights_that_are_multiplied_entry_by_entry_are_there_where_both_are():
    class Hadamard(Net):
        def __init__(self):
            super().__init__(torch.tensor([[1.0, 1], [0, 1], [1, 0]]))
            self.other = nn.Parameter(torch.tensor([[1.0, 0], [1, 1], [1, 1]]))

        def computed(self):
            return self.weight * self.other

    reach = reachability(Hadamard(), input_shape=(1, 1, 2))
    both = [[True, False], [False, True], [True, False]]
    assert reach.present["weight"].tolist() == reach.present["other"].tolist() == both
    assert reach.on_path["weight"].tolist() == [[True, False], [True, True], [True, True]]


def test_a_parametrization_of_the_users_own_is_followed():
    class Symmetric(nn.Module):
        def forward(self, weight):
            return weight.triu() + weight.triu(1).T

    layer = nn.Linear(3, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1, 0], [9, 0, 0], [9, 9, 0]]))
    parametrize.register_parametrization(layer, "weight", Symmetric())
    reach = reachability(nn.Sequential(nn.Flatten(), layer), input_shape=(1, 1, 3))
    assert reach.pixels.flatten().tolist() == [True, True, False]
    upper = [[True, True, True], [False, True, True], [False, False, True]]
    assert reach.on_path["1.weight"].tolist() == upper  # nothing below is read
    assert reach.forward_effective["1.weight"].sum() == 1


def test_a_scripted_network_is_followed():
    plain = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        plain[1].weight.copy_(FEW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated
        scripted = torch.jit.script(plain)
        own, expected = (reachability(m, input_shape=(1, 1, 2)) for m in (scripted, plain))
    assert torch.equal(own.forward_effective["1.weight"], expected.forward_effective["1.weight"])
    assert torch.equal(own.pixels, expected.pixels)


def test_a_network_whose_weights_cannot_be_followed_is_refused_in_one_line():
    class Strided(Net):
        def computed(self):
            return self.weight.T.as_strided((3, 2), (2, 1))

    with pytest.raises(
        UnsupportedOperation, match="as_strided.* on a weight that is not contiguous"
    ) as refused:
        reachability(Strided(), input_shape=(1, 1, 2))
    assert "\n" not in str(refused.value)


def test_a_network_that_writes_into_its_buffers_is_traced_and_stays_as_it_is():
    class Counting(Net):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(3))

        def forward(self, x):
            hidden = F.linear(x.flatten(1), self.weight)
            self.seen += hidden[0].detach()
            return self.head(hidden)

    model = Counting()
    expect(reachability(model, input_shape=(1, 1, 2)))
    assert not model.seen.any()


def test_weights_that_are_left_out_cut_paths_by_their_numbers_and_have_no_entry():
    model = Net()
    graph = trace(model, (1, 1, 2), ["head.weight"])
    reach = reachability(graph, {"head.weight": torch.ones(2, 3)})
    assert list(reach.on_path) == ["head.weight"]
    assert reach.on_path["head.weight"].tolist() == [[True, False, True]] * 2
    assert read_pixels(graph, {"head.weight": torch.tensor([[1, 0, 0]] * 2)}).flatten().tolist() == [
        True,
        False,
    ]
