"""`evaluate --out` once more: what is there and was made alike is not made again, and what was cut off goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.experiment import make, score
from sparserobust.storage.modelfile import file_sha256
from sparserobust.training.attached import Attached

NETWORK = """
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
"""


def command(out: Path, *more: str, methods: str = "dense,snip,rigl[every=10]", epochs: int = 3) -> list:
    return [
        "evaluate",
        "--model",
        "lenet-300-100",
        "--methods",
        methods,
        "--sparsity",
        "0.8",
        "--epochs",
        str(epochs),
        "--out",
        out,
        *more,
    ]


def run(*arguments) -> int:
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture
def counted(monkeypatch):
    """How often a comparison has trained and scored."""
    calls, places = {"train": 0, "evaluate": 0}, {"train": make, "evaluate": score}

    def watched(name):
        own = getattr(places[name], name)

        def wrapper(*args, **kwargs):
            calls[name] += 1
            return own(*args, **kwargs)

        return wrapper

    for name in calls:
        monkeypatch.setattr(places[name], name, watched(name))
    return calls


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished comparison."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(*command(Path("out"), "--evaluators", "accuracy,storage")) == 0
    return folder / "out"


@pytest.fixture
def finished(made, tmp_path, monkeypatch):
    """A copy of it in the working directory, under the name by which it was made, to go on from."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(made, "out"))


def records(out: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_text()) for path in out.glob("*/run.json")}


def weights(out: Path) -> dict[str, str]:
    return {name: record["subject"]["weights_sha256"] for name, record in records(out).items()}


def test_the_same_command_again_does_nothing_again_and_writes_the_report(tmp_path, counted, capsys):
    call = command(tmp_path, "--evaluators", "accuracy,storage")
    assert run(*call) == 0
    assert counted == {"train": 3, "evaluate": 3}
    first = records(tmp_path)
    (tmp_path / "report.html").unlink()
    capsys.readouterr()
    assert run(*call) == 0
    assert counted == {"train": 3, "evaluate": 3}
    assert records(tmp_path) == first
    assert (tmp_path / "report.html").exists()
    said = capsys.readouterr().out
    assert said.count("trained before") == said.count("scored before") == 3


def test_other_evaluators_are_run_on_the_models_that_are_there(finished, tmp_path, counted):
    run(*command(finished, "--evaluators", "accuracy,saliency"))
    assert counted == {"train": 0, "evaluate": 3}
    fresh = tmp_path / "fresh"
    run(*command(fresh, "--evaluators", "accuracy,saliency"))
    assert counted["train"] == 3
    for name, record in records(fresh).items():
        assert (
            records(finished)[name]["outcomes"]["saliency"]["scores"]
            == record["outcomes"]["saliency"]["scores"]
        )


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"epochs": 4}, marks=pytest.mark.slow),
        {"more": ("--set", "snip.score_samples=50")},
    ],
    ids=["longer", "other parameters"],
)
def test_what_is_trained_otherwise_is_made_beside_what_is_there(finished, tmp_path, counted, capsys, changed):
    """What `--set` says is no part of a folder's name."""
    changed = dict(changed)
    more = changed.pop("more", ())
    first = records(finished)
    capsys.readouterr()
    for _ in range(2):
        assert run(*command(finished, "--evaluators", "accuracy", *more, **changed)) == 0
    others = {"snip-0.8-0"} if more else {"dense-0-0", "snip-0.8-0", "rigl-every-10-0.8-0"}
    assert counted["train"] == len(others)
    assert capsys.readouterr().out.count(
        "holds another training (of other data, settings, weights or code); this one is"
    ) == 2 * len(others)
    run(*command(tmp_path / "fresh", "--evaluators", "accuracy", *more, **changed))
    fresh, found = weights(tmp_path / "fresh"), weights(finished)
    assert {name: found[f"{name}-2" if name in others else name] for name in fresh} == fresh
    for name in others:
        assert records(finished)[name] == first[name]
    assert len(found) == 3 + len(others)


def test_what_could_not_be_made_does_not_take_the_place_of_what_was(tmp_path):
    """Three epochs are too few for five rounds of IMP."""
    long = command(tmp_path, "--evaluators", "accuracy", methods="imp", epochs=8)
    assert run(*long) == 0
    before = records(tmp_path)["imp-0.8-0"]
    assert run(*command(tmp_path, "--evaluators", "accuracy", "--set", "imp.batchnorm=3", methods="imp")) == 2
    assert records(tmp_path)["imp-0.8-0"] == before


@pytest.mark.parametrize("file", ["model.sparse", "run.json"])
def test_a_damaged_file_is_made_anew(finished, counted, file):
    before = weights(finished)
    (finished / "snip-0.8-0" / file).write_bytes(b"{")
    assert run(*command(finished, "--evaluators", "accuracy,storage")) == 0
    assert counted == ({"train": 1, "evaluate": 0} if file == "model.sparse" else {"train": 0, "evaluate": 1})
    assert weights(finished) == before


