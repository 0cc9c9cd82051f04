"""Weights that a file holds in parts are made one; sparse tensors and other types become the network's."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import sparserobust as sr
from sparserobust.errors import ModelError
from tests.test_weight_files.networks import loads, prefixed, same, small, state


def pruned(seed: int = 1) -> nn.Module:
    network = small(seed)
    prune.l1_unstructured(network.conv, "weight", 0.5)
    prune.random_unstructured(network.conv, "bias", 0.5)
    prune.ln_structured(network.block[0], "weight", 0.4, n=2, dim=0)
    prune.l1_unstructured(network.head, "weight", 0.9)
    return network


def removed(network: nn.Module) -> nn.Module:
    """The network, its masks made final by torch itself."""
    for module in network.modules():
        for name in ("weight", "bias"):
            if hasattr(module, f"{name}_mask"):
                prune.remove(module, name)
    return network


@pytest.mark.parametrize("prefix", ["", "module.", "model._orig_mod."])
def test_weights_and_masks_of_torch_prune_are_multiplied(tmp_path, prefix):
    network = small()
    content = {prefix + name: value for name, value in pruned().state_dict().items()}
    found = loads({"state_dict": content}, tmp_path / "w", network)
    assert found["weights-masked"] == {"pairs": 4}
    expected = removed(pruned()).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())
    assert (network.conv.weight == 0).sum() == 18
    assert (network.conv.bias == 0).sum() == 2


def test_a_network_with_hooks_of_its_own_takes_both_and_its_weights_are_right_at_once(tmp_path):
    network, saved = pruned(0), pruned()
    assert loads(saved.state_dict(), tmp_path / "w", network) == {}
    assert same(network.state_dict(), saved.state_dict())
    for own, other in zip(network.modules(), saved.modules(), strict=True):
        for name in ("weight", "bias"):
            if isinstance(getattr(own, f"{name}_mask", None), torch.Tensor):
                expected = getattr(other, f"{name}_orig") * getattr(other, f"{name}_mask")
                assert torch.equal(getattr(own, name), expected)
    images = torch.rand(2, 1, 4, 4)
    assert torch.equal(network(images), removed(saved)(images))


def test_masks_of_truth_values_are_masks_too(tmp_path):
    content = {n: v.bool() if n.endswith("_mask") else v for n, v in pruned().state_dict().items()}
    for network in (small(), pruned(0)):
        loads(content, tmp_path / "w", network)
        images = torch.rand(2, 1, 4, 4)
        assert torch.equal(network(images), removed(pruned())(images))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("dim", [0, 1, 2, None])
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, parametrizations.weight_norm])
@pytest.mark.parametrize("build", [lambda: nn.Conv1d(3, 4, 5), lambda: nn.ConvTranspose2d(1, 4, 3)])
def test_weight_normalisation_is_computed_as_torch_does_whatever_its_dimension(tmp_path, build, norm, dim):
    saved = norm(build(), dim=dim)
    with torch.no_grad():
        for name, value in saved.named_parameters():
            if name.endswith(("_g", "original0")):
                value.mul_(1.7)
    network = build()
    found = loads({f"model.{name}": v for name, v in saved.state_dict().items()}, tmp_path / "w", network)
    assert found["weights-normed"] == {"pairs": 1}
    saved(torch.zeros(1, 3, 8) if isinstance(saved, nn.Conv1d) else torch.zeros(1, 1, 8, 8))
    assert torch.allclose(network.weight, saved.weight, rtol=4 * torch.finfo(torch.float32).eps, atol=0)
    assert torch.equal(network.bias, saved.bias)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("own", [nn.utils.weight_norm, parametrizations.weight_norm])
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, parametrizations.weight_norm])
def test_both_forms_of_weight_normalisation_stand_for_one_another(tmp_path, norm, own):
    saved, network = norm(nn.Linear(3, 2)), own(nn.Linear(3, 2))
    assert loads(saved.state_dict(), tmp_path / "w", network) == {}
    assert torch.equal(network.weight, saved.weight)  # before any forward pass
    assert [len(p.shape) for p in network.parameters()] == [1, 2, 2]


class Half(nn.Module):
    def forward(self, weight):
        return weight / 2


def test_other_parametrizations_are_not_guessed(tmp_path):
    saved = nn.Linear(3, 2)
    parametrize.register_parametrization(saved, "weight", Half())
    torch.save(saved.state_dict(), tmp_path / "w")
    with pytest.raises(ModelError, match="remove_parametrizations.*then save model.state_dict"):
        sr.load_weights(nn.Linear(3, 2), tmp_path / "w")
    for norm in (nn.utils.spectral_norm, parametrizations.spectral_norm):
        torch.save(norm(nn.Linear(3, 2)).state_dict(), tmp_path / "w")
        with pytest.raises(ModelError, match="computed by a parametrization"):
            sr.load_weights(nn.Linear(3, 2), tmp_path / "w")


def test_spectral_normalisation_that_both_have_is_right_at_once_and_takes_no_step(tmp_path):
    saved, network = (nn.utils.spectral_norm(nn.Linear(3, 2)).train() for _ in range(2))
    for _ in range(20):
        saved(torch.zeros(1, 3))
    assert loads(saved.state_dict(), tmp_path / "w", network) == {}
    assert same(network.state_dict(), saved.state_dict())
    assert torch.allclose(torch.linalg.matrix_norm(network.weight, 2), torch.tensor(1.0), atol=1e-5)


def test_a_mask_beside_a_weight_is_not_passed_over(tmp_path):
    content = {**state(), "conv.weight_mask": torch.ones(4, 1, 3, 3)}
    torch.save(content, tmp_path / "w")
    with pytest.raises(ModelError, match="unexpected conv.weight_mask; a mask stands beside its weights"):
        sr.load_weights(small(), tmp_path / "w")


def test_hooks_that_the_file_does_not_know_are_named(tmp_path):
    torch.save(state(), tmp_path / "w")
    with pytest.raises(ModelError, match="the network has pruning hooks that the file lacks"):
        sr.load_weights(pruned(0), tmp_path / "w")


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.filterwarnings("ignore:.*sparse.*state:UserWarning")
@pytest.mark.parametrize("layout", ["coo", "uncoalesced", "csr", "csc", "bsr"])
def test_sparse_tensors_are_made_dense(tmp_path, layout):
    saved, network = nn.Linear(6, 4), nn.Linear(6, 4)
    with torch.no_grad():
        saved.weight[torch.rand(4, 6) < 0.6] = 0
    weight = saved.weight.detach()
    coo = weight.to_sparse_coo()
    sparse = {
        "coo": lambda: coo,
        "uncoalesced": lambda: torch.sparse_coo_tensor(
            torch.cat([coo.indices(), coo.indices()], 1), torch.cat([coo.values() / 2] * 2), (4, 6)
        ),
        "csr": weight.to_sparse_csr,
        "csc": weight.to_sparse_csc,
        "bsr": lambda: weight.to_sparse_bsr((2, 2)),
    }[layout]()
    content = {"weight": sparse, "bias": saved.bias}
    assert loads(content, tmp_path / "w", network) == {"weights-were-sparse": {"number": 1}}
    assert torch.equal(network.weight, weight)
    assert network.weight.layout == torch.strided


@pytest.mark.parametrize("there", ["float16", "bfloat16", "float64"])
def test_numbers_take_the_type_of_the_network_and_that_is_said(tmp_path, there):
    dtype = getattr(torch, there)
    content = {n: v.to(dtype) if v.is_floating_point() else v for n, v in state().items()}
    network = small()
    found = loads(content, tmp_path / "w", network)
    assert found == {"weights-converted": {"number": len(state()) - 1, "there": there, "here": "float32"}}
    expected = {n: v.float() if v.is_floating_point() else v for n, v in content.items()}
    assert same(network.state_dict(), expected)


def test_a_half_network_stays_half_and_what_is_too_large_for_it_is_refused(tmp_path):
    network = small().half()
    found = loads(prefixed("model."), tmp_path / "w", network)
    assert found["weights-converted"] == {"number": len(state()) - 1, "there": "float32", "here": "float16"}
    assert torch.equal(network.conv.weight, state()["conv.weight"].half())
    torch.save({**state(), "head.weight": torch.full((3, 5), 1e6)}, tmp_path / "w")
    with pytest.raises(ModelError, match=r"head.weight has 15 entries that are NaN or infinite"):
        sr.load_weights(network, tmp_path / "w")


def test_masks_are_multiplied_in_the_type_of_the_file(tmp_path):
    content = pruned().double().state_dict()
    network = small()
    loads(content, tmp_path / "w", network)
    assert torch.equal(network.head.weight, removed(pruned().double()).head.weight.float())


def test_counters_of_another_type_are_exact_or_refused(tmp_path):
    counter = "norm.num_batches_tracked"
    network = small()
    loads({**state(), counter: torch.tensor(12.0)}, tmp_path / "w", network)
    assert network.norm.num_batches_tracked == 12
    assert network.norm.num_batches_tracked.dtype == torch.int64
    torch.save({**state(), counter: torch.tensor(12.5)}, tmp_path / "w")
    with pytest.raises(ModelError, match="num_batches_tracked is float32 and cannot be int64 exactly"):
        sr.load_weights(network, tmp_path / "w")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (torch.zeros(3, 5, dtype=torch.complex64), "head.weight is complex .complex64., expected float32"),
        (torch.zeros(3, 5, dtype=torch.int8), "head.weight is int8, expected float32: whole numbers"),
        (torch.zeros(3, 5, device="meta"), "head.weight has no numbers"),
        (torch.full((3, 5), torch.nan), "head.weight has 15 entries that are NaN or infinite"),
    ],
)
def test_what_is_no_weight_is_refused_by_its_name(tmp_path, value, expected):
    torch.save({"model": {**state(), "head.weight": value}}, tmp_path / "w")
    network = small()
    with pytest.raises(ModelError, match=expected):
        sr.load_weights(network, tmp_path / "w")
    assert same(network.state_dict(), state(0))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_a_quantised_tensor_is_no_weight_of_another_network(tmp_path):
    quantised = torch.quantize_per_tensor(torch.zeros(3, 5), 0.1, 0, torch.qint8)
    torch.save({**state(), "head.weight": quantised}, tmp_path / "w")
    with pytest.raises(ModelError, match="head.weight is quantised .qint8.; build the network quantised"):
        sr.load_weights(small(), tmp_path / "w")
