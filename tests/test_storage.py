"""Bytes per format, and a saved model that comes back bit for bit or not at all."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import sparserobust as sr
from sparserobust.errors import ModelError, RecordError
from sparserobust.storage.codecs import (
    bitmask_bytes,
    csr32_bytes,
    dense_bytes,
    pack_mask,
    snipit_bits,
    unpack_mask,
)
from sparserobust.training import Recipe
from sparserobust.uses import prunable_slots
from sparserobust.weights.plan import sha256_of

RECIPE = Recipe(
    name="t", source="tests", optimizer="adamw", lr=0.01, weight_decay=0.1, batch_size=16, epochs=1
)
METHODS = [("dense", 0.0), ("random", 0.8), ("snip", 0.9), ("freezenet", 0.9), ("dctps", 0.9)]


# -- codecs -----------------------------------------------------------------------------------------------


@given(rows=st.integers(1, 20), columns=st.integers(1, 20), density=st.floats(0, 1), seed=st.integers(0, 99))
def test_csr_bytes_are_those_of_scipy(rows, columns, density, seed):
    mask = np.random.RandomState(seed).rand(rows, columns) < density
    matrix = scipy.sparse.csr_matrix(mask.astype(np.float32))
    theirs = (
        matrix.data.nbytes + matrix.indices.astype(np.int32).nbytes + matrix.indptr.astype(np.int32).nbytes
    )
    assert csr32_bytes(rows, matrix.nnz) == theirs


@given(shape=st.lists(st.integers(1, 7), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_a_packed_mask_takes_one_bit_per_weight_and_comes_back(shape, seed):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    packed = pack_mask(mask)
    assert packed.numel() == math.ceil(mask.numel() / 8)
    assert torch.equal(unpack_mask(packed, tuple(shape)), mask)
    assert bitmask_bytes(mask.numel(), 1, int(mask.sum())) == 4 * int(mask.sum()) + packed.numel()


def test_bytes_by_hand():
    assert dense_bytes(10, 500) == 20_000
    assert dense_bytes(10, 500, value_bytes=2) == 10_000
    assert csr32_bytes(10, 100) == 100 * 8 + 44
    assert bitmask_bytes(3, 3, 2) == 8 + 2
    assert snipit_bits(10, 500, 100) == 3400 + 22


# -- saved models -----------------------------------------------------------------------------------------


@pytest.fixture(params=METHODS, ids=[m for m, _ in METHODS])
def subject(request, problem) -> sr.Subject:
    """A trained subject on one of our own networks with BatchNorm."""
    model = sr.create_model("mlp5", input_shape=(1, 8, 8), num_classes=4, seed=5)
    method, sparsity = request.param
    made = sr.sparsify(model, method, sparsity, problem(64), seed=2)
    sr.train(made, problem(32), recipe=RECIPE)
    return made


def logits(subject: sr.Subject, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return subject.model.eval()(images)


def test_a_saved_model_comes_back_with_bit_identical_logits(subject, tmp_path, problem):
    images, _ = problem(16, seed=4)
    path = subject.save(tmp_path / "deep" / "a.sparse")
    back = sr.load_subject(path)
    assert torch.equal(logits(back, images), logits(subject, images))
    assert sha256_of(back.model.state_dict()) == sha256_of(subject.model.state_dict())
    assert back.record() == subject.record()
    assert back.history == subject.history
    assert back.recipe == subject.recipe
    for name, part in subject.plan.items():
        assert torch.equal(back.plan[name].mask, part.mask)
        assert torch.equal(back.plan[name].offset, part.offset)
    assert sha256_of(back.at_initialisation().model.state_dict()) == sha256_of(
        subject.at_initialisation().model.state_dict()
    )


def test_a_loaded_model_trains_on_as_the_saved_one_does(subject, tmp_path, problem):
    back = sr.load_subject(subject.save(tmp_path / "a.sparse"))
    for one in (back, subject):
        sr.train(one, problem(32, seed=3), recipe=RECIPE, seed=1)
    assert sha256_of(back.model.state_dict()) == sha256_of(subject.model.state_dict())


def test_a_frozen_offset_of_ours_is_stored_as_its_seed_alone(problem, tmp_path):
    model = sr.create_model("mlp5", input_shape=(1, 8, 8), num_classes=4)
    ours = sr.sparsify(model, "freezenet", 0.99, problem(64)).save(tmp_path / "ours.sparse")
    own = copy.deepcopy(model)
    with torch.no_grad():
        own.body[1].weight.add_(1e-3)
    theirs = sr.sparsify(own, "freezenet", 0.99, problem(64)).save(tmp_path / "theirs.sparse")
    prunable = sum(m.values.numel() for m in prunable_slots(model).values())
    assert ours.stat().st_size < prunable * 4 / 10
    assert theirs.stat().st_size > prunable * 4


@pytest.mark.parametrize(("method", "sparsity"), METHODS)
def test_a_network_of_ones_own_comes_back_into_a_fresh_instance(
    make_network, problem, tmp_path, method, sparsity
):
    subject = sr.sparsify(make_network("residual"), method, sparsity, problem(64), seed=2)
    sr.train(subject, problem(64), recipe=RECIPE)
    path = subject.save(tmp_path / "a.sparse")
    back = sr.load_subject(path, model=make_network("residual", seed=77))
    images, _ = problem(16)
    assert torch.equal(logits(back, images), logits(subject, images))
    for name, part in subject.plan.items():
        assert torch.equal(back.plan[name].offset, part.offset)
    with pytest.raises(
        ModelError,
        match="not one of our models; give a fresh instance of it: load_subject.path, model",
    ):
        sr.load_subject(path)
    with pytest.raises(ModelError, match="is of another architecture"):
        sr.load_subject(path, model=make_network("conv"))


def test_a_bare_model_can_be_saved(make_network, problem, tmp_path):
    model = make_network("conv")
    path = sr.Subject.of(model).save(tmp_path / "a.sparse")
    images, _ = problem(8)
    back = sr.load_subject(path, model=make_network("conv", seed=9))
    assert torch.equal(back.model.eval()(images), model.eval()(images))


def rewrite(path, *, header=None, tensors=None, metadata=None) -> None:
    """The same file with something changed."""
    with safe_open(path, framework="pt") as opened:
        facts = opened.metadata()
        contents = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if header is not None:
        raw = json.loads(facts["header"])
        header(raw)
        facts["header"] = json.dumps(raw)
    if tensors is not None:
        tensors(contents)
    save_file(contents, path, metadata=facts | (metadata or {}))


@pytest.fixture
def saved(problem, tmp_path):
    model = sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=4, seed=5)
    return sr.sparsify(model, "freezenet", 0.9, problem(64)).save(tmp_path / "a.sparse")


def test_another_seed_than_that_of_the_frozen_offset_is_refused(saved):
    rewrite(saved, header=lambda h: h["origin"].update(seed=6))
    with pytest.raises(RecordError, match="does not match its sha256"):
        sr.load_subject(saved)


def test_a_frozen_offset_that_hashes_otherwise_is_refused(saved):
    rewrite(
        saved,
        header=lambda h: (h["origin"].update(sha256="0" * 64), h["subject"].update(initial_sha256="0" * 64)),
    )
    with pytest.raises(RecordError, match="does not match its sha256"):
        sr.load_subject(saved)


def test_a_changed_value_is_refused(saved):
    """The record holds the sha256 of the weights: what does not match it is damaged."""
    rewrite(saved, tensors=lambda t: t["body.0.weight:values"].add_(1e-3))
    with pytest.raises(RecordError, match="damaged|sha256"):
        sr.load_subject(saved)


@pytest.mark.parametrize("name", ["body.0.weight:values", "body.0.weight:mask", "body.0.bias:whole"])
@pytest.mark.parametrize("change", ["missing", "shorter"])
def test_a_missing_or_shortened_tensor_is_refused(saved, name, change):
    def damage(tensors: dict) -> None:
        tensor = tensors.pop(name)
        if change == "shorter":
            tensors[name] = tensor[:-1].clone()

    rewrite(saved, tensors=damage)
    with pytest.raises(RecordError, match="damaged"):
        sr.load_subject(saved)


def test_every_cut_off_file_is_refused(saved):
    whole = saved.read_bytes()
    for length in (0, 1, 8, 9, 200, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(RecordError, match="is not a readable saved model"):
            sr.load_subject(saved)


def test_foreign_files_and_other_versions_are_refused(saved, tmp_path):
    with pytest.raises(RecordError, match="is not there; name a file"):
        sr.load_subject(tmp_path / "nothing.sparse")
    rewrite(saved, metadata={"version": "99"})
    with pytest.raises(RecordError, match="has format version '99', expected 1"):
        sr.load_subject(saved)
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(RecordError, match="but not a saved model of this library"):
        sr.load_subject(tmp_path / "foreign.safetensors")


def test_no_code_that_a_file_names_is_imported(saved):
    rewrite(saved, header=lambda h: h["origin"].update(name="os:system"))
    with pytest.raises(ModelError, match="not one of our models"):
        sr.load_subject(saved)


def test_a_failed_save_leaves_the_old_file(saved, problem, monkeypatch):
    old = saved.read_bytes()
    subject = sr.load_subject(saved)
    with torch.no_grad():
        subject.model.body[0].bias.add_(1)

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        subject.save(saved)
    assert [p.name for p in saved.parent.iterdir()] == ["a.sparse"]
    assert saved.read_bytes() == old


def test_tied_layers_come_back_tied(tmp_path):
    def build() -> nn.Module:
        first, second = nn.Linear(4, 4), nn.Linear(4, 4)
        second.weight = first.weight
        return nn.Sequential(nn.Flatten(), first, second)

    subject = sr.sparsify(build(), "random", 0.5)
    back = sr.load_subject(subject.save(tmp_path / "a.sparse"), model=build())
    images = torch.rand(3, 1, 2, 2)
    assert back.model[1].weight is back.model[2].weight
    assert torch.equal(back.model(images), subject.model(images))
