"""A training that was killed goes on to the same bits; its file is whole, its own, and gone at the end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

import sparserobust as sr
from sparserobust.data import Data
from sparserobust.errors import ConfigError, RecordError
from sparserobust.storage.modelfile import read_model
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe, started_from, train
from sparserobust.training.attached import Attached

STEPS = 6
"""Of an epoch: 96 examples in batches of 16."""


class Killed(Exception):
    pass


PLAN = {"name": "t", "source": "", "optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}
PLAN |= {"batch_size": 16, "epochs": 4, "lr_drop_epochs": (3,), "lr_every_steps": 10, "lr_factor": 0.5}
PGD = {"kind": "pgd", "eps": 0.1, "steps": 2}
TRADES = {"kind": "trades", "eps": 0.1, "steps": 2}
TRAININGS = {
    "dense": ("dense", {}, {"flip": 0.5, "translate": 1}),
    "snip": ("snip", {}, {"optimizer": "adam", "momentum": 0.0, "lr": 0.005, "crop_padding": 1}),
    "freezenet-wd": ("freezenet-wd", {"prune_at_end": True}, {"flip": 0.5, "translate": 1}),
    "dctps": ("dctps", {}, {"clip_norm": 0.5}),
    "pgd": ("dense", {}, {"adversarial": PGD, "flip": 0.5}),
    "trades": ("snip", {}, {"adversarial": TRADES | {"warmup_epochs": 3}}),
}


def started(method="dense", model=None, seed=0, **params):
    sparsity = 0.0 if method == "dense" else 0.8
    return sr.sparsify(model or small_networks()[0], method, sparsity, small_data(), seed=seed, **params)


def recipe(**changes) -> Recipe:
    return Recipe.model_validate(PLAN | changes)


def killed(monkeypatch, file: Path, step: int, subject, plan: Recipe, seed: int = 5, data=None) -> None:
    """Trains until this optimizer step, counted from the start of this run, is about to be taken."""
    left = [step]

    def take_step(self, *, replaced, own=Attached.take_step):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        own(self, replaced=replaced)

    with monkeypatch.context() as patch:
        patch.setattr(Attached, "take_step", take_step)
        with pytest.raises(Killed):
            train(subject, data or small_data(), recipe=plan, seed=seed, checkpoint=file)


def bits(tensor: Tensor) -> bytes:
    return bytes(tensor.contiguous().flatten().view(torch.uint8).tolist()) if tensor.numel() else b""


def outcome(subject) -> tuple[dict, dict, dict]:
    """Everything that a training leaves behind, but the seconds that it took."""
    history = subject.history.model_dump()
    for epoch in history["epochs"]:
        del epoch["seconds"]
    tensors = {**subject.model.state_dict(), **{f"{n}:mask": m for n, m in subject.weights.masks.items()}}
    decay = subject.weights.decay
    return history, {name: bits(t) for name, t in tensors.items()}, decay and decay.state()


@pytest.mark.parametrize("name", TRAININGS)
def test_killed_within_an_epoch_it_goes_on_to_the_same_bits(tmp_path, monkeypatch, name):
    """Killed twice, in the third epoch and, resumed there, in the fourth; torch's own generator is elsewhere then."""
    method, params, changes = TRAININGS[name]
    plan, file = recipe(**changes), tmp_path / "t.checkpoint"
    whole = started(method, **params)
    train(whole, small_data(), recipe=plan, seed=5)
    killed(monkeypatch, file, 2 * STEPS + 3, started(method, **params), plan)
    torch.manual_seed(99)
    torch.rand(7)
    killed(monkeypatch, file, STEPS + 2, started(method, **params), plan)
    resumed = started(method, **params)
    taken = []
    with monkeypatch.context() as patch:
        own = Attached.take_step
        patch.setattr(
            Attached, "take_step", lambda self, *, replaced: taken.append(1) or own(self, replaced=replaced)
        )
        train(resumed, small_data(), recipe=plan, seed=5, checkpoint=file)
    assert len(taken) == STEPS, "it began anew"
    assert outcome(resumed) == outcome(whole)
    assert list(tmp_path.iterdir()) == []


def test_killed_after_the_last_epoch_it_only_ends(tmp_path, monkeypatch):
    plan, file = recipe(), tmp_path / "t.checkpoint"
    whole = started()
    train(whole, small_data(), recipe=plan, seed=5)
    with monkeypatch.context() as patch:
        patch.setattr("sparserobust.training.session.Session._settle", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(started(), small_data(), recipe=plan, seed=5, checkpoint=file)
    resumed = started()
    train(resumed, small_data(), recipe=plan, seed=5, checkpoint=file)
    assert outcome(resumed) == outcome(whole)


def test_a_training_with_a_checkpoint_is_the_training_without(tmp_path):
    with_file, without = started(), started()
    train(with_file, small_data(), recipe=recipe(), seed=5, checkpoint=tmp_path / "new" / "t")
    train(without, small_data(), recipe=recipe(), seed=5)
    assert outcome(with_file) == outcome(without)
    assert list((tmp_path / "new").iterdir()) == []


def changed_weight():
    model = small_networks()[0]
    with torch.no_grad():
        model.head.bias[0] += 2.0**-20
    return model


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 6},
        {"recipe": recipe(lr=0.051)},
        {"recipe": recipe(epochs=5)},
        {"recipe": recipe(adversarial=PGD)},
        {"subject": {"model": changed_weight()}},
        {"subject": {"method": "snip"}},
        {"subject": {"seed": 1}},
        {"examples": 90},
    ],
    ids=["seed", "lr", "epochs", "adversarial", "weights", "method", "subject-seed", "examples"],
)
def test_a_checkpoint_of_another_training_is_refused_by_name_and_stays(tmp_path, monkeypatch, other):
    file = tmp_path / "t.checkpoint"
    killed(monkeypatch, file, STEPS + 1, started(), recipe())
    content, subject = file.read_bytes(), started(**other.get("subject", {}))
    before = {name: tensor.clone() for name, tensor in subject.model.state_dict().items()}
    data = small_data()
    if "examples" in other:
        data = (data.train.images[:90], data.train.labels[:90])
    text = f"checkpoint {re.escape(str(file))} is of another training .*; make the subject as it was"
    with pytest.raises(ConfigError, match=text):
        train(subject, data, recipe=other.get("recipe", recipe()), seed=other.get("seed", 5), checkpoint=file)
    assert file.read_bytes() == content
    assert all(torch.equal(tensor, before[name]) for name, tensor in subject.model.state_dict().items())


