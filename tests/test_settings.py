"""The settings of a plugin are checked by their annotations, whatever they are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import pytest
import torch
from annotated_types import Ge, Le

from sparserobust.errors import ConfigError, PluginError
from sparserobust.settings import Above0, NotNegative, Positive, Seed, Settings, Share, ShareOrAll

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]


@dataclass(frozen=True, kw_only=True)
class Example(Settings):
    name: ClassVar[str] = "example"

    steps: Positive = 5
    first: NotNegative = 0
    every: Positive | None = None
    rate: Share = 0.5
    part: ShareOrAll = 1.0
    scale: Above0 = 2.0
    side: Annotated[int, Ge(1), Le(4)] = 4
    seed: Seed = 0
    kind: Literal["soft", "hard"] | None = "soft"
    flag: bool = False
    eps: tuple[float, ...] = (0.1,)
    era: tuple[float, float] | None = None
    text: str = "a"
    foreign: Unknown = None
    exact: Fraction = Fraction(1)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"steps": 0}, "steps of example must be a whole number, at least 1, got 0"),
        ({"steps": 2.0}, "steps of example must be a whole number, at least 1, got 2.0"),
        ({"steps": True}, "steps of example must be a whole number, at least 1, got True"),
        ({"steps": "7"}, "steps of example must be a whole number, at least 1, got '7'; did you mean 7?"),
        ({"first": -1}, "first of example must be a whole number, at least 0, got -1"),
        ({"every": 0}, "every of example must be a whole number, at least 1, or None, got 0"),
        ({"rate": 1.0}, "rate of example must be a number in (0, 1), got 1.0"),
        ({"part": 0.0}, "part of example must be a number in (0, 1], got 0.0"),
        ({"scale": 0}, "scale of example must be a number above 0, got 0"),
        ({"scale": float("nan")}, "scale of example must be a number above 0, got nan"),
        ({"scale": float("inf")}, "scale of example must be a number above 0, got inf"),
        ({"side": 5}, "side of example must be a whole number in [1, 4], got 5"),
        ({"seed": 2**32}, "seed of example must be a whole number in [0, 2**32), got 4294967296"),
        (
            {"kind": "hrad"},
            "kind of example must be one of soft, hard, None, got 'hrad'; did you mean 'hard'?",
        ),
        ({"flag": 1}, "flag of example must be True or False, got 1"),
        ({"eps": 0.1}, "eps of example must be a list of numbers, got 0.1"),
        ({"eps": ["a"]}, "eps of example must be a list of numbers, got ('a',)"),
        ({"era": [1]}, "era of example must be a list of 2 numbers, or None, got (1,)"),
        ({"text": 3}, "text of example must be text, got 3"),
        ({"exact": "x"}, "exact of example must be Fraction, got 'x'"),
    ],
)
def test_what_does_not_fit_its_annotation_is_refused_in_one_line(given, text):
    with pytest.raises(ConfigError) as refused:
        Example(**given)
    assert str(refused.value) == text


def test_lists_arrays_and_numbers_of_other_libraries_become_plain_once():
    given = Example(eps=torch.tensor([0.1, 0.2]), era=[0, 4], steps=np.int64(3), rate=np.float32(0.9))
    assert (given.eps, given.era, given.steps, given.rate) == ((0.1, 0.2), (0, 4), 3, 0.9)
    assert type(given.steps) is int
    assert type(given.rate) is float
    assert given == replace(given)
    assert hash(given) == hash(replace(given))


def test_what_was_given_stands_in_the_variant_and_as_json():
    given = Example(era=[0, 4], foreign=None)
    assert given.variant() == "example[era=[0, 4]]"
    assert [(c.name, c.value) for c in given.changed()] == [("era", [0, 4])]
    assert Example().variant() == "example"
    assert given.params()["eps"] == [0.1]


def test_an_annotation_that_cannot_be_read_checks_nothing():
    assert Example(foreign=object()).foreign is not None


def test_a_default_without_its_annotation_would_be_lost_and_is_refused_where_it_stands():
    with pytest.raises(PluginError) as refused:

        class Other(Example):
            steps = 7

    assert str(refused.value) == (
        "steps of Other is a setting, whose default changes with its annotation alone: write steps: TYPE = 7 under "
        "@dataclass(frozen=True, kw_only=True)"
    )


def test_a_class_that_states_settings_and_is_no_dataclass_says_so_when_it_is_made():
    class Bare(Example):
        more: int = 1

    with pytest.raises(PluginError) as refused:
        Bare()
    assert str(refused.value) == (
        "Bare states more and needs @dataclass(frozen=True, kw_only=True) above its class line"
    )

    class Facts(Example):
        name: ClassVar[str] = "facts"

    assert Facts(steps=2).variant() == "facts[steps=2]"
