"""One experiment from the command line, from Python and from its file: the same records, whoever goes on with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.errors import SparseRobustError
from sparserobust.experiment import make, score
from sparserobust.training.attached import Attached

GIVEN = {
    "model": "lenet-300-100",
    "methods": ["snip[offset=frozen]", "rigl[every=5]"],
    "sparsities": [0.8, 0.9],
    "exclude": ["body.5", "*.bias"],
    "seeds": [0, 1],
    "epochs": 2,
    "limit": 60,
    "evaluators": ["accuracy", "fgsm[eps=[0.1]]", "saliency", "storage", "gradient-norm", "transfer"],
    "settings": ["recipe.momentum=0", "accuracy.train=false"],
}
HOST = ("created", "seconds")


def options(given: dict) -> list[str]:
    """As one types them."""
    typed = []
    for key, value in given.items():
        if key == "settings":
            typed += [part for each in value for part in ("--set", each)]
            continue
        name = "--sparsity" if key == "sparsities" else f"--{key.replace('_', '-')}"
        typed += [name, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return typed


def from_command_line(given: dict, folder: Path, out: Path) -> None:
    command_line("evaluate", *options(given), "--out", str(out))


def from_python(given: dict, folder: Path, out: Path) -> None:
    sr.run(sr.Experiment(**given), out)


def from_file(given: dict, folder: Path, out: Path) -> None:
    file = sr.Experiment(**given).save(folder / "given.toml")
    command_line("evaluate", "--experiment", str(file), "--out", str(out))


def command_line(*arguments: str) -> None:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    if done.value.code == 130:
        raise KeyboardInterrupt
    assert done.value.code == 0


WAYS = {"command line": from_command_line, "Python": from_python, "file": from_file}


def records(out: Path) -> dict[str, dict]:
    """Name of the folder -> its record without times."""
    found = {}
    for file in sorted(out.glob("*/run.json")):
        raw = json.loads(file.read_text())
        del raw["content_sha256"]
        raw["subject"].pop("file_sha256")  # a file has the seconds of its training
        for part in (
            raw["environment"],
            *raw["outcomes"].values(),
            *(raw["history"] or {"epochs": []})["epochs"],
        ):
            for key in HOST:
                part.pop(key, None)
        found[file.parent.name] = raw
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the experiment comes to where nothing interrupts it."""
    out = tmp_path_factory.mktemp("whole")
    from_python(GIVEN, out, out)
    return records(out)


def test_all_networks_are_there(whole):
    methods = ("snip-frozen", "rigl-every-5")
    sparse = {f"{method}-{s}-{seed}" for method in methods for s in (0.8, 0.9) for seed in (0, 1)}
    assert whole.keys() == sparse | {"dense-0-0", "dense-0-1"}
    for record in whole.values():
        assert {outcome["status"] for outcome in record["outcomes"].values()} <= {"ok", "skipped"}


@pytest.mark.parametrize("way", ["command line", "file"])
def test_every_way_gives_the_same_records(way, whole, tmp_path):
    WAYS[way](GIVEN, tmp_path, tmp_path / "out")
    assert records(tmp_path / "out") == whole
    (file,) = (tmp_path / "out").glob("*.toml")
    assert sr.Experiment.load(file) == sr.Experiment(**GIVEN)


