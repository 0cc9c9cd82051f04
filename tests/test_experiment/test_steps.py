"""The steps of an experiment one by one: a plan that says what is there, networks, and records that grow."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import sparserobust as sr
from sparserobust.errors import ConfigError, ModelError
from sparserobust.experiment import (
    Experiment,
    keep_experiment,
    make,
    make_network,
    plan_networks,
    prepare,
    run,
    score,
    score_network,
)
from sparserobust.experiment.plan import checkpoint_file
from sparserobust.training.attached import Attached

SMALL = {
    "model": "lenet-300-100",
    "methods": ["snip", "random"],
    "sparsities": [0.8, 0.9],
    "epochs": 1,
    "limit": 40,
    "evaluators": ["accuracy", "storage"],
    "settings": "accuracy.train=false",
}


def states(experiment: Experiment, out: Path) -> dict[str, str]:
    return {planned.folder.name: planned.state for planned in plan_networks(prepare(experiment), out)}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished experiment."""
    out = tmp_path_factory.mktemp("done")
    run(Experiment(**SMALL), out)
    return out


@pytest.fixture
def folder(done, tmp_path):
    """A copy of its folder."""
    return Path(shutil.copytree(done, tmp_path / "out"))


def test_a_plan_has_every_network_once_and_the_dense_one_of_its_seed_first(tmp_path):
    plan = plan_networks(prepare(Experiment(**SMALL | {"seeds": [3, 1]})), tmp_path / "out")
    names = [planned.folder.name for planned in plan]
    assert names == [
        *("dense-0-3", "snip-0.8-3", "snip-0.9-3", "random-0.8-3", "random-0.9-3"),
        *("dense-0-1", "snip-0.8-1", "snip-0.9-1", "random-0.8-1", "random-0.9-1"),
    ]
    assert [planned.dense and planned.dense.name for planned in plan] == [
        *(None, *["dense-0-3"] * 4),
        *(None, *["dense-0-1"] * 4),
    ]
    assert len({planned.made_from for planned in plan}) == 10
    assert not (tmp_path / "out").exists()


def test_a_plan_says_what_is_there(folder):
    experiment = Experiment(**SMALL)
    assert set(states(experiment, folder).values()) == {"scored"}
    (folder / "snip-0.8-0" / "run.json").unlink()
    (folder / "snip-0.9-0" / "model.sparse").unlink()
    (folder / "random-0.8-0" / "model.sparse").unlink()
    (begun,) = (p for p in plan_networks(prepare(experiment), folder) if p.label == "random 0.8")
    checkpoint_file(begun.folder, begun.made_from).touch()
    assert states(experiment, folder) == {
        "dense-0-0": "scored",
        "snip-0.8-0": "made",
        "snip-0.9-0": "missing",
        "random-0.8-0": "begun",
        "random-0.9-0": "scored",
    }
    more = Experiment(**SMALL | {"evaluators": ["accuracy", "storage", "flops"]})
    assert states(more, folder)["dense-0-0"] == "made"


@pytest.mark.parametrize(
    "changed",
    [
        {"epochs": 2},
        {"lr": 0.5},
        {"settings": ["accuracy.train=false", "recipe.weight_decay=0.5"]},
        {"recipe": "snip-it"},
        {"initialisation": "orthogonal"},
    ],
)
def test_another_training_is_planned_beside_what_is_there(folder, changed):
    plan = plan_networks(prepare(Experiment(**SMALL | changed)), folder)
    assert {planned.folder.name: planned.wanted and planned.wanted.name for planned in plan} == {
        f"{name}-2": name
        for name in ("dense-0-0", "snip-0.8-0", "snip-0.9-0", "random-0.8-0", "random-0.9-0")
    }


def test_what_does_not_decide_a_network_does_not_move_it(folder):
    changed = {
        "limit": 20,
        "evaluators": "accuracy",
        "seeds": [0, 5],
        "batch_size": 8,
        "threads": 2,
        "device": "cpu",
    }
    assert {planned.wanted for planned in plan_networks(prepare(Experiment(**SMALL | changed)), folder)} == {
        None
    }


