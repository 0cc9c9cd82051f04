"""`package.module:callable` for data, in every form, in Python and on the command line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.data import batches
from sparserobust.data.bundle import ImageTensors
from sparserobust.data.digest import digest_of
from sparserobust.errors import ConfigError, DataError, PluginError

MODULE = """
import random
import numpy
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset
import sparserobust as sr

images = torch.rand(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
labels = torch.arange(24) % 4
tensors = images, labels
loader = DataLoader(TensorDataset(images, labels), batch_size=5)
value = 3


class Named(Dataset):
    classes = ["a", "b", "c", "d", "e"]

    def __init__(self, n=24):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return {"image": images[index], "label": labels[index]}


class Hub:
    features = {"label": type("ClassLabel", (), {"names": ["w", "x", "y", "z"]})()}

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return {"image": images[index], "label": labels[index]}


def of_tensors():
    return images, labels

def of_lists():
    return [images, labels]

def subset():
    return Subset(Named(), range(24))

def concat():
    return ConcatDataset([Subset(Named(), range(9)), Subset(Named(), range(9, 24))])

def shuffled():
    return DataLoader(Named(), batch_size=7, shuffle=True)

def splits():
    return {"training": Named(), "valid": Named(8), "Test": (images, labels)}

def two():
    return {"train": Named(), "validation": Named(12)}

def data():
    test = sr.load_data("digits").test
    return sr.Data("mine", None, None, test, (0.5,), (1.0,), tuple("0123456789"), (1, 8, 8), title="Mine")

def drawn():
    rest, test = torch.utils.data.random_split(TensorDataset(images, labels), [18, 6])
    return {"train": (torch.stack([rest[i][0] for i in range(18)]), torch.tensor([rest[i][1] for i in range(18)])),
            "test": (images + 0 * random.random(), torch.from_numpy(numpy.random.randint(0, 4, 24)))}

def sized(image_size=8):
    return torch.nn.functional.interpolate(images, (image_size, image_size)), labels

def needs(root):
    return images, labels

def raises():
    raise OSError("no disk\\nat all")

def leaves():
    raise SystemExit(3)

def normalised():
    return 3 * images - 1, labels

def one_class():
    return images, 0 * labels

def words():
    return [(image, "cat") for image in images]

class Words(Named):
    def __getitem__(self, index):
        return images[index], "cat"

def empty():
    return images[:0], labels[:0]

def odd():
    return {"train": Named(), "tset": Named()}

def twice():
    return {"test": Named(), "val": Named(), "valid": Named()}

def shapes():
    return {"train": (images[:, :, 1:], labels), "test": (images, labels)}

def one_to_train():
    return {"train": (images[:1], labels[:1]), "test": (images, labels)}

def train_alone():
    return {"train": Named()}

def datas():
    return {"test": data()}

def arrays():
    return images.numpy(), labels.numpy()

def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_pkg").mkdir()
    (folder / "own_pkg" / "__init__.py").write_text("")
    (folder / "own_pkg" / "sets.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def load(name: str, **options) -> sr.Data:
    return sr.load_data(f"own_pkg.sets:{name}", **options)


def everything(dataset) -> tuple[torch.Tensor, torch.Tensor]:
    parts = list(batches(dataset, 5, torch.device("cpu")))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def sizes(data: sr.Data) -> list[int | None]:
    return [None if split is None else len(split) for split in (data.train, data.val, data.test)]


NUMBERS, LETTERS = ("0", "1", "2", "3"), ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("tensors", NUMBERS),
        ("of_tensors", NUMBERS),
        ("of_lists", NUMBERS),
        ("loader", NUMBERS),
        ("Named", LETTERS),
        ("subset", LETTERS),
        ("concat", NUMBERS),
        ("Hub", ("w", "x", "y", "z")),
    ],
)
def test_whatever_is_made_or_there_becomes_a_test_split_alone(own, name, classes):
    data = load(name)
    images, labels = everything(data.test)
    from own_pkg import sets

    assert torch.equal(images, sets.images)
    assert torch.equal(labels, sets.labels)
    assert (sizes(data), data.classes) == ([None, None, 24], classes)
    assert (data.name, data.title, data.input_shape) == (
        f"own_pkg.sets:{name}",
        f"own_pkg.sets:{name}",
        (1, 8, 8),
    )
    assert data.mean == pytest.approx((float(images.mean()),), abs=1e-6)
    assert data.std == pytest.approx((float(images.std(correction=0)),), abs=1e-6)
    run = sr.evaluate(sr.create_model("lenet-300-100", data), data, ["accuracy"], limit=8)
    assert (run.data.name, run.data.n) == (f"own_pkg.sets:{name}", 8)


