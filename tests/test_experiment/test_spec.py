"""`Experiment`: frozen, refused in a line where it cannot be, and the same whichever way it is written."""

import copy
import dataclasses
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

import sparserobust as sr
from evaluators import FGSM, PGD
from sparserobust.errors import ConfigError, PluginError, SparseRobustError
from sparserobust.experiment.spec import DEMONSTRATION, Experiment
from sparserobust.methods.random import Random

DEEP: list = []
DEEP.append(DEEP)
FULL = {
    "data": "mnist",
    "data_root": "somewhere",
    "image_size": 32,
    "model": "mlp5",
    "normalize": "half",
    "initialisation": "orthogonal",
    "methods": ["snip", "random[allocation=epl,offset=frozen]", "synflow[input_shape=[1,8,8]]"],
    "sparsities": [0.9, 0.99],
    "exclude": ["body.9", "body.1.*"],
    "seeds": [0, 1, 2],
    "recipe": "snip-it",
    "epochs": 5,
    "lr": 0.01,
    "evaluators": ["accuracy", "pgd[norm=l2,steps=3]"],
    "preset": "quick",
    "settings": {"fgsm": {"eps": [0.05, 0.1]}, "snip": {"rescue": None}, "recipe": {"momentum": 0.5}},
    "limit": 100,
    "device": "cpu",
    "batch_size": 64,
    "threads": 1,
}


def test_every_key_comes_back_from_its_text_and_is_in_a_full_one():
    experiment = Experiment(**FULL)
    text = experiment.to_toml()
    again = Experiment(**tomllib.loads(text))
    assert again == experiment
    assert again.to_toml() == text
    assert hash(again) == hash(experiment)
    given = {own.name for own in dataclasses.fields(Experiment)}
    assert given - FULL.keys() == {"weights", "weights_key", "output", "saved"}  # of other networks
    for key in FULL:
        assert getattr(Experiment(**FULL), key) != getattr(Experiment(), key, None) or key == "device", key


def test_keys_of_a_network_of_ones_own_come_back_from_their_text():
    own = {"model": "nets:build", "weights": "w.pth", "weights_key": "ema", "output": "0"}
    experiment = Experiment(**own)
    again = Experiment(**tomllib.loads(experiment.to_toml()))
    assert again == experiment == Experiment(**{**own, "output": 0})
    assert {key: getattr(again, key) for key in own} == own
    for missing, message in (
        ({"model": "mlp5", "output": "0"}, "output says where the logits of a network of your own lie"),
        ({"model": "nets:build", "weights_key": "ema"}, "name the file as weights"),
    ):
        with pytest.raises(ConfigError, match=message):
            Experiment(**missing)


def test_a_text_with_commas_a_list_and_a_single_value_say_the_same():
    listed = Experiment(methods=["snip", "random"], sparsities=[0.9], seeds=[3], evaluators=["fgsm"])
    assert Experiment(methods="snip, random", sparsities="0.9", seeds="3", evaluators="fgsm") == listed
    assert Experiment(methods=("snip", "random"), sparsities=0.9, seeds=3, evaluators="fgsm,fgsm") == listed
    arrays = {"sparsities": np.array([0.9], dtype="float32"), "seeds": np.array([3])}
    assert Experiment(methods="snip,random", evaluators="fgsm", **arrays) == listed


def test_settings_may_be_texts_or_a_table_whose_texts_are_read_alike():
    table = Experiment(
        settings={"fgsm": {"eps": [0.1]}, "snip": {"rescue": "null"}, "pgd": {"step-size": 8 / 255}}
    )
    texts = Experiment(settings=["fgsm.eps=[0.1]", "snip.rescue=null", "pgd.step_size=8/255"])
    assert table == texts
    assert texts.settings["snip"] == {"rescue": None}


def test_methods_and_evaluators_may_be_given_as_objects():
    experiment = Experiment(methods=[Random(allocation="epl")], evaluators=[FGSM(eps=(0.1,)), PGD(norm="l2")])
    assert experiment.methods == ("random[allocation=epl]",)
    assert experiment.evaluators == ("fgsm[eps=[0.1]]", "pgd[norm=l2]")
    with pytest.raises(ConfigError, match="mine has a name of its own, which no file holds"):
        Experiment(evaluators=[FGSM().labelled("mine")])