STEP = """
import sys
from pathlib import Path
import torch
from sparserobust.experiment import Experiment, make_network, plan_networks, prepare, score_network
from sparserobust import load_run, load_subject
prepared = prepare(Experiment.load(sys.argv[1]))
out, name, step = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with prepared.threads():
    planned = next(p for p in plan_networks(prepared, out) if p.folder.name == name)
    made = make_network(prepared, planned)
    if step == "make":
        sys.exit()
    dense = None if planned.dense is None else load_run(planned.dense)
    model = None if planned.dense is None else load_subject(planned.dense)
    score_network(prepared, planned, made.subject, dense=dense, dense_model=model)
"""


@pytest.mark.slow
def test_every_step_may_be_taken_by_a_process_of_its_own(done, tmp_path):
    """In another order than `run` takes them, as far as one does not need another."""
    out = tmp_path / "out"
    Experiment(**SMALL).save(out / "experiment.toml")
    names = ["snip-0.9-0", "dense-0-0", "random-0.9-0", "snip-0.8-0", "random-0.8-0"]
    for step in ("make", "score"):
        for name in names if step == "make" else sorted(names):
            subprocess.run([sys.executable, "-c", STEP, str(out), name, step], check=True)
    found, expected = sr.load_runs(out), sr.load_runs(done)
    assert {r.subject.label: r.subject.weights_sha256 for r in found} == {
        r.subject.label: r.subject.weights_sha256 for r in expected
    }
    for one, other in zip(by_label(found), by_label(expected), strict=True):
        assert without_seconds(one) == without_seconds(other)


def by_label(runs):
    return sorted(runs, key=lambda record: record.subject.label)


def without_seconds(record: sr.Run) -> dict:
    raw = json.loads(record.model_dump_json(exclude={"environment", "history"}))
    raw["subject"].pop("file_sha256")
    for outcome in raw["outcomes"].values():
        outcome.pop("seconds")
    return raw


def test_a_record_takes_in_more_evaluators_and_loses_none(folder, monkeypatch):
    before = sr.load_run(folder / "snip-0.8-0")
    scored = []
    real = score.evaluate
    monkeypatch.setattr(
        score,
        "evaluate",
        lambda s, d, named, **more: scored.append([e.label for e in named]) or real(s, d, named, **more),
    )
    monkeypatch.setattr(make, "train", None)
    runs = run(Experiment(**SMALL | {"evaluators": ["flops", "accuracy"]}), folder)
    assert scored == [["flops"]] * 5
    after = sr.load_run(folder / "snip-0.8-0")
    assert after == runs[1]
    assert list(after.outcomes) == ["flops", "accuracy", "storage"]
    assert [after.outcomes[name] for name in before.outcomes] == list(before.outcomes.values())
    assert after.environment.created == before.environment.created
    assert after.dense == before.dense
    scored.clear()
    run(Experiment(**SMALL), folder)
    assert scored == []


def test_an_outcome_under_other_settings_takes_the_place_of_the_one_that_was_there(folder):
    run(Experiment(**SMALL | {"settings": ["accuracy.train=true"]}), folder)
    outcomes = sr.load_run(folder / "snip-0.8-0").outcomes
    assert outcomes["accuracy"].settings["train"] is True
    assert outcomes["accuracy"].score("train_top1").value is not None


