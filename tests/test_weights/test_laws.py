"""W_eff = offset + mask * values holds after every optimizer step, whatever the optimizer does."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.errors import ModelError, ShapeError
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.offset import dct_block, dct_offset_of
from sparserobust.weights.plan import sha256_of

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p, decay: torch.optim.SGD(p, 0.2, momentum=0.9, weight_decay=decay),
    "sgd-nesterov": lambda p, decay: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=decay),
    "adam": lambda p, decay: torch.optim.Adam(p, 0.02, weight_decay=decay),
    "adamw": lambda p, decay: torch.optim.AdamW(p, 0.02, weight_decay=decay),
}
STEPS = 6


def draw_masks(model: nn.Module, density: float = 0.3, seed: int = 1) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(module.values.shape, generator=stream) < density
        for name, module in prunable_slots(model).items()
    }


def one_step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """A loop of the user's own: no masking of gradients, nothing but the optimizer."""
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()


@pytest.fixture(params=["zero", "frozen", "dct"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=list(OPTIMIZERS))
def make_optimizer(request: pytest.FixtureRequest) -> Callable[..., torch.optim.Optimizer]:
    return OPTIMIZERS[request.param]


@pytest.mark.parametrize("decay", [0.0, 0.1], ids=["no decay", "decay"])
def test_off_the_mask_weights_are_the_offset_after_every_step(network, kind, make_optimizer, decay, problem):
    masks = draw_masks(network)
    initial = effective_weights(network)
    weights = SparseWeights(network, masks, kind)
    optimizer = make_optimizer(network.parameters(), decay)
    weights.hold(optimizer)
    before = effective_weights(network)
    for step in range(STEPS):
        one_step(network, optimizer, *problem(32, seed=step))
        for name, weight in effective_weights(network).items():
            off = ~masks[name]
            module = prunable_slots(network)[name]
            if kind == "zero":
                assert torch.equal(weight[off], torch.zeros_like(weight[off]))
            elif kind == "frozen":
                assert torch.equal(weight[off].view(torch.int32), initial[name][off].view(torch.int32))
            else:
                dct = dct_offset_of(module)
                assert torch.equal(module.values[off], torch.zeros_like(weight[off]))
                block = dct_block(tuple(weight.shape))
                assert torch.equal(weight[off], (dct.alpha.detach() * block)[off])
    after = effective_weights(network)
    for name, mask in masks.items():
        assert bool((before[name] != after[name])[mask].any()), f"{name} was not trained"
    if kind == "dct":
        alphas = [float(dct_offset_of(module).alpha.detach()) for module in prunable_slots(network).values()]
        assert all(alpha != 1.0 for alpha in alphas)


def test_without_hold_momentum_and_decay_would_break_the_law(network, problem):
    """The premise of everything above: an ordinary step moves weights off the mask."""
    masks = draw_masks(network)
    SparseWeights(network, masks, "zero")
    optimizer = OPTIMIZERS["adamw"](network.parameters(), 0.1)
    one_step(network, optimizer, *problem(32))
    assert all(bool((w[~masks[name]] != 0).any()) for name, w in effective_weights(network).items())


def test_momentum_gathered_before_masking_cannot_revive_a_weight(network, problem):
    optimizer = OPTIMIZERS["sgd"](network.parameters(), 0.0)
    for step in range(3):
        one_step(network, optimizer, *problem(32, seed=step))
    weights = SparseWeights(network, draw_masks(network), "zero")
    weights.hold(optimizer)
    one_step(network, optimizer, *problem(32, seed=9))
    for name, weight in effective_weights(network).items():
        assert not weight[~weights.masks[name]].any()


@pytest.mark.parametrize("kind", ["zero", "frozen"])
def test_sparsity_zero_trains_bit_for_bit_like_the_dense_model(network, kind, make_optimizer, problem):
    dense = copy.deepcopy(network)
    full = {name: torch.ones_like(mask) for name, mask in draw_masks(network).items()}
    weights = SparseWeights(network, full, kind)
    pairs = [
        (network, make_optimizer(network.parameters(), 0.01)),
        (dense, make_optimizer(dense.parameters(), 0.01)),
    ]
    weights.hold(pairs[0][1])
    for step in range(STEPS):
        for model, optimizer in pairs:
            torch.manual_seed(step)
            one_step(model, optimizer, *problem(32, seed=step))
    assert sha256_of(network.state_dict()) == sha256_of(dense.state_dict())


def test_removing_the_handle_ends_the_hold(network, problem):
    weights = SparseWeights(network, draw_masks(network), "zero")
    optimizer = OPTIMIZERS["sgd"](network.parameters(), 0.0)
    weights.hold(optimizer).remove()
    one_step(network, optimizer, *problem(32))
    assert any(bool(w[~weights.masks[name]].any()) for name, w in effective_weights(network).items())


def test_masked_gradients_are_zero_off_the_mask_and_unchanged_on_it(network, kind, problem):
    weights = SparseWeights(network, draw_masks(network), kind)
    images, labels = problem(32)
    F.cross_entropy(network(images), labels).backward()
    raw = {name: module.values.grad.clone() for name, module in prunable_slots(network).items()}
    weights.mask_gradients()
    for name, module in prunable_slots(network).items():
        gradient, mask = module.values.grad, weights.masks[name]
        assert not gradient[~mask].any()
        assert torch.equal(gradient[mask], raw[name][mask])
        assert raw[name][~mask].any()


def test_zero_and_frozen_offsets_leave_a_plain_state_dict(network):
    keys = list(network.state_dict())
    for kind in ("zero", "frozen"):
        twin = copy.deepcopy(network)
        SparseWeights(twin, draw_masks(twin), kind)
        assert list(twin.state_dict()) == keys
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in twin.modules())


