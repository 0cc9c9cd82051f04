"""What is prunable, and the hash of its weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sparserobust.apply import sparsify
from sparserobust.errors import ModelError
from sparserobust.uses import prunable_slots
from sparserobust.weights.plan import sha256_of


def test_prunable_weights_are_those_of_conv_and_linear_layers_alone(make_network):
    names = list(prunable_slots(make_network("residual")))
    assert names == [f"{layer}.weight" for layer in ("stem", "first", "shortcut", "second", "head")]


def test_a_layer_used_twice_is_counted_once():
    shared = nn.Linear(3, 3)
    assert list(prunable_slots(nn.Sequential(shared, nn.ReLU(), shared))) == ["0.weight"]


def test_a_network_without_a_weight_is_refused():
    assert prunable_slots(nn.Flatten()) == {}
    with pytest.raises(ModelError, match="BatchNorm1d multiplies its images by no weight"):
        sparsify(nn.BatchNorm1d(3), "random", 0.5)


def test_sha256_depends_on_name_shape_type_and_every_bit():
    tensor = torch.arange(6.0)
    same = sha256_of({"a": tensor})
    assert sha256_of({"a": tensor.clone()}) == same
    others = [
        {"b": tensor},
        {"a": tensor.reshape(2, 3)},
        {"a": tensor.double()},
        {"a": tensor * torch.tensor([-1.0, 1, 1, 1, 1, 1])},  # -0.0 in place of 0.0
        {"a": torch.nextafter(tensor, torch.tensor(9.0))},
    ]
    assert len({same, *(sha256_of(other) for other in others)}) == 6
    assert sha256_of({"a": tensor.reshape(2, 3).T.contiguous().T}) == sha256_of({"a": tensor.reshape(2, 3)})
