"""A recurrent layer with a DCT offset computes with its effective weights: now, in copies, and after loading."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.weights.offset import add_dct_offset
from sparserobust.weights.plan import plain_copy
from sparserobust.weights.slots import Slot, slots_of

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
X = torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(0))


def layer(kind: str) -> tuple[nn.RNNBase, dict[str, Slot]]:
    torch.manual_seed(0)
    made = KINDS[kind](4, 3, num_layers=2, bidirectional=True)
    slots = slots_of(made, [name for name, _ in made.named_parameters() if name.startswith("weight")])
    for slot in slots.values():
        add_dct_offset(slot)
    return made, slots


def by_hand(made: nn.RNNBase) -> Tensor:
    """The output of a plain layer that is given the effective weights."""
    torch.manual_seed(1)
    plain = type(made).__bases__[0](4, 3, num_layers=2, bidirectional=True)
    plain.load_state_dict({name: getattr(made, name) for name in plain.state_dict()})
    return plain(X)[0]


@torch.no_grad()
def draw(slots: dict[str, Slot]) -> None:
    for slot in slots.values():
        slot.values.normal_()


@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_with_its_effective_weights_whenever_they_change(kind):
    made, slots = layer(kind)
    assert torch.equal(made(X)[0], by_hand(made))
    draw(slots)
    assert torch.equal(made(X)[0], by_hand(made))
    with torch.no_grad():
        for slot in slots.values():
            slot.module.parametrizations[slot.attribute][0].alpha.mul_(0.5)
        assert torch.equal(made(X)[0], by_hand(made))


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_computes_with_its_own_weights_and_leaves_the_others(kind):
    made, slots = layer(kind)
    made(X)[0].sum().backward()  # a list of computed weights would be on a graph now, and refuse to be copied
    copied = copy.deepcopy(made)
    before = made(X)[0]
    assert torch.equal(copied(X)[0], before)
    draw(slots_of(copied, slots))
    made(X)
    assert torch.equal(copied(X)[0], by_hand(copied))
    assert not torch.equal(copied(X)[0], before)
    assert torch.equal(made(X)[0], before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_copy_follows_its_weights_and_can_be_trained(kind):
    made, slots = layer(kind)
    draw(slots)
    plain = plain_copy(made, slots)
    assert torch.equal(plain(X)[0], made(X)[0])
    with torch.no_grad():
        plain.weight_hh_l1.zero_()
    assert torch.equal(plain(X)[0], by_hand(made)) is False
    plain(X)[0].sum().backward()
    assert plain.weight_hh_l0.grad is not None


@pytest.mark.parametrize("kind", KINDS)
def test_every_gradient_is_that_of_the_plain_layer(kind):
    made, slots = layer(kind)
    made, X64 = made.double(), X.double()
    plain = plain_copy(made, slots)
    made(X64)[0].square().sum().backward()
    plain(X64)[0].square().sum().backward()
    for name, slot in slots.items():
        torch.testing.assert_close(slot.values.grad, getattr(plain, name).grad)


class Rows(nn.Module):
    """Reads the rows of an image."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.rows = KINDS[kind](8, 6, batch_first=True)
        self.head = nn.Linear(6, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.rows(images[:, 0])[0][:, -1])


@pytest.mark.parametrize("method", ["snip", "freezenet", "dctps", "rigl-dctps"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_subject_keeps_the_law_and_loads_to_the_same_logits(problem, tmp_path, kind, method):
    data = problem(24)
    torch.manual_seed(0)
    subject = sr.sparsify(Rows(kind), method, 0.6, data)
    sr.train(subject, data, recipe="digits", epochs=2, batch_size=8)
    effective = subject.effective_weights()
    for name, part in subject.plan.items():
        assert torch.equal(effective[name][~part.mask], part.offset[~part.mask])
    subject.model.eval()
    logits = subject.model(data[0])
    for name, tensor in effective.items():  # what is multiplied is what is counted
        assert torch.equal(subject.weights.slots[name].effective, tensor)
    torch.manual_seed(5)
    again = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=Rows(kind))
    assert torch.equal(again.model.eval()(data[0]), logits)
    assert torch.equal(plain_copy(subject.model, subject.weights.slots)(data[0]), logits)