def test_what_had_failed_is_scored_again(finished, counted):
    path = finished / "snip-0.8-0" / "run.json"
    record = json.loads(path.read_text())
    record["outcomes"]["storage"] |= {"status": "failed", "reason": "no memory", "scores": []}
    path.write_text(json.dumps(record))
    assert run(*command(finished, "--evaluators", "accuracy,storage")) == 0
    assert counted == {"train": 0, "evaluate": 1}
    assert records(finished)["snip-0.8-0"]["outcomes"]["storage"]["status"] == "ok"


def test_a_training_that_was_cut_off_goes_on_where_it_was(made, tmp_path, monkeypatch, capsys):
    """The interruption comes in the last epoch of the third of three; its first two are not trained again."""
    steps = sr.load_run(made / "rigl-every-10-0.8-0").history.steps
    left = [2 * steps + steps - 2]
    taken = []

    def take_step(self, *, replaced, own=Attached.take_step):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        taken.append(1)
        own(self, replaced=replaced)

    monkeypatch.setattr(Attached, "take_step", take_step)
    call = command(tmp_path / "cut", "--evaluators", "accuracy")
    assert run(*call) == 130
    assert "2 finished runs kept" in capsys.readouterr().err
    folder = tmp_path / "cut" / "rigl-every-10-0.8-0"
    assert [path.suffix for path in folder.iterdir()] == [".checkpoint"]
    left[0] = -1
    taken.clear()
    assert run(*call) == 0
    assert len(taken) == steps // 3
    assert weights(tmp_path / "cut") == weights(made)
    assert {path.name for path in folder.iterdir()} == {"model.sparse", "run.json"}


def test_a_network_of_ones_own_on_a_frozen_offset_is_taken_up_with_its_untrained_twin(
    tmp_path, counted, monkeypatch
):
    (tmp_path / "own_net.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    more = ("--methods", "dense,freezenet", "--sparsity", "0.8", "--epochs", "2", "--evaluators")
    run("evaluate", "own_net:build", *more, "accuracy", "--out", "out")
    run("evaluate", "own_net:build", *more, "accuracy,saliency", "--out", "out")
    run("evaluate", "own_net:build", *more, "accuracy,saliency", "--out", "fresh")
    assert counted["train"] == 4
    out, fresh = records(tmp_path / "out"), records(tmp_path / "fresh")
    assert out.keys() == fresh.keys() == {"dense-0-0", "freezenet-0.8-0"}
    for name in out:
        for folder, found in (("out", out), ("fresh", fresh)):
            digest = found[name]["subject"].pop("file_sha256")  # a file has the seconds of its training
            assert digest == file_sha256(tmp_path / folder / name / "model.sparse")
        assert out[name]["subject"] == fresh[name]["subject"]
        assert out[name]["outcomes"]["saliency"]["scores"] == fresh[name]["outcomes"]["saliency"]["scores"]


def test_no_cache_measures_again(finished, counted):
    call = command(finished, "--evaluators", "accuracy,storage", "--no-cache")
    for _ in range(2):
        assert run(*call) == 0
    assert counted == {"train": 0, "evaluate": 6}


def test_a_preset_that_has_changed_is_run_again(tmp_path, counted):
    preset = tmp_path / "mine.toml"
    call = command(tmp_path / "out", "--preset", preset)
    for eps in ("0.1", "0.2"):
        preset.write_text(
            f'about = "a"\nsource = "b"\n[[evaluators]]\nname = "fgsm"\nsettings = {{ eps = [{eps}] }}\n'
        )
        assert run(*call) == 0
        assert sr.load_run(tmp_path / "out" / "snip-0.8-0").outcomes["fgsm"].axis == (float(eps),)
    assert counted == {"train": 3, "evaluate": 6}


def test_other_images_of_the_same_names_are_trained_and_scored_again(tmp_path, counted):
    from PIL import Image

    stream = np.random.default_rng(0)

    def write(split: str, scale: int) -> None:
        for label in "ab":
            folder = tmp_path / "data" / split / label
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(8):
                pixels = stream.integers(0, scale, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")

    write("train", 255)
    write("test", 255)
    call = [
        "evaluate",
        "--data",
        f"folder:{tmp_path / 'data'}",
        "--model",
        "lenet-300-100",
        "--methods",
        "random",
    ]
    call += ["--epochs", "1", "--evaluators", "accuracy", "--out", tmp_path / "out"]
    for trained, scored in ((2, 2), (2, 2)):
        assert run(*call) == 0
        assert counted == {"train": trained, "evaluate": scored}
    write("test", 100)
    assert run(*call) == 0
    assert counted == {"train": 2, "evaluate": 4}
    write("train", 20)
    assert run(*call) == 0
    assert counted == {"train": 4, "evaluate": 6}