def test_what_is_not_said_stands_in_it():
    experiment = Experiment()
    assert (experiment.data, experiment.model, experiment.methods) == ("digits", "conv2", DEMONSTRATION)
    assert Experiment(model="package.module:callable").methods == ()
    assert Experiment(saved="a.sparse").model is None
    assert dataclasses.replace(experiment, model="package.module:callable").methods == ()


def test_it_is_frozen_and_what_was_given_does_not_change_it():
    settings, recipe = (
        {"fgsm": {"eps": [0.1]}},
        {"base": "digits", "normalization": {"digits": {"mean": [0.5]}}},
    )
    experiment = Experiment(settings=settings, recipe=recipe)
    before = experiment.to_toml()
    settings["fgsm"]["eps"].append(0.2)
    recipe["normalization"]["digits"]["mean"][0] = 0.1
    assert experiment.to_toml() == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.seeds = (1,)
    assert pickle.loads(pickle.dumps(experiment)) == copy.deepcopy(experiment) == experiment
    assert dataclasses.replace(experiment, seeds=[1]).seeds == (1,)


def test_files_that_it_names_are_read_at_once_so_that_its_text_holds_all_of_it(tmp_path):
    recipe, preset = tmp_path / "mine.toml", tmp_path / "few.toml"
    recipe.write_text('source = "a test"\noptimizer = "sgd"\nlr = 0.1\nbatch_size = 8\nepochs = 2\n')
    preset.write_text(
        'about = "a"\nsource = "b"\n[[evaluators]]\nname = "fgsm"\nsettings = { eps = [0.2] }\n'
    )
    experiment = Experiment(recipe=recipe, preset=str(preset))
    recipe.unlink()
    preset.unlink()
    again = Experiment(**tomllib.loads(experiment.to_toml()))
    assert again == experiment
    assert again.recipe["name"] == "mine"
    assert again.preset["evaluators"][0]["settings"] == {"eps": [0.2]}


def test_what_cannot_be_told_apart_in_a_file_is_one_experiment():
    given = {"fgsm": {"eps": (np.float32(0.1), 1), "x": {"a": (1, 2)}}}
    experiment = Experiment(settings=given)
    assert Experiment(**tomllib.loads(experiment.to_toml())) == experiment
    assert Experiment(settings={"accuracy": {"train": 1}}) != Experiment(
        settings={"accuracy": {"train": True}}
    )


def test_settings_of_what_is_left_out_go_with_it(tmp_path):
    settings = {"fgsm": {"eps": [0.1]}, "snip": {"rescue": "random"}, "recipe": {"clip_norm": 1}}
    Experiment(methods=["snip", "random"], evaluators=["accuracy", "fgsm"], settings=settings).save(
        tmp_path / "experiment.toml"
    )
    assert Experiment.load(tmp_path, evaluators="accuracy").settings.keys() == {"snip", "recipe"}
    assert Experiment.load(tmp_path, methods="random").settings.keys() == {"fgsm", "recipe"}
    assert Experiment.load(tmp_path, methods="snip", limit=3).settings.keys() == settings.keys()


def test_a_folder_of_several_experiments_asks_which(tmp_path):
    for name in ("experiment.toml", "experiment-2.toml"):
        Experiment().save(tmp_path / name)
    with pytest.raises(
        ConfigError, match="holds 2 experiments; name one of experiment-2.toml, experiment.toml"
    ):
        Experiment.load(tmp_path)


