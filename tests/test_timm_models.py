"""timm's networks by name: which there are, at which sizes, well initialised, and back from seed and file."""

from __future__ import annotations

import sys

import pytest
import timm
import torch

import sparserobust as sr
from sparserobust.errors import ModelError, ShapeError
from sparserobust.models.create import is_model
from sparserobust.models.libraries import LIBRARIES, constants_of
from sparserobust.registry import LIBRARIES as NAMED
from sparserobust.uses import prunable
from sparserobust.weights.plan import sha256_of

IMAGES = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(8)

SMALL = [
    "test_vit", "test_vit3", "test_resnet", "test_convnext", "test_efficientnet", "test_efficientnet_evos",
    "test_nfnet", "mobilenetv3_small_050",
]  # fmt: skip
LARGER = [
    "deit_tiny_distilled_patch16_224", "convnext_atto", "efficientnet_lite0", "vit_tiny_patch16_224", "resnet10t",
    "cait_xxs24_224", "nf_resnet26", "resnetv2_50x1_bit",
]  # fmt: skip
NETWORKS = [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGER)]


def build(name, shape=(3, 32, 32), seed=0):
    return sr.create_model(f"timm:{name}", input_shape=shape, num_classes=10, seed=seed)


def test_the_libraries_are_those_of_the_registry_and_each_has_the_network_named_there():
    assert LIBRARIES.keys() == NAMED.keys()
    for library, one in NAMED.items():
        assert is_model(f"{library}:{one}")


def test_every_network_of_timm_and_every_tag_of_its_weights_is_a_name():
    assert all(
        is_model(f"timm:{name}")
        for name in ("resnet50", "resnet50.a1_in1k", "deit_tiny_distilled_patch16_224")
    )
    assert not is_model("timm:resnet50.of_nobody")
    assert not is_model("timm:")
    assert not is_model("resnet50.a1_in1k")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_timms_with_weights_that_the_seed_brings_back(name):
    """Same keys and shapes, one channel too, logits that tell images apart, and the global stream is left alone."""
    before = torch.get_rng_state()
    model, again, other = build(name), build(name), build(name, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    size = {"img_size": 32} if timm.models.get_pretrained_cfg(name).fixed_input_size else {}
    theirs = timm.create_model(name, num_classes=10, **size).state_dict()
    assert {key: t.shape for key, t in model.body.state_dict().items()} == {
        key: t.shape for key, t in theirs.items()
    }
    assert sha256_of(model.state_dict()) == sha256_of(again.state_dict())
    assert sha256_of(model.state_dict()) != sha256_of(other.state_dict())
    assert model.training
    for training in (True, False):
        logits = model.train(training)(IMAGES[0])
        assert isinstance(logits, torch.Tensor)
        assert logits.shape == (8, 10)
        assert 0 < float(logits.detach().std()) < 30
    assert build(name, (1, 32, 32)).eval()(IMAGES[0][:, :1]).shape == (8, 10)


@pytest.mark.parametrize("name", ["test_vit", "test_vit3", "test_convnext", "test_nfnet"])
def test_what_is_no_weight_of_a_layer_is_as_timm_draws_it(name):
    """Tokens, positions, layer scales and gains: all but prunable weights and biases, from timm's own draw."""
    model = build(name, seed=3).body
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        size = {"img_size": 32} if "vit" in name else {}
        theirs = dict(timm.create_model(name, num_classes=10, in_chans=3, **size).named_parameters())
    layers = {
        f"{path}.{part}"
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
        for part in ("weight", "bias")
    }
    drawn = {*layers, *prunable(model)}
    others = {key: own for key, own in model.named_parameters() if key not in drawn}
    assert others
    for key, own in others.items():
        assert torch.equal(own, theirs[key]), key


def test_a_wrong_name_gets_the_nearest_one():
    with pytest.raises(ModelError, match=r"unknown model 'timm:resnet5'; did you mean 'timm:resnet50'\?"):
        build("resnet5")
    with pytest.raises(
        ModelError, match=r"unknown model 'timm:vit_tiny_patch16_22'; did you mean 'timm:vit_tiny_patch16_"
    ):
        constants_of("timm:vit_tiny_patch16_22")


def test_images_that_it_cannot_take_are_refused_in_one_line_when_it_is_created():
    with pytest.raises(
        ShapeError, match=r"timm:mobilenetv3_small_050 cannot take images of|timm:levit_128s cannot"
    ) as caught:
        build("levit_128s", (3, 3, 3))
    assert "\n" not in str(caught.value)


def test_without_timm_the_line_says_what_to_install_and_our_own_networks_need_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # an import raises
    sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=10)
    for use in (is_model, constants_of, lambda name: build(name.removeprefix("timm:"))):
        with pytest.raises(ModelError, match=r'^timm:NAME needs timm.*pip install "sparserobust\[timm\]"$'):
            use("timm:resnet50")


@pytest.mark.parametrize(
    ("name", "method", "offset"),
    [
        ("test_vit", "snip", "zero"),
        ("test_efficientnet", "freezenet", "frozen"),
        ("test_resnet.r160_in1k", "dctps", "dct"),
    ],
)
def test_a_saved_network_of_timm_comes_back_with_its_logits(tmp_path, name, method, offset):
    subject = sr.sparsify(build(name, seed=4), method, 0.9, IMAGES, seed=1, offset=offset)
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"))
    with torch.no_grad():
        assert torch.equal(subject.model.eval()(IMAGES[0]), back.model.eval()(IMAGES[0]))
    assert back.record() == subject.record()
    assert (back.name, back.model_title) == (f"timm:{name}", name)
    assert back.parent is not None
