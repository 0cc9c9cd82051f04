"""A fingerprint tells models apart by all that decides what they return, and by nothing else."""

from __future__ import annotations

import copy
import enum
import functools
import types
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import sparserobust as sr
from sparserobust.weights.fingerprint import code_of, fingerprint


class Kind(enum.Enum):
    SOFT = 1
    HARD = 2


@dataclass
class Config:
    slope: float = 0.1
    widths: tuple[int, ...] = (3, 4)


class Own:
    """Plainly a user's class."""

    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def half(x):
    return x / 2


def third(x):
    return x / 3


def scaled(by):
    def act(x):
        return x * by

    return act


class Net(nn.Module):
    def __init__(self, held=None, name="act"):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2)
        setattr(self, name, held)

    def forward(self, x):
        return self.layer(x)

    def other(self, x):
        return -self.layer(x)


def on_object(value):
    array = np.empty(1, dtype=object)
    array[0] = value
    return array


def held_module(value):
    """One that is no submodule, since it is in a list."""
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, value)
    nn.init.constant_(layer.bias, 0)
    return [layer]


HELD = {
    "function": (half, third),
    "enclosed": (scaled(0.1), scaled(0.2)),
    "nested-enclosed": ([scaled([0.1])], [scaled([0.2])]),
    "lambda": (lambda x: x + 1, lambda x: x + 2),
    "default": (lambda x, by=1: x * by, lambda x, by=2: x * by),
    "partial": (functools.partial(half), functools.partial(third)),
    "partial-argument": (functools.partial(torch.add, alpha=1), functools.partial(torch.add, alpha=2)),
    "method": (Own(1).__init__, Own(2).__init__),
    "builtin": (torch.relu, torch.tanh),
    "ufunc": (np.sin, np.cos),
    "class": (nn.ReLU, nn.Tanh),
    "list": ([1, [2, 3]], [1, [2, 4]]),
    "list-or-tuple": ([1], (1,)),
    "bool-or-int": (True, 1),
    "zeros": (0.0, -0.0),
    "dict": ({"a": {"b": 1}}, {"a": {"b": 2}}),
    "set": ({"a", "b"}, {"a", "c"}),
    "dataclass": (Config(), Config(slope=0.2)),
    "nested-dataclass": ({"c": [Config()]}, {"c": [Config(widths=(3, 5))]}),
    "enum": (Kind.SOFT, Kind.HARD),
    "object": (Own([1]), Own([2])),
    "slots": (Slotted(1), Slotted(2)),
    "namespace": (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
    "tensor": (torch.tensor([1.0, 2]), torch.tensor([1.0, 3])),
    "dtype": (torch.float32, torch.float64),
    "array": (np.array([1, 2]), np.array([1, 3])),
    "array-of-objects": (on_object(Config()), on_object(Config(slope=0.2))),
    "held-module": (held_module(1), held_module(2)),
}


@pytest.mark.parametrize("name", ["act", "_act"])
@pytest.mark.parametrize(("one", "other"), HELD.values(), ids=HELD)
def test_what_a_module_holds_counts(one, other, name):
    """Values, functions and what they enclose, nested, under a private name too."""
    assert fingerprint(Net(one, name)) == fingerprint(Net(copy.deepcopy(one), name))
    assert fingerprint(Net(one, name)) != fingerprint(Net(other, name))


def with_hook(kind, hook):
    net = Net()
    getattr(net.layer, kind)(hook)
    return net


@pytest.mark.parametrize(
    "kind", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
)
def test_hooks_count_by_what_they_do(kind):
    assert fingerprint(with_hook(kind, half)) == fingerprint(with_hook(kind, half))
    assert len({fingerprint(net) for net in (Net(), with_hook(kind, half), with_hook(kind, third))}) == 3


def test_a_forward_of_one_instance_counts():
    plain, other = Net(), Net()
    other.forward = other.other
    assert fingerprint(plain) != fingerprint(other)
    mine = Net()
    mine.forward = types.MethodType(lambda self, x: self.layer(x) * 2, mine)
    assert len({fingerprint(net) for net in (plain, other, mine)}) == 3


def test_a_method_that_a_class_was_given_later_counts(monkeypatch):
    before = fingerprint(Net())
    monkeypatch.setattr(Net, "forward", half)
    assert fingerprint(Net()) != before


def test_a_constant_that_a_class_was_given_later_counts(monkeypatch):
    before = fingerprint(Net())
    monkeypatch.setattr(Net, "slope", 0.2, raising=False)
    assert fingerprint(Net()) != before


class Scaled(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x):
        return torch.relu(x) * self.by if self.by > 1 else torch.tanh(x)


def test_traced_and_scripted_graphs_count():
    """Code that torch generates is in no file."""
    traced = [torch.fx.symbolic_trace(nn.Sequential(Scaled(by))) for by in (1, 2)]
    scripted = [torch.jit.trace(Scaled(by).eval(), torch.ones(2)) for by in (1, 2)]
    again = torch.fx.symbolic_trace(nn.Sequential(Scaled(1)))
    assert fingerprint(traced[0]) == fingerprint(again)
    assert len({fingerprint(net) for net in traced + scripted}) == 4


def computed():
    """Networks with weights that hooks compute in each pass."""
    pruned, normed, recurrent = Net(), Net(), nn.Sequential(nn.LSTM(2, 2))
    prune.random_unstructured(pruned.layer, "weight", 0.5)
    parametrizations.weight_norm(normed.layer)
    return {"pruned": pruned, "normed": normed, "recurrent": recurrent}


@pytest.mark.parametrize("name", computed())
def test_a_pass_a_mode_and_a_copy_change_nothing(name):
    net = computed()[name]
    before = fingerprint(net)
    x = torch.ones(2, 2 if name == "recurrent" else 3)
    net.eval()
    with torch.no_grad():
        net(x)
    net.train()
    assert fingerprint(net) == before
    assert (
        fingerprint(copy.deepcopy(net)) == before or name == "pruned"
    )  # whose copies torch refuses with a graph


def test_what_goes_in_circles_or_cannot_be_read_is_no_error():
    held: list = [1]
    held.append(held)
    net = Net(held)
    net.other_self = [net]
    net.odd = [
        torch.empty(2, device="meta"),
        torch.eye(2).to_sparse(),
        iter(()),
        object(),
        len,
        type,
        NotImplemented,
    ]
    net.odd += [torch.Generator(), memoryview(b"a"), 1j, range(3), Ellipsis, torch.strided, slice(1)]
    assert fingerprint(net) == fingerprint(net)


@pytest.mark.parametrize("method", ["dense", "snip", "freezenet", "dctps"])
def test_a_saved_model_is_what_it_was(method, tmp_path):
    """So that results are taken up for a model that was made and for its file alike."""
    data = sr.load_data("digits")
    model = sr.create_model("lenet-300-100", data, seed=0)
    subject = sr.sparsify(model, method, 0.0 if method == "dense" else 0.9, data, seed=0)
    loaded = sr.load_subject(subject.save(tmp_path / "m.sparse"))
    assert fingerprint(loaded.model) == fingerprint(subject.model)
    assert code_of(loaded.model) == code_of(subject.model)


def test_the_code_alone_takes_no_notice_of_weights_and_values():
    torch.manual_seed(1)
    one, other = Net(1.0), Net(2.0)
    with torch.no_grad():
        other.layer.weight += 1
    assert code_of(one) == code_of(other) != code_of(nn.Sequential(nn.Linear(3, 2)))
