"""Trained subjects of every kind of network load to the same logits; what is multiplied is W_eff, by any kernel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.weights.plan import plain_copy

from .matrix import check_law, try_method
from .zoo import NETWORKS

KINDS = [
    *("lstm", "encoder", "vit"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("timm vit", "convnext", "densenet")),
]


def logits_of(model: nn.Module, images: Tensor, *, grad: bool) -> Tensor:
    """Without a graph attention runs by torch's fast path where it has one."""
    with torch.set_grad_enabled(grad):
        return model.eval()(images).detach()


@pytest.mark.parametrize("method", ["snip", "freezenet", "dctps"])
@pytest.mark.parametrize("name", KINDS)
def test_a_loaded_subject_has_the_same_logits_bit_for_bit(tmp_path, name, method):
    network = NETWORKS[name]
    images, _ = network.images(6, seed=3)
    subject = try_method(network, method)
    again = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=network(seed=7))
    check_law(again)
    for grad in (True, False):
        expected = logits_of(subject.model, images, grad=grad)
        assert torch.equal(logits_of(again.model, images, grad=grad), expected)
        assert not torch.equal(logits_of(network(seed=7), images, grad=grad), expected)


@pytest.mark.parametrize("name", KINDS)
def test_a_network_on_a_dct_offset_multiplies_its_effective_weights(name):
    """Bit for bit those that a plain network has with them, with a graph and without, as after every change."""
    network = NETWORKS[name]
    images, _ = network.images(6, seed=3)
    subject = try_method(network, "dctps")
    plain = network()
    for _ in range(2):
        state = plain_copy(subject.model, subject.weights.slots).state_dict()
        plain.load_state_dict(state | subject.effective_weights())
        for grad in (True, False):
            assert torch.equal(
                logits_of(subject.model, images, grad=grad), logits_of(plain, images, grad=grad)
            )
        with torch.no_grad():
            for values in subject.weights.values.values():
                values.mul_(0.5)
