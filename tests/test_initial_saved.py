"""A saved model comes back with the weights of its initialisation, drawn again or stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import sparserobust as sr
from sparserobust.drawn import drawn_by_us
from sparserobust.errors import RecordError
from sparserobust.storage.modelfile import read_model
from sparserobust.uses import prunable_slots


def build(**more):
    return sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=10, seed=5, **more)


EXAMPLES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10


def logits(subject, images=EXAMPLES[0]):
    with torch.no_grad():
        return subject.model.eval()(images)


@pytest.mark.parametrize("method", ["snip", "freezenet", "dctps"])
@pytest.mark.parametrize("name", ["orthogonal", "kaiming-uniform", "pm-sigma"])
def test_a_saved_model_of_any_initialisation_comes_back_bit_for_bit(tmp_path, name, method):
    """A frozen offset is drawn again, but for an orthogonal one, which is stored whole."""
    subject = sr.sparsify(build(initialisation=name), method, 0.9, EXAMPLES, seed=2)
    with torch.no_grad():
        subject.model.body[-1].bias.add_(0.5)
    path = subject.save(tmp_path / "m.sparse")
    stored = any(key.endswith(":offset") for key in read_model(path)[1])
    assert stored == (method == "freezenet" and name == "orthogonal")
    assert drawn_by_us(subject) == (name != "orthogonal")
    back = sr.load_subject(path)
    assert torch.equal(logits(subject), logits(back))
    assert back.record() == subject.record()
    assert back.model.origin == subject.model.origin


def test_an_orthogonal_offset_comes_back_where_lapack_gives_other_bits(tmp_path, monkeypatch):
    subject = sr.sparsify(build(initialisation="orthogonal"), "freezenet", 0.9, EXAMPLES)
    path = subject.save(tmp_path / "m.sparse")
    real = np.linalg.qr
    monkeypatch.setattr(np.linalg, "qr", lambda matrix: real(matrix * (1 + 1e-3 * np.sign(matrix))))
    back = sr.load_subject(path)
    assert torch.equal(logits(subject), logits(back))
    assert back.parent is None


def test_a_frozen_fixup_network_comes_back(tmp_path):
    model = sr.create_model("fixup-resnet110", input_shape=(3, 8, 8), num_classes=10, seed=1)
    subject = sr.sparsify(model, "random", 0.9, offset="frozen")
    with torch.no_grad():
        for name, module in prunable_slots(subject.model).items():
            module.values.add_(0.01 * subject.weights.masks[name])
    path = subject.save(tmp_path / "m.sparse")
    assert not any(key.endswith(":offset") for key in read_model(path)[1])
    back = sr.load_subject(path)
    images = torch.rand(2, 3, 8, 8)
    assert logits(subject, images).any()
    assert torch.equal(logits(subject, images), logits(back, images))
    assert back.model.origin.initialisation == "fixup"


def rewritten(path, change):
    """The file with another origin in its header."""
    with safe_open(path, framework="pt") as opened:
        metadata = opened.metadata()
    header = json.loads(metadata["header"])
    change(header["origin"])
    save_file(read_model(path)[1], path, metadata | {"header": json.dumps(header)})
    return path


def test_a_file_from_before_initialisations_had_names_is_xavier_normal(tmp_path):
    subject = sr.sparsify(build(), "freezenet", 0.9, EXAMPLES)

    def older(origin):
        del origin["initialisation"], origin["repeatable"]

    back = sr.load_subject(rewritten(subject.save(tmp_path / "m.sparse"), older))
    assert torch.equal(logits(subject), logits(back))
    assert back.model.origin == subject.model.origin


@pytest.mark.parametrize(
    "change", [{"initialisation": 3}, {"initialisation": ["a"]}, {"name": {"a": 1}}, {"new": 1}]
)
def test_an_origin_that_cannot_be_is_a_damaged_file(tmp_path, change):
    path = sr.sparsify(build(), "magnitude", 0.9).save(tmp_path / "m.sparse")
    with pytest.raises(RecordError, match="is damaged: its header cannot be read"):
        sr.load_subject(rewritten(path, lambda origin: origin.update(change)))