def test_a_frozen_network_computes_what_it_did_before(network, problem):
    twin = copy.deepcopy(network)
    SparseWeights(twin, draw_masks(twin), "frozen")
    images, _ = problem(8)
    assert torch.equal(twin.eval()(images), network.eval()(images))


def test_alpha_stays_one_when_it_is_not_trainable(network, problem):
    weights = SparseWeights(network, draw_masks(network), "dct", trainable_alpha=False)
    optimizer = OPTIMIZERS["adam"]([p for p in network.parameters() if p.requires_grad], 0.1)
    weights.hold(optimizer)
    for step in range(3):
        one_step(network, optimizer, *problem(32, seed=step))
    assert all(
        float(dct_offset_of(module).alpha.detach()) == 1.0 for module in prunable_slots(network).values()
    )


def test_the_snapshot_is_a_copy_that_adds_up_to_the_effective_weights(network, kind, problem):
    weights = SparseWeights(network, draw_masks(network), kind)
    optimizer = OPTIMIZERS["adam"](network.parameters(), 0.0)
    weights.hold(optimizer)
    one_step(network, optimizer, *problem(32))
    plan, effective = weights.snapshot(), effective_weights(network)
    assert list(plan) == list(effective) == list(prunable_slots(network))
    for name, part in plan.items():
        assert part.kind == kind
        assert torch.equal(effective[name][~part.mask], part.offset[~part.mask])
        part.mask.fill_(True)
        part.offset.fill_(7.0)
    assert not all(bool(mask.all()) for mask in weights.masks.values())
    assert all(not bool((w == 7).any()) for w in effective_weights(network).values())


def test_loading_a_dense_state_brings_back_what_the_masks_were_bound_to(network, kind, problem):
    state = copy.deepcopy(network.state_dict())
    weights = SparseWeights(network, draw_masks(network), kind)
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = OPTIMIZERS["adamw"](network.parameters(), 0.1)
    weights.hold(optimizer)
    for step in range(3):
        one_step(network, optimizer, *problem(32, seed=step))
    assert sha256_of(network.state_dict()) != sha256_of(start)
    weights.load(state)
    assert sha256_of(network.state_dict()) == sha256_of(start)


def test_a_loaded_dense_state_becomes_the_frozen_offset(make_network, problem):
    """Other weights than those it was bound to: they stand off the mask, now and after a step."""
    network, other = make_network("conv"), make_network("conv", seed=5)
    weights = SparseWeights(network, draw_masks(network), "frozen")
    weights.load(other.state_dict())
    optimizer = OPTIMIZERS["adamw"](network.parameters(), 0.1)
    weights.hold(optimizer)
    for _ in range(2):
        for name, weight in effective_weights(network).items():
            off = ~weights.masks[name]
            assert torch.equal(weight[off], effective_weights(other)[name][off])
        one_step(network, optimizer, *problem(32))


@pytest.mark.parametrize("kind", ["zero", "frozen", "dct"])
def test_tied_weights_stay_tied(kind):
    """Two layers that share one tensor compute with one effective weight, or are refused."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    mask = torch.eye(4, dtype=torch.bool)
    try:
        SparseWeights(model, {"0.weight": mask}, kind)
    except ModelError:
        return
    assert torch.equal(model[0].weight, model[1].weight)


def test_a_mask_of_another_shape_is_refused(network):
    masks = draw_masks(network)
    name = next(iter(masks))
    with pytest.raises(ShapeError, match=rf"mask of {name} must have shape .* got \(2, 2\)"):
        SparseWeights(network, masks | {name: torch.ones(2, 2, dtype=torch.bool)}, "zero")
    with pytest.raises(ModelError, match="has no parameter body.weight"):
        SparseWeights(network, masks | {"body.weight": masks[name]}, "zero")


def test_what_has_no_mask_is_no_part_of_the_plan(network):
    masks = draw_masks(network)
    name = next(iter(masks))
    before = network.get_parameter(name).clone()
    weights = SparseWeights(network, {k: v for k, v in masks.items() if k != name}, "zero")
    assert list(weights.snapshot()) == list(masks)[1:]
    assert torch.equal(network.get_parameter(name), before)


def test_the_masks_given_are_copied(network):
    masks = draw_masks(network)
    weights = SparseWeights(network, masks, "zero")
    for mask in masks.values():
        mask.fill_(True)
    assert not all(bool(mask.all()) for mask in weights.masks.values())