def test_attacks_that_were_added_are_compared_with_those_that_were_there(tmp_path):
    """How near an attack came to the best follows from all of a record, whenever they were run."""
    attacks = ["minimum-norm[steps=5]", "carlini-wagner[steps=5]"]
    small = SMALL | {"methods": "dense", "limit": 20, "settings": ()}
    run(Experiment(**small | {"evaluators": attacks[:1]}), tmp_path / "grown")
    alone = sr.load_run(tmp_path / "grown" / "dense-0-0").outcomes["minimum-norm"].score("optimality")
    assert alone.reason.code == "no-other-attack"
    (grown,) = run(Experiment(**small | {"evaluators": attacks}), tmp_path / "grown")
    (whole,) = run(Experiment(**small | {"evaluators": attacks}), tmp_path / "whole")
    for name in ("minimum-norm", "carlini-wagner"):
        *others, grown_one = grown.outcomes[name].scores
        *same, whole_one = whole.outcomes[name].scores
        assert others == same
        assert grown_one.value == pytest.approx(
            whole_one.value, rel=1e-6
        )  # a file keeps seven digits of a distance


@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 20, "evaluators": "accuracy"},
        {"evaluators": "accuracy", "batch_size": 7},
        {"settings": "accuracy.train=true"},
    ],
    ids=["other examples", "another batch size", "another setting"],
)
def test_a_record_that_is_measured_otherwise_stays_beside_the_new_one(folder, changed):
    before = (folder / "snip-0.8-0" / "run.json").read_bytes()
    run(Experiment(**SMALL | changed), folder)
    found = sr.load_run(folder / "snip-0.8-0")
    assert sr.load_run(folder / "snip-0.8-0" / "replaced-1.json").outcomes.keys() == {"accuracy", "storage"}
    assert (folder / "snip-0.8-0" / "replaced-1.json").read_bytes() == before
    assert found.data.n == changed.get("limit", 40)
    assert len(sr.load_runs(folder)) == 5
    run(Experiment(**SMALL | changed), folder)
    assert not (folder / "snip-0.8-0" / "replaced-2.json").exists()


def test_measuring_the_same_again_replaces_nothing_and_says_the_same(folder):
    before = without_seconds(sr.load_run(folder / "snip-0.8-0"))
    run(Experiment(**SMALL), folder, cache=None)
    assert without_seconds(sr.load_run(folder / "snip-0.8-0")) == before
    assert not list(folder.rglob("replaced*"))


def test_an_edited_record_is_measured_again(folder):
    file = folder / "snip-0.8-0" / "run.json"
    raw = json.loads(file.read_text())
    raw["outcomes"]["storage"]["scores"][0]["value"] = 1.0
    file.write_text(json.dumps(raw))
    run(Experiment(**SMALL), folder)
    assert sr.load_run(file) is not None
    assert sr.load_run(file).outcomes["storage"].scores[0].value != 1.0


def test_each_experiment_of_a_folder_keeps_a_file_and_the_same_one_keeps_its_own(tmp_path):
    one, other = Experiment(**SMALL), Experiment(**SMALL | {"seeds": 1})
    assert keep_experiment(one, tmp_path).name == "experiment.toml"
    assert keep_experiment(other, tmp_path).name == "experiment-2.toml"
    assert keep_experiment(one, tmp_path).name == "experiment.toml"
    assert keep_experiment(other, tmp_path).name == "experiment-2.toml"
    by_hand = tmp_path / "by_hand"
    by_hand.mkdir()
    (by_hand / "experiment.toml").write_text(
        "# mine\nseeds = 1\n" + one.to_toml().replace("seeds = [0]\n", "")
    )
    assert keep_experiment(other, by_hand).read_text().startswith("# mine")