def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path, monkeypatch):
    file = tmp_path / "t.checkpoint"
    killed(monkeypatch, file, STEPS + 1, started(), recipe())
    content, named = file.read_bytes(), re.escape(str(file))
    for damaged in (content[:-1], content[: len(content) // 2], content[:20], b"", b"epoch 1 of 4\n" * 9):
        file.write_bytes(damaged)
        with pytest.raises(RecordError, match=f"{named} is not a readable saved model"):
            train(started(), small_data(), recipe=recipe(), seed=5, checkpoint=file)
        assert file.read_bytes() == damaged
    started().save(file)
    with pytest.raises(RecordError, match=f"{named} is no checkpoint of a training; name another file"):
        train(started(), small_data(), recipe=recipe(), seed=5, checkpoint=file)


def test_only_whole_files_are_ever_in_the_folder(tmp_path, monkeypatch):
    """A write that fails leaves the file of the epoch before, from which a training goes on as ever."""
    file, seen = tmp_path / "t.checkpoint", []

    def replace(self, target, own=Path.replace):
        seen.append(sorted(p.name for p in tmp_path.iterdir() if p != self))
        if len(seen) == 3:
            raise OSError("no space left on device")
        return own(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(OSError, match="no space left"):
            train(started(), small_data(), recipe=recipe(), seed=5, checkpoint=file)
    assert seen == [[], [file.name], [file.name]]
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
    header, _ = read_model(file)
    assert len(dict(header["state"]["$pairs"])["epochs"]) == 2
    resumed, whole = started(), started()
    train(resumed, small_data(), recipe=recipe(), seed=5, checkpoint=file)
    train(whole, small_data(), recipe=recipe(), seed=5)
    assert outcome(resumed) == outcome(whole)


def test_a_training_that_diverges_leaves_no_checkpoint(tmp_path):
    subject = started(model=nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    file = tmp_path / "t.checkpoint"
    history = train(subject, small_data(), recipe=recipe(lr=1e38), checkpoint=file)
    assert history.status == "diverged"
    assert list(tmp_path.iterdir()) == []


def start_of(model=None, data=None, seed=0):
    data = data or small_data()
    subject = sr.sparsify(model or small_networks()[1], "random", 0.8, data, seed=seed)
    return started_from(subject, data, recipe=recipe(), seed=5)


def other_image(split: str) -> Data:
    """One pixel of one image of a split is another one."""
    data = small_data()
    getattr(data, split).images[3, 0, 2, 2] += 2.0**-20
    return data


def other_label() -> Data:
    data = small_data()
    data.train.labels[5] = (data.train.labels[5] + 1) % 3
    return data


def other_activation():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.LeakyReLU(0.2))


def test_what_a_training_starts_from_is_told_by_its_examples_and_its_network():
    plain = start_of()
    assert start_of() == plain
    assert start_of(seed=1) != plain
    for data in (other_image("train"), other_image("val"), other_label()):
        assert start_of(data=data) != plain
    assert start_of(data=other_image("test")) == plain
    torch.manual_seed(0)
    leaky = other_activation()
    start = start_of(model=leaky)
    assert start_of(model=leaky.eval()) == start
    leaky[2].negative_slope = 0.3
    assert start_of(model=leaky) != start


def test_constants_of_the_normalisation_count():
    images = (1, 8, 8)
    first, second = (
        sr.create_model("lenet-300-100", input_shape=images, num_classes=3, seed=0, mean=(m,), std=(0.3,))
        for m in (0.1, 0.2)
    )
    assert start_of(model=first) != start_of(model=second)


def test_the_order_of_a_loader_goes_on_as_well(tmp_path, monkeypatch):
    """A DataLoader draws its order from a generator of its own."""

    def loader():
        return DataLoader(small_data().train, 16, shuffle=True, generator=torch.Generator().manual_seed(3))

    whole, file = started(), tmp_path / "t.checkpoint"
    train(whole, loader(), recipe=recipe(), seed=5)
    killed(monkeypatch, file, 2 * STEPS + 3, started(), recipe(), data=loader())
    resumed = started()
    train(resumed, loader(), recipe=recipe(), seed=5, checkpoint=file)
    assert outcome(resumed) == outcome(whole)


class Endless(IterableDataset):
    def __iter__(self):
        split = small_data().train
        return ((split[i][0], split[i][1]) for i in range(len(split)))


def test_examples_without_a_length_train_a_fixed_mask(tmp_path):
    subject = started("magnitude")
    train(subject, DataLoader(Endless(), 16), recipe=recipe(), checkpoint=tmp_path / "t")
    assert subject.history.steps == 4 * STEPS