def test_a_loader_that_shuffles_is_gone_through_once_in_one_order(own):
    first, again = load("shuffled"), load("shuffled")
    from own_pkg import sets

    assert not torch.equal(everything(first.test)[0], sets.images)
    assert torch.equal(everything(first.test)[0], everything(first.test)[0])
    assert torch.equal(everything(first.test)[0], everything(again.test)[0])


def test_a_dict_holds_splits_by_the_names_that_folders_have(own):
    data = load("splits")
    assert (sizes(data), data.classes) == ([24, 8, 24], LETTERS)
    data = load("two")
    assert sizes(data) == [22, 2, 12]
    assert len(everything(data.val)[1].unique()) == 2  # stratified
    assert digest_of(data.train) == digest_of(load("two").train)
    assert sizes(load("one_to_train")) == [1, None, 24]  # there is nothing to hold out


def test_a_data_is_taken_as_it_is_under_this_name(own):
    data = load("data")
    assert (data.name, data.title, data.mean, len(data.test)) == ("own_pkg.sets:data", "Mine", (0.5,), 480)


def test_what_is_drawn_repeats_and_global_states_stay(own):
    before = torch.get_rng_state()
    first, again = load("drawn"), load("drawn")
    for split in ("train", "val", "test"):
        assert digest_of(getattr(first, split)) == digest_of(getattr(again, split))
    assert torch.equal(before, torch.get_rng_state())


def test_an_image_size_is_given_to_what_takes_it(own):
    data = load("sized", image_size=5)
    assert (data.input_shape, data.image_size) == ((1, 5, 5), 5)
    assert (load("sized").input_shape, load("sized").image_size) == ((1, 8, 8), None)
    with pytest.raises(DataError, match="unexpected keyword argument 'image_size'"):
        load("of_tensors", image_size=5)
    with pytest.raises(
        PluginError, match="own_pkg.sets:tensors was asked for images of 5x5 and has .1, 8, 8.; let"
    ):
        load("tensors", image_size=5)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "lod",
            "own_pkg.sets:lod cannot be built: AttributeError: module 'own_pkg.sets' has no attribute 'lod' (own",
        ),
        (
            "needs",
            "own_pkg.sets:needs cannot be built: TypeError: needs() missing 1 required positional argument",
        ),
        ("raises", "own_pkg.sets:raises cannot be built: OSError: no disk at all"),
        ("leaves", "own_pkg.sets:leaves cannot be built: SystemExit: 3"),
        ("value", "own_pkg.sets:value must be or return data: data must be a Data, (images, labels) tensors"),
        (
            "arrays",
            "got (ndarray, ndarray); torch.as_tensor makes tensors of arrays; a dict of them by split",
        ),
        ("words", "own_pkg.sets:words must be or return data: data must be a Data"),
        (
            "Words",
            "own_pkg.sets:Words, test: labels must be whole numbers from 0 up, got 'cat'; number the classes",
        ),
        ("normalised", "own_pkg.sets:normalised, test: images must be in [0, 1], got values from -0.9"),
        ("one_class", "own_pkg.sets:one_class has one class only; there is nothing to tell it from"),
        ("empty", "own_pkg.sets:empty has no example in test; return some, or leave it out"),
        (
            "odd",
            "own_pkg.sets:odd returns a dict of train, tset, and 'tset' is no split; expected train, val and",
        ),
        (
            "twice",
            "own_pkg.sets:twice returns a dict of test, val, valid, and 'valid' is a second val; expected",
        ),
        (
            "shapes",
            "own_pkg.sets:shapes has images of several shapes, (1, 7, 8) in train, (1, 8, 8) in test; resize",
        ),
        ("train_alone", "own_pkg.sets:train_alone returns a dict of train; expected train, val and test"),
        ("datas", "own_pkg.sets:datas returns a Data inside of a dict; return it as it is"),
    ],
)
def test_what_cannot_be_is_one_line(own, name, text):
    with pytest.raises(DataError, match=re.escape(text)) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_without_train_what_trains_says_so(own):
    data = load("of_tensors")
    with pytest.raises(
        ConfigError, match="own_pkg.sets:of_tensors has none: it returns no train; let it return a"
    ):
        sr.train(sr.create_model("lenet-300-100", data), data, epochs=1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "mnits:x",
            r"unknown data set 'mnits'; did you mean 'mnist'\? .* package.module:callable is your own",
        ),
        ("no_such_pkg.data:load", "unknown data set 'no_such_pkg.data'; "),
        ("own_pkg.sats:load", "unknown data set 'own_pkg.sats'"),
    ],
)
def test_a_module_that_is_not_there_is_an_unknown_name_at_once(own, name, text):
    for call in (sr.load_data, lambda name: sr.Experiment(data=name)):
        with pytest.raises(DataError, match=text):
            call(name)


