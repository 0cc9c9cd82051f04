"""The key `normalize`: how it is written, and which constants the networks of an experiment get."""

from __future__ import annotations

import json

import pytest
import torch

import sparserobust as sr
from sparserobust import Experiment, run
from sparserobust.data import Data, ImageTensors
from sparserobust.errors import ConfigError
from sparserobust.experiment import prepare
from sparserobust.experiment.normalize import constants, spelled
from sparserobust.storage.modelfile import read_header

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("given", "expected", "of_three"),
    [
        ("imagenet", "imagenet", IMAGENET),
        ("half", "half", ((0.5,) * 3, (0.5,) * 3)),
        ("none", "none", ((0.0,) * 3, (1.0,) * 3)),
        (" 0.5/.25 ", "0.5/0.25", ((0.5,) * 3, (0.25,) * 3)),
        ("0.4914, 0.4822, 0.4465/0.247,0.2435,0.2616", "0.4914,0.4822,0.4465/0.247,0.2435,0.2616",
         ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))),
        ((IMAGENET[0], 0.25), "0.485,0.456,0.406/0.25", (IMAGENET[0], (0.25,) * 3)),
        (torch.tensor([[0.5], [0.25]]), "0.5/0.25", ((0.5,) * 3, (0.25,) * 3)),
        ([0.1, 0.3], "0.1/0.3", ((0.1,) * 3, (0.3,) * 3)),
    ],
)  # fmt: skip
def test_every_way_to_write_them_is_one_text_that_says_them(given, expected, of_three):
    assert spelled("normalize", given) == expected
    assert spelled("normalize", expected) == expected
    assert constants(expected, 3) == of_three


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("imagnet", "must be data, model, imagenet, half, none, or MEAN/STD .*got 'imagnet'; did you mean 'imagenet'"),
        ("0.5", "or MEAN/STD such as .*, got '0.5'"),
        ("0.5,x/0.5", "or MEAN/STD"),
        ("0.5,/0.5", "or MEAN/STD"),
        ("nan/1", "or MEAN/STD"),
        ("0.5/0.5/0.5", "or MEAN/STD"),
        ("/", "or MEAN/STD"),
        (0.5, "or MEAN/STD"),
        ([[], [1]], "or MEAN/STD"),
        ("0.5/0", "normalize is of pixels from 0 to 1, std above 0, got '0.5/0'"),
        ("0.5/-1", "std above 0"),
        ("123.7,116.3,103.5/58.4,57.1,57.4", "normalize is of pixels from 0 to 1.*; divide by 255"),
    ],
)  # fmt: skip
def test_anything_else_is_one_line(given, text):
    with pytest.raises(ConfigError, match=text) as caught:
        Experiment(normalize=given)
    assert "\n" not in str(caught.value)


def test_constants_of_another_number_of_channels_are_refused():
    with pytest.raises(
        ConfigError, match="normalize imagenet is of 3 channels, the images have 1; give MEAN/STD"
    ):
        prepare(Experiment(model="mlp5", methods="dense", normalize="imagenet"))


def test_a_network_without_published_weights_has_no_constants_of_its_own():
    with pytest.raises(
        ConfigError, match="normalize model is for networks of torchvision and timm, mlp5 states no constants"
    ):
        prepare(Experiment(model="mlp5", methods="dense", normalize="model"))


def test_trained_networks_normalise_by_it_and_another_one_is_another_network(tmp_path):
    small = {"model": "mlp5", "methods": "dense", "epochs": 0, "evaluators": "storage"}
    for normalize, expected in (("0.25/0.5", ((0.25,), (0.5,))), ("none", ((0.0,), (1.0,))), (None, None)):
        (found,) = run(Experiment(**small, normalize=normalize), tmp_path)
        data = sr.load_data("digits")
        mean, std = expected or (data.mean, data.std)
        assert (found.subject.normalization.mean, found.subject.normalization.std) == (mean, std)
    files = sorted(tmp_path.glob("dense*/model.sparse"))
    assert len(files) == 3
    assert len({json.dumps(read_header(file)["origin"]["mean"]) for file in files}) == 3


def colours(root=None):
    images = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    examples = ImageTensors(images, torch.arange(40) % 4)
    return Data(
        "colours", examples, examples, examples, (0.1, 0.2, 0.3), (0.3, 0.2, 0.1), tuple("abcd"), (3, 32, 32)
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("torchvision:shufflenet_v2_x0_5", IMAGENET),
        ("timm:resnet10t.c3_in1k", IMAGENET),
        ("timm:test_vit.r160_in1k", ((0.5,) * 3, (0.5,) * 3)),
    ],
)
def test_weights_of_a_librarys_network_come_with_its_own_constants_unless_others_are_named(
    tmp_path, monkeypatch, name, expected
):
    from sparserobust.experiment import prepared

    monkeypatch.setattr(prepared, "load_data", lambda *_, **__: colours())
    torch.save(sr.create_model(name, colours(), seed=5).body.state_dict(), tmp_path / "w.pt")
    experiment = {"model": name, "weights": tmp_path / "w.pt", "evaluators": "accuracy"}
    for normalize, constants_wanted in (
        (None, expected),
        ("model", expected),
        ("data", ((0.1, 0.2, 0.3), (0.3, 0.2, 0.1))),
        ("half", ((0.5,) * 3, (0.5,) * 3)),
    ):
        made = prepare(Experiment(**experiment, normalize=normalize)).network(0)
        assert (made.normalize.mean.flatten().tolist(), made.normalize.std.flatten().tolist()) == (
            pytest.approx(constants_wanted[0]), pytest.approx(constants_wanted[1])
        )  # fmt: skip
