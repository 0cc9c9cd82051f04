"""Trees of dicts, lists and tensors come back from JSON and safetensors as they were."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sparserobust.storage.modelfile import read_model, write_model
from sparserobust.storage.tree import pack, unpack

TENSORS = st.sampled_from(
    [
        torch.tensor([[1.5, -0.0], [math.inf, 2.0**-140]]),
        torch.tensor(7.0),
        torch.tensor([True, False, True]),
        torch.tensor([-(2**60), 3]),
        torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).T,
        torch.zeros(0, 3, dtype=torch.float64),
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    ]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | TENSORS
)
KEYS = st.integers(-3, 3) | st.sampled_from(["a", "", "$tensor", "$pairs", "0", "state.0"])
TREES = st.recursive(
    LEAVES, lambda t: st.lists(t, max_size=4) | st.dictionaries(KEYS, t, max_size=4), max_leaves=12
)


def same(a, b) -> bool:
    """Equal to the bit and of the same types, keys in the same order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and bits(a) == bits(b)
    if isinstance(a, dict):
        return (
            list(a) == list(b)
            and all(map(type.__eq__, map(type, a), map(type, b)))
            and all(same(a[key], b[key]) for key in a)
        )
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


def bits(tensor: Tensor) -> bytes:
    return bytes(tensor.contiguous().flatten().view(torch.uint8).tolist()) if tensor.numel() else b""


@given(TREES)
def test_a_tree_comes_back_from_json_and_tensors_as_it_was(tree):
    tensors = {}
    packed = json.loads(json.dumps(pack(tree, "tree", tensors)))
    assert same(unpack(packed, tensors), tree)


@given(st.lists(TREES, max_size=3))
def test_a_tree_comes_back_from_a_file_as_it_was(tmp_path_factory, tree):
    file = tmp_path_factory.mktemp("tree") / "tree"
    tensors = {}
    write_model(file, {"tree": pack(tree, "tree", tensors)}, tensors)
    header, read = read_model(file)
    assert same(unpack(header["tree"], read), tree)


def test_tuples_come_back_as_lists_and_tensors_as_copies():
    tensors, tensor = {}, torch.zeros(2)
    packed = pack({"betas": (0.9, (None, tensor))}, "t", tensors)
    tensor += 1
    back = unpack(packed, tensors)
    assert back["betas"][0] == 0.9
    assert back["betas"][1][1].tolist() == [0, 0]
    assert isinstance(back["betas"], list)


@pytest.mark.parametrize("tree", [{"a": [object()]}, {"a": [{1, 2}]}, {"a": [1j]}])
def test_what_a_file_cannot_hold_is_named_by_its_place(tree):
    with pytest.raises(TypeError, match=r"state\.0\.0 is a \w+, which a checkpoint cannot hold"):
        pack(tree, "state", {})
