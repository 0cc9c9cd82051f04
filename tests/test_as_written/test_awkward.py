"""Networks, outputs and data that are read right or refused, where a simpler reading would be silently wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import IterableDataset

import sparserobust as sr
from sparserobust.errors import ConfigError, DataError, ModelError, ShapeError
from tests.test_as_written.networks import Returning, examples, plain


def top1(model: Any, **more: Any) -> float:
    return sr.evaluate(model, examples(), ["accuracy"], **more).outcomes["accuracy"].score("top1").value


def test_a_single_output_between_0_and_1_is_told_to_be_like_a_probability():
    data = examples()[0], torch.arange(24) % 2
    for form, codes in (
        (lambda z, x: z[:, :1].sigmoid(), ["like-probabilities"]),
        (lambda z, x: z[:, 0] - z[:, 1], []),
    ):
        run = sr.evaluate(Returning(form), data, ["accuracy"])
        assert [warning.code for warning in run.subject.warnings] == codes


def test_a_function_that_takes_the_logits_out_is_asked_for_again_with_the_file(tmp_path):
    def second(returned: Any) -> Tensor:
        return returned["b"]

    form = Returning(lambda z, x: {"a": -z, "b": z})
    subject = sr.sparsify(form, "magnitude", 0.5, examples(), output=second)
    file = subject.save(tmp_path / "m.sparse")
    with pytest.raises(ModelError, match=r"taken out by .*second, a function, which no file keeps"):
        sr.load_subject(file, model=Returning(form.form))
    back = sr.load_subject(file, model=Returning(form.form), output=second)
    assert top1(back) == top1(subject)


def test_a_subject_keeps_its_own_place():
    subject = sr.sparsify(Returning(lambda z, x: {"a": z, "b": -z}), "magnitude", 0.5, output="a")
    with pytest.raises(ConfigError, match="this subject has its own"):
        sr.evaluate(subject, examples(), ["accuracy"], output="b")


@pytest.mark.parametrize("batch_size", [None, 1, 4, 10])
def test_the_place_of_the_logits_does_not_depend_on_the_size_of_a_batch(batch_size):
    """Ten prototypes of six numbers are no logits, in a batch of ten images either."""
    model = Returning(lambda z, x: (torch.ones(10, 6), z))
    assert top1(model, batch_size=batch_size) == top1(plain())


def test_nor_does_it_in_training():
    data, trained = examples(), []
    for model in (plain(), Returning(lambda z, x: (torch.ones(10, 6), z))):
        subject = sr.sparsify(model, "magnitude", 0.5, data)
        sr.train(subject, data, recipe="digits", epochs=2, batch_size=10)
        trained.append(list(subject.effective_weights().values()))
    assert all(torch.equal(one, other) for one, other in zip(*trained, strict=True))


@pytest.mark.parametrize(
    "form",
    [
        lambda z, x: {"logits": z[:, None], "features": x.flatten(1)},
        lambda z, x: {"pooler_output": z, "last_hidden_state": x.flatten(1)},
        lambda z, x: (x.flatten(1), z),
    ],
)
def test_features_are_not_taken_for_logits(form):
    with pytest.raises(ShapeError, match="name the part that they are"):
        top1(Returning(form))


def test_what_lies_beside_named_logits_is_no_auxiliary_head():
    data, trained = examples(), []
    for form in (lambda z, x: z, lambda z, x: {"logits": z, "features": 3 * z}):
        subject = sr.sparsify(Returning(form), "magnitude", 0.5)
        sr.train(subject, data, recipe="digits", epochs=2)
        trained.append(subject.effective_weights())
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


class Once(IterableDataset):
    """A stream that can be gone through once."""

    def __init__(self) -> None:
        images, labels = examples()
        self.left = iter(list(zip(images, labels.tolist(), strict=True)))

    def __iter__(self) -> Iterator[Any]:
        return self.left


def test_a_stream_that_ends_loses_no_example():
    run = sr.evaluate(plain(), Once(), ["accuracy"])
    assert run.data.n == 24
    assert run.outcomes["accuracy"].score("top1").value == top1(plain())


class Mixed(nn.Module):
    """A body in half precision under a head in single precision."""

    def __init__(self) -> None:
        super().__init__()
        layers = plain()
        self.body, self.head = layers[:3].half(), layers[3]

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images.half()).float())


def test_a_network_of_mixed_types_is_made_sparse_saved_and_loaded(tmp_path):
    data = examples()
    with pytest.raises(
        ModelError, match=r"parameters of several types \(float16, float32\), and scores are taken in one"
    ):
        sr.sparsify(Mixed(), "snip", 0.5, data)
    subject = sr.sparsify(Mixed(), "magnitude", 0.5, data)
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=Mixed())
    assert {name: p.dtype for name, p in back.model.named_parameters()} == {
        name: p.dtype for name, p in subject.model.named_parameters()
    }
    assert top1(back) == top1(subject)


def test_reading_weights_moves_nothing_in_a_network_in_training_mode():
    model = plain().train()
    spectral_norm(model[3])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    sr.evaluate(model, examples(), ["accuracy", "flops", "storage"])
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training


class WritesIntoItsImages(nn.Sequential):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.mul_(2).sub_(1))


def test_a_network_may_write_into_its_images():
    outcomes = sr.evaluate(
        WritesIntoItsImages(*plain()), examples(), ["accuracy", "fgsm", "saliency"]
    ).outcomes
    assert {outcome.status for outcome in outcomes.values()} == {"ok"}


class WithoutGradients(nn.Sequential):
    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


def replaced() -> nn.Module:
    model = plain()
    inner = model[3].forward
    model[3].forward = lambda features: inner(features)
    return model


def frozen_by_jit() -> nn.Module:
    return torch.jit.freeze(torch.jit.script(plain()))


def of_inference_mode() -> nn.Module:
    with torch.inference_mode():
        return plain()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: WithoutGradients(*plain()), "no gradient reaches"),
        (replaced, "the forward of 3 was replaced on the instance"),
        (frozen_by_jit, r"was frozen by torch\.jit"),
        (of_inference_mode, r"was made under torch\.inference_mode"),
    ],
)
def test_what_cannot_be_scored_or_trained_is_one_line(made, message):
    with pytest.raises(ModelError, match=message) as refused:
        sr.sparsify(made(), "snip", 0.5, examples())
    assert "\n" not in str(refused.value)


def test_averages_of_an_optimizer_are_no_weights(tmp_path):
    own = {name: tensor + 1 for name, tensor in plain().state_dict().items()}
    for content in ({"exp_avg": own}, {"optimizer": {"exp_avg_by_name": own}, "step": 3}):
        torch.save(content, tmp_path / "w.pt")
        network = plain()
        with pytest.raises(ModelError):
            sr.load_weights(network, tmp_path / "w.pt")
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), plain().parameters(), strict=True))


def test_pixels_of_no_known_range_are_refused_by_name(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        Image.fromarray(np.random.default_rng(0).random((8, 8)).astype(np.float32)).save(
            tmp_path / label / "1.tiff"
        )
    with pytest.raises(DataError, match=r"1\.tiff is not a readable image .*floating-point"):
        sr.load_data(f"folder:{tmp_path}")


def test_a_link_to_a_folder_above_is_not_followed(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / label / "1.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    assert len(sr.load_data(f"folder:{tmp_path}").test) == 2


def test_one_image_squeezed_is_read():
    assert top1(Returning(lambda z, x: z.squeeze()), batch_size=1) == top1(plain())
