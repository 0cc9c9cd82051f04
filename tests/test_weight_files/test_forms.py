"""Checkpoints in every usual form give the network's numbers, bit for bit, and what was unwrapped is said."""

from __future__ import annotations

import argparse
import collections
import json
import pathlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

import sparserobust as sr
from sparserobust.weight_files.candidates import USUAL
from tests.test_weight_files.networks import loads, prefixed, same, small, state


def optimizer_state() -> dict[str, object]:
    """Of Adam after a step, with tensors by name and by number."""
    network = small()
    optimizer = torch.optim.Adam(network.parameters())
    sum(parameter.sum() for parameter in network.parameters()).backward()
    optimizer.step()
    return optimizer.state_dict()


def legacy(content: object, path: pathlib.Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("name", ["w.pth", "w.bin", "w.ckpt", "w.pth.tar", "w", "w.safetensors"])
@pytest.mark.parametrize("save", [torch.save, save_file, legacy])
def test_a_state_dict_is_read_by_its_content_under_any_name(tmp_path, name, save):
    assert loads(state(), tmp_path / name, save=save) == {}


@pytest.mark.parametrize("save", [torch.save, legacy])
@pytest.mark.parametrize(
    "key",
    [*USUAL, "ema", "model_ema", "state_dict_ema", "generator", "best model"],
)
def test_a_state_dict_is_found_in_a_checkpoint_under_any_key(tmp_path, key, save):
    checkpoint = {"epoch": 3, "arch": "small", key: state(), "optimizer": optimizer_state(), "best": 0.9}
    checkpoint |= {"best_acc1": torch.tensor(0.9), "loss": [0.5, torch.tensor([0.25])], "scaler": None}
    assert loads(checkpoint, tmp_path / "w.pth", save=save) == {"weights-in-key": {"key": key}}


def test_a_state_dict_is_found_several_levels_down_and_in_lists(tmp_path):
    nested = {"run": {"models": [{"name": "a"}, {"state_dict": state()}]}}
    assert loads(nested, tmp_path / "w") == {"weights-in-key": {"key": "run.models.1.state_dict"}}


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "net.", "module.model.", "encoder.backbone.", "a.module.", "3."]
)
def test_a_prefix_of_all_names_is_left_out_and_said(tmp_path, prefix):
    found = loads(prefixed(prefix), tmp_path / "w")
    assert found["weights-prefix"] == {"prefix": prefix.replace("a.module.", "a.")}


def test_what_compiling_and_wrapping_puts_into_names_is_left_out(tmp_path):
    network = small(1)
    network.block = torch.compile(network.block)
    network.conv = nn.DataParallel(network.conv)
    network = torch.compile(nn.DataParallel(network))
    names = set(network.state_dict())
    assert {"_orig_mod.module.conv.module.weight", "_orig_mod.module.block._orig_mod.0.weight"} <= names
    assert loads(network.state_dict(), tmp_path / "w") == {
        "weights-wrapped": {"wrappers": ["_orig_mod", "module"]},
        "weights-prefix": {"prefix": "module."},
    }


def test_fully_sharded_and_checkpointed_modules_are_no_other_names(tmp_path):
    wrapped = {f"_fsdp_wrapped_module.{name}": value for name, value in state().items()}
    wrapped = {name.replace("block.", "block._checkpoint_wrapped_module."): v for name, v in wrapped.items()}
    assert set(loads(wrapped, tmp_path / "w")) == {"weights-wrapped"}


@pytest.mark.parametrize("file", ["plain", "parallel", "compiled"])
@pytest.mark.parametrize("own", ["parallel", "compiled", "inside", "deep"])
def test_the_network_may_have_the_prefix(tmp_path, own, file):
    wrap = {
        "plain": lambda net: net,
        "parallel": nn.DataParallel,
        "compiled": torch.compile,
        "inside": lambda net: nn.ModuleDict({"net": net}),
        "deep": lambda net: nn.Sequential(nn.Sequential(net)),
    }
    network = wrap[own](small())
    loads(wrap[file](small(1)).state_dict(), tmp_path / "w", network=network)
    assert same(dict(zip(state(), network.state_dict().values(), strict=True)), state())


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 1, 1), 0.5))
        self.body = small()


def test_a_normalisation_around_the_network_stays_as_it_is(tmp_path):
    network = Normalised()
    found = loads(state(), tmp_path / "w", network=network)
    assert same(network.body.state_dict(), state())
    assert network.mean.item() == 0.5
    assert found == {
        "weights-without-head": {"prefix": "body."},
        "weights-kept": {"names": ["mean"], "of": 1},
    }