def test_load_takes_a_file_or_its_folder_and_changes_go_before_it(tmp_path):
    experiment = Experiment(**FULL)
    file = experiment.save(tmp_path / "experiment.toml")
    assert Experiment.load(file) == Experiment.load(tmp_path) == experiment
    changed = Experiment.load(tmp_path, seeds=7, settings=["fgsm.margin=false"])
    assert changed.seeds == (7,)
    assert changed.settings == {**experiment.settings, "fgsm": {"eps": [0.05, 0.1], "margin": False}}


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"epocs": 3}, ConfigError, "an experiment has no 'epocs'; did you mean 'epochs'?"),
        ({"sparsity": 0.9}, ConfigError, "an experiment has no 'sparsity'; did you mean 'sparsities'?"),
        (
            {"out": "runs"},
            ConfigError,
            "an experiment has no 'out', which says how it is carried out; give it to run",
        ),
        ({"sparsities": 90}, ConfigError, "sparsity must be in [0, 1), got 90; did you mean 0.9?"),
        ({"sparsities": "0.9"[:0]}, ConfigError, "sparsities is empty; give at least one"),
        ({"sparsities": [float("nan")]}, ConfigError, "sparsity must be in [0, 1), got nan"),
        ({"sparsities": {"a": 1}}, ConfigError, "sparsities must be numbers, got {'a': 1}"),
        ({"seeds": -1}, ConfigError, "seed must be in [0, 2**32), got -1"),
        ({"seeds": [True]}, ConfigError, "seed must be a whole number, in [0, 2**32), got True"),
        ({"epochs": "many"}, ConfigError, "epochs must be a whole number, at least 0, got 'many'"),
        ({"lr": float("inf")}, ConfigError, "lr must be a number above 0, got inf"),
        ({"lr": True}, ConfigError, "lr must be a number above 0, got True"),
        ({"limit": 0}, ConfigError, "limit must be at least 1, got 0"),
        ({"methods": "snpi"}, PluginError, "unknown method 'snpi'; did you mean 'snip'?"),
        ({"methods": []}, ConfigError, "methods is empty; `sparserobust list methods` shows all"),
        ({"methods": 3}, ConfigError, "methods must be a name or a list of names, got 3"),
        ({"methods": [3]}, ConfigError, "methods must be text, got 3"),
        ({"methods": ["snip,random"]}, ConfigError, "methods snip,random: expected one name, got several"),
        ({"evaluators": []}, ConfigError, "evaluators is empty; `sparserobust list evaluators` shows all"),
        (
            {"evaluators": {"fgsm": 1}},
            ConfigError,
            "evaluators must be a name or a list of names, got {'fgsm': 1}",
        ),
        ({"data": 3}, ConfigError, "data must be text, got 3"),
        ({"data": " "}, ConfigError, "data must be text, got ' '"),
        ({"settings": 3}, ConfigError, "a setting is NAME.SETTING=VALUE"),
        ({"settings": {"fgsm": 3}}, ConfigError, "settings of fgsm must be a table"),
        ({"recipe": 3}, ConfigError, "recipe must be text, got 3"),
        (
            {"recipe": "nowhere.toml"},
            ConfigError,
            "recipe nowhere.toml cannot be read (No such file or directory)",
        ),
        ({"lr": 10**400}, ConfigError, "lr must be a number of at most 40 digits"),
        ({"sparsities": 10**400}, ConfigError, "sparsities must be a number of at most 40 digits"),
        ({"seeds": "9" * 5000}, ConfigError, "seeds must be text of one line, got a name of 5000 characters"),
        ({"seeds": [[1]]}, ConfigError, "seeds must be numbers, got [1]"),
        ({"batch_size": 10**30}, ConfigError, "batch_size must be at most 2147483648, got 1000000000"),
        ({"threads": 99999}, ConfigError, "threads must be at most 1024, got 99999"),
        (
            {"model": torch.nn.Linear(2, 2)},
            ConfigError,
            "model must be text (package.module:callable for a network",
        ),
        ({"data": np.zeros((9, 9))}, ConfigError, "data must be text, got a ndarray"),
        (
            {"data": "a\nb"},
            ConfigError,
            "data must be text of one line, got one with control characters ('a\\nb')",
        ),
        (
            {"data_root": "\ud800"},
            ConfigError,
            "data_root must be text of one line, got one with control characters",
        ),
        (
            {"weights": "x" * 300},
            ConfigError,
            "weights must be text of one line, got a name of 300 characters",
        ),
        (
            {"recipe": "a\0b.toml"},
            ConfigError,
            "recipe must be text of one line, got one with control characters",
        ),
        ({"methods": np.array([["snip"]])}, ConfigError, "methods must be a name or a list of names, got a"),
        (
            {"methods": ["snip\n[x"]},
            ConfigError,
            "methods must be text of one line, got one with control characters",
        ),
        (
            {"settings": "a\nb.x=1"},
            ConfigError,
            "settings must be text of one line, got one with control characters",
        ),
        (
            {"settings": {"fgsm": {"x": {1, 2}}}},
            ConfigError,
            "settings fgsm.x must be numbers, texts, lists or tables",
        ),
        (
            {"settings": {"fgsm": {"x": float("nan")}}},
            ConfigError,
            "settings fgsm.x must be numbers, texts, lists or",
        ),
        (
            {"recipe": {"lr": b"1"}},
            ConfigError,
            "recipe.lr must be numbers, texts, lists or tables of those, got b'1'",
        ),
        ({"recipe": {1: 2}}, ConfigError, "recipe must be a table whose keys are text, got 1"),
        (
            {"settings": {"fgsm": {"x": DEEP}}},
            ConfigError,
            "a value of the experiment is nested too deeply, or holds",
        ),
        (
            {"saved": "a.sparse", "epochs": 3},
            ConfigError,
            "epochs says how networks are trained, and none is",
        ),
        (
            {"model": "a.b:c", "recipe": "digits"},
            ConfigError,
            "recipe says how networks are trained, and none is",
        ),
        ({"weights": "w.pt"}, ConfigError, "weights are of a network: name its model"),
        ({"weights": "w.pt", "saved": "a.sparse"}, ConfigError, "a saved model brings its weights"),
        (
            {"weights": "w.pt", "model": "mlp5", "initialisation": "ones"},
            ConfigError,
            "initialisation draws the weights of an architecture; saved models, weights files",
        ),
        (
            {"weights": "w.pt", "model": "torchvision:resnet18", "epochs": 3},
            ConfigError,
            "epochs says how networks are trained, and none is",
        ),
        (
            {"model": "a.b:c", "normalize": "half"},
            ConfigError,
            "normalize is for named architectures; put it into the first layer of your own network",
        ),
        ({"saved": "a.sparse", "normalize": "half"}, ConfigError, "a saved model brings its normalisation"),
        (
            {"saved": "a.sparse", "methods": "snip"},
            ConfigError,
            "methods make new networks, and a saved model is",
        ),
        (
            {"saved": "a.sparse", "model": "mlp5"},
            ConfigError,
            "a saved model brings its network; leave out model 'mlp5'",
        ),
        (
            {"saved": "a.sparse", "initialisation": "ones"},
            ConfigError,
            "initialisation draws the weights of an arch",
        ),
        (
            {"data": "mnist:x", "data_root": "y"},
            ConfigError,
            "data 'mnist:x' names its folder; leave out data_root 'y'",
        ),
        (
            {"epochs": 1, "settings": "recipe.epochs=2"},
            ConfigError,
            "epochs is given twice, as recipe.epochs too",
        ),
        ({"lr": 1, "settings": "recipe.lr=2"}, ConfigError, "lr is given twice, as recipe.lr too"),
    ],
)
def test_what_cannot_be_is_one_line_at_once(given, error, text):
    with pytest.raises(error) as caught:
        Experiment(**given)
    assert str(caught.value).startswith(text), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_without_its_key_is_refused():
    with pytest.raises(ConfigError, match=r"give every value its key: Experiment\(data=...\); got 'mnist'"):
        Experiment("mnist")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"seeds = [", "is not TOML ("),
        (b"\xff", "is not TOML ("),
        (b"seeds = " + b"[" * 100_000, "is not TOML ("),
        (b"seeds = 1979-05-27", "seeds must be numbers, got datetime.date(1979, 5, 27)"),
        (b"seeds = " + b"9" * 5000, "is not TOML ("),
        (b"[methods]\na = 1", "methods must be a name or a list of names, got {'a': 1}"),
        (b"settings = [1]", "a setting is NAME.SETTING=VALUE"),
    ],
)
def test_a_file_that_cannot_be_is_one_line(tmp_path, content, text):
    file = tmp_path / "e.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SparseRobustError) as caught:
        Experiment.load(file)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_its_repr_is_a_line():
    line = repr(Experiment(**FULL))
    assert line.startswith(
        "Experiment(mnist, mlp5, methods=3, sparsities=2, seeds=3, recipe=snip-it, epochs=5"
    )


def test_it_needs_no_torch():
    code = "import sys, sparserobust as sr; sr.Experiment(methods='snip').to_toml(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_public():
    assert sr.Experiment is Experiment
    assert Path(sr.Experiment.__module__.replace(".", "/")).name == "spec"
