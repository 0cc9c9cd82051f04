"""Of several weights in one file the usual ones are taken, a running average last; the others are said, and `key` names
one of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.errors import ModelError
from tests.test_weight_files.networks import codes, loads, prefixed, same, small, state


@pytest.mark.parametrize(
    ("taken", "others"),
    [
        ("state_dict", ["model", "ema"]),
        ("model", ["ema", "state_dict_ema"]),
        ("net", ["my_net"]),
        ("params", ["params_ema"]),
        ("last", ["model_ema", "swa_model", "averaged"]),
        ("module", ["other"]),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_usual_order_wins_whatever_stands_first(tmp_path, taken, others, turned):
    names = [taken, *others][:: -1 if turned else 1]
    content = {name: state(1 if name == taken else 2 + others.index(name)) for name in names}
    found = loads(content, tmp_path / "w")
    assert found["weights-in-key"] == {"key": taken}
    assert found["weights-not-taken"]["of"] == len(others)
    assert set(found["weights-not-taken"]["names"]) == set(others)


def test_what_fits_is_taken_before_what_is_usual(tmp_path):
    other = {name: torch.ones(2) for name in state()}
    content = {"state_dict": other, "model": {"conv.weight": torch.ones(4, 1, 3, 3)}, "ema": state()}
    assert loads(content, tmp_path / "w") == {"weights-in-key": {"key": "ema"}}


@pytest.mark.parametrize("wrap", [lambda net: net, nn.DataParallel, nn.Sequential])
@pytest.mark.parametrize("key", ["ema", "runs.b", "runs.b.net", "runs", "state_dict.teacher"])
def test_a_key_names_what_is_taken(tmp_path, key, wrap):
    content = {"state_dict": {**prefixed("student.", 2), **prefixed("teacher.net.", 1)}, "model": state(3)}
    content |= {"ema": state(1), "runs": {"a": {"net": {"x": torch.ones(1)}}, "b": {"net": state(1)}}}
    network = small()
    found = loads(content, tmp_path / "w", wrap(network), key=key)
    assert "weights-not-taken" not in found
    assert same(network.state_dict(), state(1))


def test_modules_that_were_saved_apart_can_be_named(tmp_path):
    parts = {name: module.state_dict() for name, module in small(1).named_children()}
    others = {name: module.state_dict() for name, module in small(2).named_children()}
    loads({"first": parts, "second": others}, tmp_path / "w", key="first")


def test_keys_that_fit_two_prefixes_are_taken_by_the_usual_order(tmp_path):
    names = {**prefixed("ema_model.", 2), **prefixed("model.", 1)}
    found = loads(names, tmp_path / "w")
    assert found["weights-prefix"] == {"prefix": "model."}
    assert found["weights-not-taken"] == {"names": ["ema_model"], "of": 1}
    network = small()
    sr.load_weights(network, tmp_path / "w", key="ema_model")
    assert same(network.state_dict(), state(2))


def test_two_that_nothing_tells_apart_are_refused_unless_they_are_the_same(tmp_path):
    torch.save({**prefixed("encoder_q.", 1), **prefixed("encoder_k.", 2)}, tmp_path / "w")
    network = small()
    with pytest.raises(
        ModelError,
        match=r"'encoder_q', 'encoder_k'; name one by key= or --weights-key, for instance 'encoder_q'",
    ):
        sr.load_weights(network, tmp_path / "w")
    assert same(network.state_dict(), state(0))
    sr.load_weights(network, tmp_path / "w", key="encoder_k")
    assert same(network.state_dict(), state(2))
    loads({"best": state(), "last": state()}, tmp_path / "w")
    torch.save({"best": state(), "last": state(2)}, tmp_path / "w")
    with pytest.raises(ModelError, match="holds several weights that fit Small: 'best', 'last'"):
        sr.load_weights(network, tmp_path / "w")


def test_a_network_of_one_layer_is_not_taken_from_just_any_layer(tmp_path):
    layers = {"a.weight": torch.zeros(2, 2), "b.weight": torch.ones(2, 2), "c.weight": torch.ones(3, 2)}
    torch.save(layers, tmp_path / "w")
    network = nn.Linear(2, 2, bias=False)
    with pytest.raises(ModelError, match="several weights that fit Linear: 'a', 'b'"):
        sr.load_weights(network, tmp_path / "w")
    found = codes(sr.load_weights(network, tmp_path / "w", key="b"))
    assert found["weights-ignored"] == {"names": ["a.weight", "c.weight"], "of": 2}
    assert torch.equal(network.weight, torch.ones(2, 2))
    inside = nn.Sequential(network)
    torch.save({"0.weight": torch.ones(2, 2), "1.weight": torch.ones(2, 2)}, tmp_path / "w")
    with pytest.raises(ModelError, match=r"unexpected 1\.weight"):  # not "0." left out on both sides
        sr.load_weights(inside, tmp_path / "w")


def test_a_key_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    torch.save({"model": state(), "ema": state(2), "epoch": 3}, tmp_path / "w")
    for key in ("modle", "epoch", "nothing"):
        with pytest.raises(ModelError, match=rf"no weights under '{key}'; it has them under 'model', 'ema'"):
            sr.load_weights(small(), tmp_path / "w", key=key)
    with pytest.raises(ModelError, match="did you mean 'model'"):
        sr.load_weights(small(), tmp_path / "w", key="modle")
    torch.save(state(), tmp_path / "w")
    with pytest.raises(ModelError, match="no weights under 'model'; leave the key away"):
        sr.load_weights(small(), tmp_path / "w", key="model")
