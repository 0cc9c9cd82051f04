"""A repr of one line: short, in ASCII, and never an error."""

from __future__ import annotations

import pprint
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import sparserobust as sr
from sparserobust.one_line import LONGEST, OneLine


@dataclass(repr=False)
class Held(OneLine):
    first: Any = None
    second: Any = None


@dataclass(repr=False)
class Own(OneLine):
    parts: tuple[str, ...]

    def _shown(self) -> Iterator[str]:
        yield from self.parts


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(np.zeros((2, 3))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | inner.map(Held),
    max_leaves=20,
)


def is_one_line(text: str) -> bool:
    return len(text) <= LONGEST and text.isascii() and len(text.splitlines()) == 1


@given(VALUES, VALUES)
def test_whatever_the_fields_hold_it_is_one_short_line(first, second):
    held = Held(first, second)
    assert is_one_line(repr(held))
    assert str(held) == repr(held)


@given(st.lists(st.text(), max_size=20))
def test_whatever_a_class_says_of_itself_it_is_one_short_line(parts):
    assert is_one_line(repr(Own(tuple(parts))))


def test_fields_stand_by_name_and_what_is_nothing_is_left_out():
    assert repr(Held(0.123456, None)) == "Held(first=0.1235)"
    assert repr(Held(0, ())) == "Held(first=0)"
    assert repr(Held({"a": 1, "b": 2}, [1, "x", None])) == "Held(first={a, b}, second=(1, 'x', None))"
    assert repr(Held(list(range(9)), np.zeros((2, 3), bool))) == "Held(first=9 int, second=ndarray (2, 3))"


def test_another_object_of_its_kind_stands_there_by_its_first_part():
    assert (
        repr(Held(Own(("snip 0.9", "more")), [Own(()), Own(())])) == "Held(first=Own(snip 0.9), second=2 Own)"
    )


def test_parts_without_room_are_left_out_and_a_first_one_is_cut():
    assert repr(Own(("a" * 50, "b" * 50, "c" * 50))) == f"Own({'a' * 50}, {'b' * 50}, ...)"
    assert repr(Own(("a" * 500,))).endswith("a...)")


def test_line_breaks_and_other_alphabets_are_written_in_ascii():
    assert repr(Own(("two\nlines", "ε"))) == r"Own(two lines, \u03b5)"


@pytest.mark.parametrize("kind", [Held, sr.Subject, sr.Run, sr.Outcome, sr.Score, sr.Data, sr.Findings])
def test_an_object_half_made_has_a_repr(kind):
    if kind is Held:
        kind = Own
    assert repr(kind.__new__(kind)) == f"{kind.__name__}(incomplete)"


def test_subject_plan_data_and_history_say_what_they_are():
    data = sr.load_data("digits")
    assert repr(data) == "Data('digits', train=1077, val=240, test=480, classes=10, input_shape=(1, 8, 8))"
    subject = sr.sparsify(sr.create_model("lenet-300-100", data), "freezenet", 0.95, data)
    said = (
        "Subject('freezenet 0.95', lenet-300-100, sparsity=0.95, kept=2510 of 50200, offset='frozen', seed=0"
    )
    assert repr(subject) == f"{said})"
    assert all(is_one_line(repr(plan)) for plan in subject.plan.values())
    history = sr.train(subject, data, epochs=1)
    assert is_one_line(repr(history))
    assert "epochs=1" in repr(history)
    assert repr(subject) == f"{said}, epochs=1)"
    assert is_one_line(repr(sr.sparsify(torch.nn.Linear(4, 2), "rigl", 0.5)))


def test_the_repr_of_a_subject_changes_nothing():
    subject = sr.sparsify(sr.create_model("lenet-300-100", sr.load_data("digits")), "magnitude", 0.5)
    before, drawn = subject.record(), torch.get_rng_state()
    repr(subject), pprint.pformat([subject] * 3)
    assert subject.record() == before
    assert torch.equal(torch.get_rng_state(), drawn)
