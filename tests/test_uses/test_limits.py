"""What the tracer leaves as it was, what it says it cannot know, and where it must look twice."""

from __future__ import annotations

import copy
import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.records import remark
from sparserobust.uses import CannotTrace, prunable, trace_uses
from sparserobust.uses.replica import replica_of, storage_of
from tests.test_uses.structures.structure import PIXELS, SHAPE, Net, weight


@torch.library.custom_op("sparserobust_test::weighted_sum", mutates_args=())
def weighted_sum(x: Tensor, w: Tensor) -> Tensor:
    """An operator of another library, which the tracer has no rule for."""
    return x @ w.t()


def flops(model):
    return sr.evaluate(model, (torch.rand(2, *SHAPE), torch.tensor([0, 1])), ["flops"]).outcomes["flops"]


def test_an_operator_without_a_rule_is_not_measured_and_named():
    model = Net(
        lambda m, x: m.head(weighted_sum(x.flatten(1), m.w)), w=weight(20, PIXELS), head=nn.Linear(20, 10)
    )
    outcome = flops(model)
    reason = remark("operator-without-rule", operators=["sparserobust_test::weighted_sum"], layers=["w"])
    for name in ("dense_macs", "executed_macs"):
        assert outcome.score(name).value is None
        assert outcome.score(name).reason == reason
    assert prunable(model, SHAPE) == ("head.weight",)


def test_distances_to_centres_are_not_measured():
    """`cdist` multiplies or not, as its arguments are."""
    model = Net(
        lambda m, x: -torch.cdist(m.layer(x.flatten(1)), m.centres),
        layer=nn.Linear(PIXELS, 9),
        centres=weight(5, 9),
    )
    assert flops(model).score("dense_macs").value is None
    assert trace_uses(model, SHAPE).opaque == {"_cdist_forward": ("centres",)}


@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_a_weight_in_a_sparse_format_is_not_measured(layout):
    def run(m: Net, x: Tensor) -> Tensor:
        w = m.w.to_sparse() if layout == "coo" else m.w.to_sparse_csr()
        return torch.sparse.mm(w, x.flatten(1).t()).t()

    uses = trace_uses(Net(run, w=weight(10, PIXELS)), SHAPE)
    assert uses.prunable == ()
    assert list(uses.opaque.values()) == [("w",)]


def test_a_product_by_broadcasting_and_summing_is_listed_and_not_prunable():
    model = Net(
        lambda m, x: m.head((x.flatten(1)[:, None] * m.w).sum(-1)),
        w=weight(20, PIXELS),
        head=nn.Linear(20, 10),
    )
    outcome = flops(model)
    assert outcome.score("dense_macs").value == 200
    assert outcome.score("dense_macs").warnings == (remark("broadcast-not-counted", products=20 * PIXELS),)
    uses = trace_uses(model, SHAPE)
    assert uses.prunable == ("head.weight",)
    assert uses.outside == {"w": "broadcast"}


def test_operators_that_the_image_alone_passes_are_named_beside_the_number():
    model = Net(
        lambda m, x: m.layer(torch.erfinv(x.flatten(1) * 0.9).cummax(1).values), layer=nn.Linear(PIXELS, 4)
    )
    outcome = flops(model)
    assert outcome.score("dense_macs").value == 4 * PIXELS
    assert outcome.score("dense_macs").warnings == (remark("operators-not-counted", operators=["cummax"]),)


@pytest.mark.parametrize(
    "way",
    [
        lambda x: torch.from_numpy(x.numpy().copy()),
        lambda x: torch.tensor(x.tolist()),
        lambda x: torch.ones_like(x),
    ],
    ids=["numpy", "list", "none"],
)
def test_a_network_whose_output_does_not_follow_from_the_image_cannot_be_traced(way):
    model = Net(lambda m, x: m.layer(way(x).flatten(1)), layer=nn.Linear(PIXELS, 4))
    with pytest.raises(CannotTrace, match="does not follow from the image by operations of torch"):
        trace_uses(model, SHAPE)


def test_a_network_that_does_not_run_says_why_in_one_line():
    with pytest.raises(
        CannotTrace, match=r"Linear does not run on an image of shape \(3, 8, 8\): RuntimeError: mat1"
    ) as e:
        trace_uses(nn.Linear(5, 5), SHAPE)
    assert "\n" not in str(e.value)


class Careless(nn.Module):
    """Writes into all that it can reach, draws random numbers, sets switches, and then raises where asked."""

    def __init__(self, *, raises: bool) -> None:
        super().__init__()
        self.w = weight(10, PIXELS)
        self.norm = nn.BatchNorm1d(10)
        self.recurrent = nn.LSTM(5, 2, batch_first=True)
        self.history: list[Tensor] = []
        self.raises = raises

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.w.mul_(0.5)
            self.w[0] = x.flatten(1)[0]
            self.norm.weight.add_(1)
            self.norm.running_mean.add_(torch.rand(10))
        self.norm.train()
        self.history.append(x)
        random.random(), np.random.rand()
        torch.set_default_dtype(torch.float64)
        out = F.linear(x.flatten(1), self.w)
        x.zero_()
        out = self.recurrent(out.reshape(len(out), 2, 5))[0].flatten(1)
        if self.raises:
            raise ValueError("as asked")
        return out