@pytest.mark.parametrize(
    "add",
    [
        lambda net: net.register_parameter("scale", nn.Parameter(torch.ones(1))),
        lambda net: net.add_module("first", nn.BatchNorm2d(1, affine=False)),
    ],
)
def test_what_training_changes_is_missing_beside_the_prefix(tmp_path, add):
    network = Normalised()
    add(network)
    torch.save(state(), tmp_path / "w")
    with pytest.raises(sr.errors.ModelError, match=r"missing "):
        sr.load_weights(network, tmp_path / "w")


def test_other_tensors_of_a_lightning_module_are_ignored_and_said(tmp_path):
    modules = {**prefixed("model."), "criterion.weight": torch.ones(3), "metric.a": torch.ones(1)}
    checkpoint = {
        "state_dict": {**modules, **prefixed("ema_model.", 2)},
        "pytorch-lightning_version": "2.4.0",
        "optimizer_states": [optimizer_state()],
        "callbacks": {"ModelCheckpoint{}": {"best_model_score": torch.tensor(0.25)}},
        "hyper_parameters": {"lr": 0.1},
    }
    ignored = ["criterion.weight", "metric.a", "ema_model.conv.weight"]
    assert loads(checkpoint, tmp_path / "w.ckpt") == {
        "weights-in-key": {"key": "state_dict"},
        "weights-not-taken": {"names": ["state_dict.ema_model"], "of": 1},
        "weights-prefix": {"prefix": "model."},
        "weights-ignored": {"names": ignored, "of": 2 + len(state())},
    }


def test_the_average_model_of_torch_is_read(tmp_path):
    averaged = torch.optim.swa_utils.AveragedModel(small(1), use_buffers=True)
    assert loads(averaged.state_dict(), tmp_path / "w") == {
        "weights-prefix": {"prefix": "module."},
        "weights-ignored": {"names": ["n_averaged"], "of": 1},
    }


def test_modules_that_were_saved_apart_are_put_together(tmp_path):
    network = small(1)
    parts = {name: module.state_dict() for name, module in network.named_children()}
    assert loads({"epoch": 1, **parts}, tmp_path / "w") == {}
    assert loads({"epoch": 1, "nets": parts}, tmp_path / "w") == {"weights-in-key": {"key": "nets"}}


def test_counters_of_batches_may_lack_or_be_left_over(tmp_path):
    counter = "norm.num_batches_tracked"
    old = {name: value for name, value in state().items() if name != counter}
    network = small()
    assert loads(old, tmp_path / "w", network) == {"weights-kept": {"names": [counter], "of": 1}}
    assert same(network.state_dict(), {**state(), counter: torch.tensor(7)})
    more = {**state(), "block.num_batches_tracked": torch.tensor(3)}
    assert loads(more, tmp_path / "w") == {
        "weights-ignored": {"names": ["block.num_batches_tracked"], "of": 1}
    }


def test_what_a_profiler_left_is_ignored(tmp_path):
    left = {
        f"{module}{name}": torch.zeros(1)
        for module in ("", "conv.")
        for name in ("total_ops", "total_params")
    }
    found = loads({**state(), **left}, tmp_path / "w")
    assert found == {"weights-ignored": {"names": list(left)[:3], "of": 4}}


class Indexed(nn.Linear):
    def __init__(self, *, saved: bool) -> None:
        super().__init__(3, 2)
        self.register_buffer("index", torch.arange(3), persistent=saved)


def test_a_buffer_that_is_no_longer_saved_is_ignored_where_it_is_equal(tmp_path):
    old, new = Indexed(saved=True), Indexed(saved=False)
    assert loads(old.state_dict(), tmp_path / "w", new) == {"weights-ignored": {"names": ["index"], "of": 1}}
    assert torch.equal(new.weight, old.weight)
    old.index += 1
    torch.save(old.state_dict(), tmp_path / "w")
    with pytest.raises(sr.errors.ModelError, match="unexpected index"):
        sr.load_weights(new, tmp_path / "w")


class Tied(nn.Module):
    def __init__(self, *, tied: bool = True) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        if tied:
            self.second.weight = self.first.weight


@pytest.mark.parametrize("tied", [True, False])
def test_tied_weights_of_which_safetensors_keeps_one_name_are_filled(tmp_path, tied):
    saved, network = Tied(), Tied(tied=tied)
    save_model(saved, tmp_path / "w.safetensors")
    sr.load_weights(network, tmp_path / "w.safetensors")
    assert same(network.state_dict(), saved.state_dict())
    assert (network.first.weight is network.second.weight) is tied