def test_a_registered_name_goes_first(own, tmp_path, monkeypatch):
    (tmp_path / "digits.py").write_text("def load():\n    raise ValueError\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert sr.load_data("digits:load").name == "digits"


def test_a_root_beside_it_is_refused(own):
    with pytest.raises(
        ConfigError, match="data 'own_pkg.sets:Named' is your own, which takes no root; leave out 'x'"
    ):
        load("Named", root="x")
    with pytest.raises(
        ConfigError, match="'own_pkg.sets:Named' is your own and has no folder; leave out data_root 'x'"
    ):
        sr.Experiment(data="own_pkg.sets:Named", data_root="x")


def test_labels_at_hand_are_those_of_the_examples(own):
    """No pass over the data is spent on them, and other labels make another training."""
    from own_pkg import sets

    data = load("Named")
    assert data.test.labels.tolist() == sets.labels.tolist()
    changed = type(data.test)(data.test.source, data.test.labels.flip(0))
    assert digest_of(changed) != digest_of(data.test)
    assert isinstance(load("tensors").test, ImageTensors)


def test_the_command_line_scores_on_it_and_has_nothing_left_to_do(own, monkeypatch, tmp_path):
    monkeypatch.chdir(own)
    typed = [
        "evaluate",
        "own_pkg.sets:build",
        "--data",
        "own_pkg.sets:of_tensors",
        "--evaluators",
        "accuracy,fgsm",
    ]
    written: list[int] = []
    for _ in range(2):
        with pytest.raises(SystemExit) as done:
            main([*typed, "--device", "cpu", "--out", str(tmp_path / "out")])
        assert done.value.code == 0
        written = written or [file.stat().st_mtime_ns for file in (tmp_path / "out").glob("*/run.json")]
    assert "own_pkg.sets:of_tensors" in (tmp_path / "out" / "report.html").read_text()
    (run,) = sr.load_runs(tmp_path / "out")
    assert (run.data.name, run.data.n) == ("own_pkg.sets:of_tensors", 24)
    assert written == [file.stat().st_mtime_ns for file in (tmp_path / "out").glob("*/run.json")]


RESUME = """
import sys
import sparserobust as sr
from sparserobust.experiment import plan_networks, prepare
experiment = sr.Experiment(data="resumed:load", model="lenet-300-100", methods="random", epochs=1, recipe="digits",
                           evaluators="storage", device="cpu", settings=["recipe.batch_size=8"])
sys.stdout.write(" ".join(each.state for each in plan_networks(prepare(experiment), sys.argv[1])))
sr.run(experiment, sys.argv[1])
"""
RESUMED = """
import torch
from torch.utils.data import Dataset

class Bars(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return torch.full((1, 8, 8), index / 16), index % LABELS

def load():
    return {"train": Bars(), "test": Bars()}
"""


def test_a_training_on_it_is_taken_up_until_its_code_changes(tmp_path):
    def states(module: str) -> str:
        (tmp_path / "resumed.py").write_text(module)
        done = subprocess.run(
            [sys.executable, "-c", RESUME, str(tmp_path / "out")],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        return done.stdout

    first, brighter = RESUMED.replace("LABELS", "2"), RESUMED.replace("LABELS", "2").replace("/ 16", "/ 20")
    assert states(first) == "missing missing"
    assert states(first) == "scored scored"
    assert states(brighter) == "missing missing"
    assert states(first) == "scored scored"