def test_the_folders_report_covers_the_folder_and_both_commands_write_the_same(folder, tmp_path, capsys):
    from sparserobust.cli.main import main

    def command(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        assert ended.value.code == 0
        return capsys.readouterr().out

    experiment = Experiment(**SMALL | {"methods": ["magnitude", "dctps"], "sparsities": 0.9})
    said = command("evaluate", "--experiment", experiment.save(tmp_path / "e.toml"), "--out", folder)
    page = (folder / "report.html").read_text()
    for name in ("SNIP", "random", "magnitude", "DCTpS"):
        assert f'<span class="name">{name}</span>' in page
    again = command("report", folder, "--out", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page
    assert (
        said.partition("\nmethod ")[2].partition("report: ")[0]
        == again.partition("method ")[2].partition("report: ")[0]
    )
    assert len(sr.load_runs(folder)) == 7
    for text in (Experiment(**SMALL).to_toml(), experiment.to_toml()):
        assert text.splitlines()[2].replace('"', "&#34;") in page


def test_records_without_an_experiment_have_that_of_the_folder_above_them(done, tmp_path):
    runs = [record.model_copy(update={"experiment": None}) for record in sr.load_runs(done)]
    for number, record in enumerate(runs):
        record.save(tmp_path / "deep" / "er" / str(number))
    assert {record.experiment for record in sr.load_runs(tmp_path)} == {None}
    (tmp_path / "deep" / "experiment.toml").write_text("seeds = [0]\n")
    assert {record.experiment for record in sr.load_runs(tmp_path)} == {"seeds = [0]\n"}
    assert {record.experiment for record in sr.load_runs(tmp_path / "deep" / "er")} == {None}


def test_each_record_and_each_step_is_told_as_soon_as_it_is_there(tmp_path, monkeypatch):
    real = make.sparsify

    def sparsify(model, method, sparsity, *arguments, **more):
        if method == "random":
            raise ModelError("on purpose")
        return real(model, method, sparsity, *arguments, **more)

    monkeypatch.setattr(make, "sparsify", sparsify)
    records, events = [], []
    runs = run(
        Experiment(**SMALL | {"sparsities": 0.8}), tmp_path, on_run=records.append, on_event=events.append
    )
    assert records == runs
    told = [(event.what, event.label, event.folder.name) for event in events]
    assert told == [
        ("trained", "dense", "dense-0-0"),
        ("scored", "dense", "dense-0-0"),
        ("trained", "snip 0.8", "snip-0.8-0"),
        ("scored", "snip 0.8", "snip-0.8-0"),
        ("not-made", "random 0.8", "random-0.8-0"),
    ]
    assert events[-1].run == runs[-1]
    assert runs[-1].subject.not_made.facts["message"] == "on purpose"


def test_threads_are_the_experiments_and_afterwards_as_before(tmp_path):
    small = SMALL | {"methods": "dense", "evaluators": "storage", "settings": ()}
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (record,) = run(Experiment(**small), tmp_path)
        assert record.environment.threads == 1
        assert torch.get_num_threads() == 2
        (record,) = run(Experiment(**small, threads=2), tmp_path)
        assert record.environment.threads == 2
    finally:
        torch.set_num_threads(before)


def test_what_was_prepared_is_let_go(tmp_path):
    prepared = prepare(Experiment(**SMALL))
    assert prepared.examples_sha256
    gone = weakref.ref(prepared)
    del prepared
    gc.collect()
    assert gone() is None


def test_an_output_folder_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"out .*file is a file; name a folder that you can write"):
        run(Experiment(**SMALL), tmp_path / "file")


def test_the_folder_of_a_run_does_for_a_saved_model(done, tmp_path):
    experiment = Experiment(
        saved=[done / "snip-0.8-0", done / "dense-0-0" / "model.sparse"], limit=40, evaluators="storage"
    )
    dense, sparse = run(experiment, tmp_path)
    assert (dense.subject.label, sparse.subject.label) == ("dense", "snip 0.8")
    assert sparse.dense == dense.id
    assert sparse.outcomes["storage"].scores == sr.load_run(done / "snip-0.8-0").outcomes["storage"].scores
    with pytest.raises(
        sr.errors.RecordError, match="is a folder without model.sparse; did you mean .*dense-0-0"
    ):
        run(Experiment(saved=done), tmp_path)


def test_own_networks_drawn_anew_under_a_mask_are_taken_up_with_what_training_started_from(
    tmp_path, monkeypatch
):
    (tmp_path / "steps_net.py").write_text(
        "from torch import nn\n\ndef build():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    given = {
        "model": "steps_net:build",
        "methods": "snip[control=reinitialised,initialisation=xavier-normal]",
        "sparsities": 0.5,
        "epochs": 1,
    }
    prepared = prepare(Experiment(**given, evaluators="saliency", limit=20))
    _, planned = plan_networks(prepared, tmp_path / "out")
    made, found = make_network(prepared, planned), make_network(prepared, planned)
    assert (made.before, found.before) == (False, True)
    assert made.subject.record() == found.subject.record()
    one, other = (score_network(prepared, planned, each.subject).run for each in (made, found))
    assert one.outcomes["saliency"].scores == other.outcomes["saliency"].scores


def test_a_record_without_its_network_is_not_written_over_by_another(done, tmp_path):
    """A saved model's record, and that of a network that could not be made, keep their folders too."""
    out = tmp_path / "out"
    run(Experiment(saved=done / "snip-0.8-0", evaluators="storage"), out)
    before = (out / "snip-0.8-0" / "run.json").read_bytes()
    given = SMALL | {"methods": "snip", "sparsities": 0.8}
    for _ in range(2):
        assert [planned.folder.name for planned in plan_networks(prepare(Experiment(**given)), out)] == [
            "dense-0-0",
            "snip-0.8-0-2",
        ]
        run(Experiment(**given), out)
    assert (out / "snip-0.8-0" / "run.json").read_bytes() == before


def test_a_network_that_could_not_be_made_keeps_its_record_beside_another_experiment(tmp_path, monkeypatch):
    def sparsify(model, method, sparsity, *arguments, **more):
        if method == "snip":
            raise ModelError("on purpose")
        return sr.sparsify(model, method, sparsity, *arguments, **more)

    monkeypatch.setattr(make, "sparsify", sparsify)
    given = SMALL | {"methods": "snip", "sparsities": 0.8}
    for epochs, folder in ((1, "snip-0.8-0"), (2, "snip-0.8-0-2"), (1, "snip-0.8-0")):
        _, record = run(Experiment(**given | {"epochs": epochs}), tmp_path)
        assert record.subject.not_made is not None
        assert sr.load_run(tmp_path / folder) == record
    assert len(sr.load_runs(tmp_path)) == 4


def test_a_listener_that_raises_is_no_result_of_a_network(tmp_path):
    def listen(event):
        if (event.what, event.label) == ("trained", "snip 0.8"):
            raise ZeroDivisionError("boom")

    given = Experiment(**SMALL | {"methods": "snip", "sparsities": 0.8})
    with pytest.raises(ZeroDivisionError, match="boom"):
        run(given, tmp_path, on_event=listen)
    assert len(run(given, tmp_path)) == 2
    assert {record.subject.not_made for record in sr.load_runs(tmp_path)} == {None}


def test_killed_while_its_model_is_written_a_network_is_not_trained_again(tmp_path, monkeypatch):
    given = Experiment(**SMALL | {"methods": "dense"})
    with monkeypatch.context() as patch:
        patch.setattr(sr.Subject, "save", lambda self, path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(given, tmp_path)
    steps = []
    step = Attached.take_step
    monkeypatch.setattr(Attached, "take_step", lambda *a, **k: steps.append(1) or step(*a, **k))
    events = []
    run(given, tmp_path, on_event=events.append)
    assert steps == []
    assert events[0].resumed
    assert not list(tmp_path.rglob("*.checkpoint"))


@pytest.mark.parametrize("name", ["model.sparse", "run.json"])
def test_a_file_of_a_newer_version_is_not_written_over(folder, name):
    place = folder / "snip-0.8-0"
    if name == "run.json":
        (place / "model.sparse").unlink()
        raw = json.loads((place / name).read_text()) | {"schema_version": 99}
        (place / name).write_text(json.dumps(raw))
    else:
        save_file({"x": torch.zeros(1)}, place / name, {"format": "sparserobust model", "version": "2"})
    before = (place / name).read_bytes()
    plan = {
        planned.label: planned.folder.name for planned in plan_networks(prepare(Experiment(**SMALL)), folder)
    }
    assert plan["snip 0.8"] == "snip-0.8-0-2"
    assert (place / name).read_bytes() == before


@pytest.mark.parametrize("what", ["file", "dangling link", "folder for a model", "folder for a record"])
def test_a_name_that_is_taken_by_something_else_is_left_to_it(tmp_path, what):
    place = tmp_path / "snip-0.8-0"
    if what == "file":
        place.write_text("mine")
    elif what == "dangling link":
        place.symlink_to(tmp_path / "nowhere")
    else:
        (place / ("model.sparse" if "model" in what else "run.json")).mkdir(parents=True)
    runs = run(Experiment(**SMALL | {"methods": "snip", "sparsities": 0.8}), tmp_path)
    assert (tmp_path / "snip-0.8-0-2" / "run.json").is_file()
    assert runs[1].subject.not_made is None


def test_a_foreign_record_in_the_folder_is_told_and_left_out_of_the_report(folder, capsys):
    from sparserobust.cli.main import main

    (folder / "old").mkdir()
    (folder / "old" / "run.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--experiment", str(folder), "--out", str(folder)])
    said = capsys.readouterr()
    assert ended.value.code == 0
    assert "run.json is not a record of this library" in said.err
    assert said.err.count("left out") == 1
    assert "report: " in said.out


def test_what_killed_processes_left_half_written_is_removed(folder):
    old, young = folder / "snip-0.8-0" / ".model.sparse.abc", folder / "snip-0.8-0" / ".run.json.def"
    for file in (old, young):
        file.touch()
    os.utime(old, (1, 1))
    os.utime(young, (2**33, 2**33))
    run(Experiment(**SMALL), folder)
    assert not old.exists()
    assert young.exists()


def test_the_same_training_is_the_same_network_whatever_its_recipe_is_called(folder, tmp_path):
    (tmp_path / "mine.toml").write_text('base = "digits"\nepochs = 1\n')
    for recipe in (tmp_path / "mine.toml", {"base": "digits", "name": "other", "source": "me"}):
        plan = plan_networks(prepare(Experiment(**SMALL | {"recipe": recipe})), folder)
        assert {planned.state for planned in plan} == {"scored"}


def test_a_network_of_ones_own_that_numpy_draws_goes_on(tmp_path, monkeypatch):
    (tmp_path / "steps_numpy.py").write_text(
        "import numpy, random, torch\nfrom torch import nn\n\ndef build():\n"
        "    layer = nn.Linear(64, 10)\n"
        "    layer.weight.data = torch.tensor(numpy.random.randn(10, 64) + random.random(), dtype=torch.float32)\n"
        "    return nn.Sequential(nn.Flatten(), layer)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    given = {"model": "steps_numpy:build", "methods": "random", "sparsities": 0.5, "epochs": 1, "limit": 20}
    experiment = Experiment(**given, evaluators="storage")
    run(experiment, tmp_path / "out")
    assert set(states(experiment, tmp_path / "out").values()) == {"scored"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("raise SystemExit(3)", "steps_bad:build cannot be built: SystemExit: 3"),
        ("raise Mute", "steps_bad:build cannot be built: Mute: "),
        ("return Exits()", "build does not take images of shape (1, 8, 8) of digits: SystemExit: 5"),
        ("return InTraining()", "dense, seed 0, cannot be made: ValueError: not in training"),
    ],
)
def test_whatever_a_network_of_ones_own_does_is_a_line(tmp_path, monkeypatch, body, text):
    (tmp_path / "steps_bad.py").write_text(
        f"""
from torch import nn

class Mute(Exception):
    def __str__(self):
        raise RuntimeError

class Exits(nn.Linear):
    def __init__(self):
        super().__init__(64, 10)
    def forward(self, images):
        raise SystemExit(5)

class InTraining(Exits):
    def forward(self, images):
        if self.training:
            raise ValueError("not in\\ntraining")
        return nn.functional.linear(images.flatten(1), self.weight, self.bias)

def build():
    {body}
"""
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "steps_bad", raising=False)
    with pytest.raises(ModelError) as caught:
        run(Experiment(model="steps_bad:build", methods="dense", epochs=1), tmp_path / "out")
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


def test_experiments_in_turn_keep_one_record_each_and_no_more(folder):
    one, other = Experiment(**SMALL), Experiment(**SMALL | {"limit": 20})
    for experiment in (other, one, other, one):
        run(experiment, folder)
    for place in folder.glob("*-0"):
        kept = [sr.load_run(file).data.n for file in sorted(place.glob("*.json"))]
        assert sorted(kept) == [20, 40], place
        assert sr.load_run(place).data.n == 40


def test_a_good_outcome_is_not_lost_to_a_failed_one(folder, monkeypatch):
    before = (folder / "snip-0.8-0" / "run.json").read_bytes()

    def begin(self, context):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("evaluators.storage.Storage.begin", begin)
        run(Experiment(**SMALL), folder, cache=None)
    assert sr.load_run(folder / "snip-0.8-0").outcomes["storage"].status == "failed"
    assert (folder / "snip-0.8-0" / "replaced-1.json").read_bytes() == before
    run(Experiment(**SMALL), folder)
    assert sr.load_run(folder / "snip-0.8-0").outcomes["storage"].status == "ok"


@pytest.mark.parametrize("method", ["dense", "snip"])
def test_a_damaged_checkpoint_is_begun_anew(tmp_path, method):
    experiment = Experiment(**SMALL | {"methods": method, "sparsities": 0.8})
    planned = plan_networks(prepare(experiment), tmp_path)[-1]
    planned.folder.mkdir()
    checkpoint_file(planned.folder, planned.made_from).write_bytes(b"{}")
    runs = run(experiment, tmp_path)
    assert {record.subject.not_made for record in runs} == {None}
    assert not list(tmp_path.rglob("*.checkpoint"))


def test_a_network_is_found_in_the_folder_that_holds_it_whatever_is_free_before_it(folder):
    other = Experiment(**SMALL | {"lr": 0.05})
    run(other, folder)
    (folder / "snip-0.8-0" / "model.sparse").write_bytes(b"{")
    shutil.rmtree(folder / "random-0.8-0")
    assert states(other, folder) == dict.fromkeys(
        ("dense-0-0-2", "snip-0.8-0-2", "snip-0.9-0-2", "random-0.8-0-2", "random-0.9-0-2"), "scored"
    )


def test_another_experiment_leaves_a_training_that_was_cut_off_its_folder(tmp_path):
    one = Experiment(**SMALL | {"methods": "dense"})
    (planned,) = plan_networks(prepare(one), tmp_path)
    planned.folder.mkdir()
    checkpoint_file(planned.folder, planned.made_from).touch()
    assert states(Experiment(**SMALL | {"methods": "dense", "lr": 0.05}), tmp_path) == {
        "dense-0-0-2": "missing"
    }
    assert states(one, tmp_path) == {"dense-0-0": "begun"}


def test_a_network_that_is_trained_on_is_no_longer_the_experiments(done):
    subject = sr.load_subject(done / "snip-0.8-0")
    assert subject.made_from is not None
    sr.train(subject, sr.load_data("digits"), epochs=0)
    assert subject.made_from is None


def test_a_setting_that_every_bracket_says_itself_is_refused():
    with pytest.raises(ConfigError, match="settings fgsm.eps: every fgsm here says its eps in brackets"):
        prepare(Experiment(evaluators=["fgsm[eps=[0.1]]"], settings="fgsm.eps=[0.3]"))
    with pytest.raises(
        ConfigError, match="settings snip.rescue: every snip here says its rescue in brackets"
    ):
        prepare(Experiment(methods=["snip[rescue=random]"], settings="snip.rescue=null"))
