"""torchvision's networks by name: which there are, what they refuse, and that a seed and a file bring them back."""

from __future__ import annotations

import sys

import pytest
import torch
import torchvision
from torch import nn

import sparserobust as sr
from sparserobust.errors import ModelError, ShapeError
from sparserobust.models.create import is_model
from sparserobust.models.from_torchvision import torchvision_names
from sparserobust.storage.modelfile import read_model
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.plan import sha256_of

SMALL = "torchvision:shufflenet_v2_x0_5"
IMAGES = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(8)


def build(name: str = SMALL, shape=(3, 32, 32), seed: int = 0, **more):
    return sr.create_model(name, input_shape=shape, num_classes=10, seed=seed, **more)


def logits(model: nn.Module):
    with torch.no_grad():
        return model.eval()(IMAGES[0])


def test_all_classification_networks_and_no_others_are_known():
    names = torchvision_names()
    assert len(names) == len(torchvision.models.list_models(module=torchvision.models)) >= 70
    assert is_model("torchvision:resnet50")
    assert not is_model("torchvision:fcn_resnet50")  # segmentation
    assert not is_model("resnet50_of_nobody")


def test_our_own_networks_need_no_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)  # an import raises
    sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=10)
    with pytest.raises(ModelError, match="unknown model 'lenet5-dctp'; did you mean 'lenet5-dctps'"):
        sr.create_model("lenet5-dctp", input_shape=(1, 8, 8), num_classes=10)
    with pytest.raises(ImportError):
        torchvision_names()


def test_a_wrong_name_gets_the_nearest_one():
    with pytest.raises(
        ModelError, match=r"unknown model 'torchvision:resnet5'; did you mean 'torchvision:resnet50'\?"
    ):
        build("torchvision:resnet5")
    with pytest.raises(
        ModelError, match="unknown model 'nothing'.* torchvision:NAME and timm:NAME are any of theirs"
    ):
        build("nothing")


def test_images_that_it_cannot_take_are_refused_in_one_line_when_it_is_created():
    with pytest.raises(
        ShapeError, match="shufflenet_v2_x0_5 takes images of 3 channels, got 1; repeat the channel"
    ):
        build(shape=(1, 32, 32))
    with pytest.raises(
        ShapeError, match=r"squeezenet1_1 cannot take images of 8x8 \(.*\); choose another size"
    ) as error:
        build("torchvision:squeezenet1_1", (3, 8, 8))
    assert "\n" not in str(error.value)


def test_the_network_is_torchvisions_with_the_weights_of_our_stream():
    """Same keys and shapes, biases of conv and linear layers 0, in training mode."""
    theirs = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    model = build()
    assert model.training
    assert all(module.training for module in model.modules())
    ours = {name.removeprefix("body."): tuple(t.shape) for name, t in model.state_dict().items()}
    assert ours == {name: tuple(t.shape) for name, t in theirs.state_dict().items()}
    assert not any(m.module.bias.any() for m in prunable_slots(model).values() if m.module.bias is not None)
    assert model.origin.name == SMALL
    assert sha256_of(effective_weights(model)) == model.origin.sha256
    assert logits(model).shape == (8, 10)


def test_googlenet_has_no_auxiliary_head():
    model = build("torchvision:googlenet")
    assert isinstance(model.train()(IMAGES[0]), torch.Tensor)
    assert not any("aux" in name for name, _ in model.named_parameters())


def tiny_transformer(name, *, weights, num_classes):
    return torchvision.models.VisionTransformer(
        image_size=32,
        patch_size=16,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        mlp_dim=32,
        num_classes=num_classes,
    )


def test_parameters_that_are_not_prunable_come_from_the_seed_and_leave_the_global_stream_alone(monkeypatch):
    """A transformer's position embedding and attention weights are drawn by torch."""
    monkeypatch.setattr(torchvision.models, "get_model", tiny_transformer)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build("torchvision:vit_b_16")
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    again, other = build("torchvision:vit_b_16"), build("torchvision:vit_b_16", seed=1)
    position = "body.encoder.pos_embedding"
    assert first.state_dict()[position].std() > 0
    assert sha256_of(first.state_dict()) == sha256_of(again.state_dict())
    assert not torch.equal(first.state_dict()[position], other.state_dict()[position])


@pytest.mark.parametrize(("method", "offset"), [("snip", "zero"), ("freezenet", "frozen"), ("dctps", "dct")])
def test_a_saved_network_of_torchvision_comes_back_with_its_logits(tmp_path, method, offset):
    subject = sr.sparsify(build(seed=4), method, 0.9, IMAGES, seed=1, offset=offset)
    with torch.no_grad():
        for name, tensor in subject.model.state_dict().items():
            if name.endswith("running_mean"):
                tensor.add_(0.1)
    path = subject.save(tmp_path / "m.sparse")
    assert not any(key.endswith(":offset") for key in read_model(path)[1])
    back = sr.load_subject(path)
    assert torch.equal(logits(subject.model), logits(back.model))
    assert back.record() == subject.record()
    assert back.name == SMALL
    assert back.parent is not None


def test_a_network_that_this_torchvision_does_not_have_asks_for_the_model(tmp_path, monkeypatch):
    path = sr.sparsify(build(), "magnitude", 0.9).save(tmp_path / "m.sparse")
    monkeypatch.setattr(torchvision.models, "list_models", lambda module: ["resnet18"])
    with pytest.raises(ModelError, match="which is not one of our models; give a fresh instance of it"):
        sr.load_subject(path)