class Cut:
    """Interrupts at the nth moment: a training step, a network that was just saved, a record that was just scored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.seen = 0
        step, evaluate, train = Attached.take_step, score.evaluate, make.train

        def take_step(attached, *, replaced):
            self.moment()
            step(attached, replaced=replaced)

        def evaluated(*arguments, **named):
            self.moment()
            run = evaluate(*arguments, **named)
            self.moment()
            return run

        def trained(*arguments, **named):
            history = train(*arguments, **named)
            self.moment()
            return history

        monkeypatch.setattr(Attached, "take_step", take_step)
        monkeypatch.setattr(score, "evaluate", evaluated)
        monkeypatch.setattr(make, "train", trained)

    def moment(self) -> None:
        self.seen += 1
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("command line", "Python", "file"),
        ("Python", "file", "command line"),
        pytest.param("file", "command line", "Python", marks=pytest.mark.slow),
    ],
)
def test_cut_off_anywhere_it_is_gone_on_with_by_any_other_to_the_same_records(
    first, second, third, whole, tmp_path, monkeypatch
):
    """Twice in a row, at moments that the three cases place elsewhere; the last one ends it."""
    cut = Cut(monkeypatch)
    for way, after in ((first, 37 + 11 * len(first)), (second, 59 + 13 * len(second))):
        cut.left = after
        with pytest.raises(KeyboardInterrupt):
            WAYS[way](GIVEN, tmp_path, tmp_path / "out")
    cut.left, cut.seen = -1, 0
    WAYS[third](GIVEN, tmp_path, tmp_path / "out")
    assert records(tmp_path / "out") == whole
    steps = sum(record["history"]["steps"] for record in whole.values())
    assert 0 < cut.seen < steps
    assert not list((tmp_path / "out").rglob("*.checkpoint"))
    assert len(list((tmp_path / "out").glob("experiment*.toml"))) == 1


KILLED = """
import sys
import sparserobust as sr
sr.run(sr.Experiment.load(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.slow
def test_killed_without_a_word_it_is_gone_on_with_to_the_same_records(tmp_path):
    """SIGKILL at some moments of processes of their own, then the command line to the end.

    None is this process, in which tests have the shapes of some functions checked: that is other code.
    """
    file = sr.Experiment(**GIVEN).save(tmp_path / "given.toml")
    subprocess.run([sys.executable, "-c", KILLED, str(file), str(tmp_path / "whole")], check=True)
    out = tmp_path / "out"
    for seconds in (5.0, 6.0, 7.5, 9.0):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(file), str(out)], env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    command = [sys.executable, "-m", "sparserobust", "evaluate", *options(GIVEN), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    assert list(differences(records(tmp_path / "whole"), records(out))) == []


def differences(one: object, other: object, place: str = "") -> Iterator[str]:
    """Where two records differ, and how."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif one != other:
        yield f"{place}: {one!r:.100} != {other!r:.100}"


WRONG = {
    "an unknown key": {"epocs": 3},
    "a percentage": {"sparsities": [90]},
    "a mistyped method": {"methods": ["snpi"]},
    "a mistyped evaluator": {"evaluators": ["fsgm"]},
    "a mistyped data set": {"data": "mnits"},
    "a mistyped network": {"model": "lenet5-cafe"},
    "a mistyped recipe": {"recipe": "freezenet"},
    "two names for one method": {"methods": ["random", "random[allocation=uniform]"]},
    "two names for one evaluator": {"evaluators": ["pgd-l2", "pgd[norm=l2]"]},
    "two evaluators of one name": {"evaluators": ["pgd", "pgd[steps=3]"]},
    "a place named twice": {"data": "mnist:here", "data_root": "there"},
    "a data set that the network cannot take": {"model": "lenet5-caffe"},
    "a data set that is not there": {"data": "folder:nowhere"},
    "a parameter that there is not": {"methods": ["snip[resque=random]"]},
    "a value that a parameter cannot have": {"methods": ["snip[rescue=always]"]},
    "a setting that there is not": {"settings": ["fgsm.epz=0.1"]},
    "a setting of what is not in use": {"settings": ["pgd.steps=3"]},
    "a setting that a recipe does not have": {"settings": ["recipe.momentun=0.9"]},
    "a value that a recipe cannot have": {"settings": ["recipe.momentum=2"]},
    "a momentum that Adam does not have": {"settings": ["recipe.momentum=0.9"]},
    "a learning rate below 0": {"lr": -1},
    "a seed that is no number": {"seeds": [1.5]},
    "a limit of nothing": {"limit": 0},
    "a device that there is not": {"device": "gpu"},
    "a schedule that does not fit": {"methods": ["imp"], "epochs": 3},
    "a bracket that is not closed": {"methods": ["random[allocation=epl"]},
    "a recipe that cannot train it": {"methods": ["freezenet-wd"]},
    "an initialisation that there is not": {"initialisation": "xavier"},
    "a saved model that is not there": {"saved": ["missing.sparse"]},
    "a network that cannot be built": {"model": "no_such_module:build"},
    "weights without a network": {"weights": "w.pt"},
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_the_same_line_from_all_three_before_anything_is_there(
    what, tmp_path, monkeypatch, capsys
):
    given = WRONG[what]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(make, "train", None)  # nothing comes so far
    with pytest.raises(SparseRobustError) as caught:
        sr.run(sr.Experiment(**given), "out")
    line = f"{type(caught.value).__name__}: {caught.value}"
    assert "\n" not in line
    lines = [f"{key} = {toml_value(value)}" for key, value in given.items()]
    Path("given.toml").write_text("\n".join(lines))
    typed = given.get("saved", []) + options({key: own for key, own in given.items() if key != "saved"})
    for arguments in (typed, ["--experiment", "given.toml"]):
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *arguments, "--out", "out"])
        assert (ended.value.code, capsys.readouterr().err.strip()) == (2, line)
    assert [path.name for path in tmp_path.iterdir()] == ["given.toml"]


def toml_value(value: object) -> str:
    return json.dumps(value)