def test_a_name_that_a_file_lacks_comes_from_what_the_network_ties_it_to(tmp_path):
    saved, network = Tied(), Tied()
    content = {name: value for name, value in saved.state_dict().items() if name != "second.weight"}
    assert loads(content, tmp_path / "w", network) == {"weights-tied": {"names": ["second.weight"], "of": 1}}
    assert same(network.state_dict(), saved.state_dict())
    torch.save(Tied(tied=False).state_dict(), tmp_path / "w")
    with pytest.raises(sr.errors.ModelError, match=r"first\.weight and second\.weight differ"):
        sr.load_weights(network, tmp_path / "w")
    assert same(network.state_dict(), saved.state_dict())


class Settings(dict):
    """A dict with attributes, as many configurations are one."""


def test_objects_beside_the_weights_are_passed_over_and_said(tmp_path):
    settings = Settings(a=1, b=Settings(c=2))
    settings.frozen = True
    others = {
        "args": argparse.Namespace(lr=0.1, out=pathlib.Path("x")),
        "best": np.float64(0.5),
        "mean": np.arange(3.0),
        "config": settings,
        "history": collections.defaultdict(list, {"loss": [1.0]}),
    }
    for save in (torch.save, legacy):
        found = loads({**others, "state_dict": state()}, tmp_path / "w", save=save)
        assert found["weights-in-key"] == {"key": "state_dict"}
        first, *_ = found["weights-passed-over"]["names"]
        assert first == "argparse.Namespace"
        assert found["weights-passed-over"]["of"] == 7


def test_one_parameter_is_a_network(tmp_path):
    network, other = nn.ParameterList([torch.zeros(3)]), nn.ParameterList([torch.arange(3.0)])
    loads({"epoch": 1, "state": {"net.0": torch.arange(3.0)}}, tmp_path / "w", network)
    assert same(network.state_dict(), other.state_dict())


def test_names_may_have_a_module_that_is_called_as_a_wrapper(tmp_path):
    def build(seed):
        torch.manual_seed(seed)
        return nn.ModuleDict({"module": nn.Linear(2, 2), "net": nn.ModuleDict({"module": nn.Linear(2, 2)})})

    saved, network = build(1), build(0)
    assert loads(saved.state_dict(), tmp_path / "w", network) == {}
    assert same(network.state_dict(), saved.state_dict())
    both = nn.ModuleDict({"a": nn.Linear(2, 2)})
    both["a"].module = nn.Linear(2, 2)
    fresh = nn.ModuleDict({"a": nn.Linear(2, 2)})
    fresh["a"].module = nn.Linear(2, 2)
    assert loads(both.state_dict(), tmp_path / "w", fresh) == {}
    assert same(fresh.state_dict(), both.state_dict())


def test_a_lazy_network_takes_the_shapes_of_the_file(tmp_path):
    network, saved = nn.Sequential(nn.LazyLinear(2)), nn.Sequential(nn.Linear(3, 2))
    assert loads(saved.state_dict(), tmp_path / "w", network) == {}
    assert same(network.state_dict(), saved.state_dict())


def test_a_scripted_network_is_filled(tmp_path):
    scripted = torch.jit.script(small())
    loads(state(), tmp_path / "w", scripted)
    assert same(scripted.state_dict(), state())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*quantize_per_tensor:UserWarning")
def test_a_quantised_network_is_filled_by_its_like(tmp_path):
    images = torch.rand(2, 1, 4, 4)
    saved, network = (torch.ao.quantization.quantize_dynamic(small(seed)) for seed in (1, 0))
    loads({"model": saved.state_dict()}, tmp_path / "w", network)
    assert torch.equal(network(images), saved(images))


def test_metadata_of_safetensors_is_no_weight(tmp_path):
    save_file(state(), tmp_path / "w", metadata={"format": "pt", "config": json.dumps({"a": 1})})
    network = small()
    assert sr.load_weights(network, tmp_path / "w") == ()
    assert same(network.state_dict(), state())


def test_the_type_the_modes_and_what_is_trained_stay(tmp_path):
    network = small().train()
    network.conv.weight.requires_grad_(False)
    network.norm.eval()
    before = dict(network.named_parameters())
    loads({"module": state()}, tmp_path / "w", network)
    assert all(before[name] is own for name, own in network.named_parameters())
    assert not network.conv.weight.requires_grad
    assert network.head.weight.requires_grad
    assert (network.training, network.norm.training) == (True, False)