def switches() -> tuple[object, ...]:
    """Torch's switches of kernels, and the states that random numbers come from."""
    cuda = torch.backends.cuda
    return (
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.mkldnn.enabled,
        torch.backends.cudnn.enabled,
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.math_sdp_enabled(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # type: ignore[index]
    )


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("changed", [False, True], ids=["switches as usual", "other switches"])
def test_model_and_switches_are_as_before_whatever_happens(raises, changed):
    model = Careless(raises=raises)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    usual = torch.backends.mha.get_fastpath_enabled(), bool(torch.backends.mkldnn.enabled)
    try:
        if changed:
            torch.backends.mha.set_fastpath_enabled(False)
            torch.backends.mkldnn.enabled = False
        states = switches()
        with pytest.raises(CannotTrace, match="as asked") if raises else nullcontext():
            trace_uses(model, SHAPE, by_torch=True)
        assert switches() == states
    finally:
        torch.backends.mha.set_fastpath_enabled(usual[0])
        torch.backends.mkldnn.enabled = usual[1]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert model.history == []


def test_weights_are_not_copied_and_buffers_are():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(6, 6))
    model[2].weight.requires_grad_(False)
    replica, _ = replica_of(model)
    for own, theirs in zip(model.parameters(), replica.parameters(), strict=True):
        assert storage_of(own) == storage_of(theirs)
    for own, theirs in zip(model.buffers(), replica.buffers(), strict=True):
        assert storage_of(own) != storage_of(theirs)


def test_a_view_of_a_weight_in_a_buffer_or_attribute_is_the_weight():
    model = Net(
        lambda m, x: F.linear(x.flatten(1), m.view) + F.linear(x.flatten(1), m.other), w=weight(10, PIXELS)
    )
    model.register_buffer("view", model.w.data)
    model.other = [model.w.detach()][0]
    uses = trace_uses(model, SHAPE)
    assert uses.prunable == ("w",)
    assert [use.weights for use in uses.uses] == [("w",), ("w",)]


def test_parameters_that_are_views_of_one_memory_are_told_apart():
    flat = torch.randn(2 * 10 * PIXELS)
    model = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 10, bias=False), nn.Linear(10, PIXELS, bias=False))
    model[1].weight.data = flat[: 10 * PIXELS].view(10, PIXELS)
    model[2].weight.data = flat[10 * PIXELS :].view(PIXELS, 10)
    assert [use.weights for use in trace_uses(model, SHAPE).uses] == [("1.weight",), ("2.weight",)]


def test_activations_that_a_network_has_kept_are_no_obstacle():
    def run(m: Net, x: Tensor) -> Tensor:
        m.kept = {"first": [m.layer(x.flatten(1))]}
        return m.kept["first"][0]

    model = Net(run, layer=nn.Linear(PIXELS, 10))
    model(torch.rand(2, *SHAPE))
    assert trace_uses(model, SHAPE).macs == 10 * PIXELS


def test_a_network_made_in_inference_mode_is_traced():
    with torch.inference_mode():
        model = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 10))
        assert trace_uses(model, SHAPE).macs == 10 * PIXELS
    assert trace_uses(model, SHAPE).prunable == ("1.weight",)


class Sequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(24, 32, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x.permute(0, 2, 1, 3).flatten(2))[0][:, -1])


def test_a_scripted_recurrent_network_is_traced():
    """By hand 8 * (24 * 128 + 32 * 128) + 320."""
    uses = trace_uses(torch.jit.script(Sequence().eval()), SHAPE)
    assert uses.macs == 57_664
    assert uses.prunable == ("layer.weight_ih_l0", "layer.weight_hh_l0", "head.weight")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_recurrent_layers_in_other_number_formats_step_by_step(dtype):
    assert trace_uses(Sequence().to(dtype), SHAPE).macs == 57_664


def test_a_network_that_takes_gradients_while_it_runs_is_counted_with_them():
    """Score of an energy: 192 x 20 there, 20 x 1, and the same way back; then a head."""

    def run(m: Net, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            (pull,) = torch.autograd.grad(m.energy(m.hidden(x.flatten(1)).tanh()).sum(), x)
        return m.head(pull.flatten(1))

    model = Net(run, hidden=nn.Linear(PIXELS, 20), energy=nn.Linear(20, 1), head=nn.Linear(PIXELS, 10))
    assert trace_uses(model, SHAPE).macs == 2 * (PIXELS * 20 + 20) + PIXELS * 10


def test_the_trace_is_the_same_whatever_mode_and_threads_the_caller_is_in():
    model = copy.deepcopy(Sequence()).train()
    plain = trace_uses(model, SHAPE).uses
    with torch.inference_mode():
        assert trace_uses(model, SHAPE).uses == plain
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert sum(use.macs for use in trace_uses(model, SHAPE).uses) == 57_664
