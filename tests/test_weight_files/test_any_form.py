"""However weights are wrapped, in the file and in the network, they come out bit for bit (hypothesis)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sparserobust as sr
from sparserobust.weight_files.names import TRANSPARENT
from tests.test_weight_files.networks import codes, same, small, state

WORDS = st.sampled_from(["model", "net", "module", "backbone", "0", "1", "encoder", "conv", "x y"])
KEYS = st.sampled_from(["state_dict", "model", "params", "checkpoint", "a.b", "0", "ema"])
JUNK = st.sampled_from(
    [
        1,
        None,
        "text",
        [1, 2],
        torch.tensor(0.5),
        {"a": {"b": torch.ones(2)}},
        {"state": {}, "param_groups": []},
    ]
)
WRAPS = st.sampled_from(
    [
        nn.DataParallel,
        nn.Sequential,
        lambda net: nn.ModuleDict({"net": net}),
        lambda net: nn.Sequential(nn.BatchNorm1d(2, affine=False, track_running_stats=False), net),
    ]
)


@st.composite
def names(draw) -> dict[str, str]:
    """Name of a weight -> name in the file: a prefix, and wrappers before or inside some of the modules."""
    prefix = "".join(f"{word}." for word in draw(st.lists(WORDS, max_size=3)))
    compiled = draw(st.sets(st.sampled_from(["", "conv.", "norm.", "block.", "head."])))
    wrapper = draw(st.sampled_from([*sorted(TRANSPARENT), "module"]))
    found = {}
    for name in state():
        module, dot, rest = name.partition(".")
        outer = f"{wrapper}." if "" in compiled else ""
        inside = f"{wrapper}." if module + dot in compiled else ""
        found[name] = f"{prefix}{outer}{module}.{inside}{rest}"
    return found


@settings(max_examples=40)
@given(
    names(),
    st.lists(KEYS, max_size=3),
    st.dictionaries(KEYS, JUNK, max_size=3),
    st.lists(WRAPS, max_size=2, unique_by=id),
)
def test_weights_come_out_of_whatever_they_are_wrapped_in(tmp_path_factory, renamed, place, junk, wraps):
    content = {renamed[name]: value for name, value in state().items()}
    for key in reversed(place):
        content = {**junk, key: content}
    path = tmp_path_factory.mktemp("w") / "w"
    torch.save(content, path)
    network = whole = small()
    for wrap in wraps:
        whole = wrap(whole)
    codes(sr.load_weights(whole, path))
    assert same(network.state_dict(), state())


@settings(max_examples=40)
@given(names(), st.sampled_from(sorted(state())), st.sampled_from(["missing", "unexpected", "shape"]))
def test_one_wrong_tensor_is_never_passed_over(tmp_path_factory, renamed, which, what):
    """Counters aside, which may lack: there is no wrapping under which another network's file is taken."""
    content = {renamed[name]: value for name, value in state().items()}
    if what == "missing":
        del content[renamed[which]]
    elif what == "unexpected":
        content[f"{renamed[which]}_more"] = torch.ones(2)
    else:
        content[renamed[which]] = torch.ones(2, 3)
    path = tmp_path_factory.mktemp("w") / "w"
    torch.save(content, path)
    network = small()
    if which.endswith("num_batches_tracked") and what == "missing":
        sr.load_weights(network, path)
        assert network.norm.num_batches_tracked == 7
        return
    with pytest.raises(sr.errors.ModelError, match=r"_more|missing|expected"):
        sr.load_weights(network, path)
    assert same(network.state_dict(), state(0))
