"""How the command line initialises networks: as the recipe's paper did, unless asked otherwise."""

from __future__ import annotations

import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.data import Data
from sparserobust.experiment.networks import fresh_network
from sparserobust.training import load_recipe

QUICK = ["--methods", "dense", "--epochs", "0", "--evaluators", "storage"]


def run(arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def origin_of(out):
    return sr.load_subject(out / "dense-0-0" / "model.sparse").model.origin


def test_the_recipe_says_how_networks_are_initialised_and_an_option_overrides_it(tmp_path):
    assert run(["evaluate", *QUICK, "--recipe", "snip-it", "--out", str(tmp_path / "a")]) == 0
    assert origin_of(tmp_path / "a").initialisation == "orthogonal"
    options = ["--recipe", "snip-it", "--initialisation", "pm-sigma"]
    assert run(["evaluate", *QUICK, *options, "--out", str(tmp_path / "b")]) == 0
    assert origin_of(tmp_path / "b").initialisation == "pm-sigma"
    assert run(["evaluate", *QUICK, "--out", str(tmp_path / "c")]) == 0
    assert origin_of(tmp_path / "c").initialisation == "xavier-normal"


def test_a_fixup_network_keeps_its_own_initialisation_under_any_recipe(monkeypatch):
    experiment = sr.Experiment(model="fixup-resnet110")
    data = Data("cifar10", None, None, [], (0.5,) * 3, (0.25,) * 3, tuple("0123456789"), (3, 32, 32))
    network, _ = fresh_network(experiment, data, load_recipe("dctps"), 0)
    assert network.origin.initialisation == "fixup"


def test_the_recipes_normalisation_becomes_the_networks_first_layer(tmp_path):
    text = "\n".join(
        [
            'name = "mine"\nsource = "a test"\noptimizer = "sgd"\nlr = 0.1\nbatch_size = 8\nepochs = 0',
            "[normalization.digits]\nmean = [0.25]\nstd = [0.5]\n",
        ]
    )
    (tmp_path / "mine.toml").write_text(text)
    out = tmp_path / "out"
    assert run(["evaluate", *QUICK, "--recipe", str(tmp_path / "mine.toml"), "--out", str(out)]) == 0
    assert (origin_of(out).mean, origin_of(out).std) == ((0.25,), (0.5,))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--initialisation", "xavier"], "unknown initialisation 'xavier'; did you mean 'xavier-normal'"),
        (["--initialisation", "ones", "a.sparse"], "initialisation draws the weights of an architecture"),
    ],
)
def test_an_initialisation_that_cannot_be_is_one_line(options, text, capsys):
    assert run(["evaluate", *QUICK[2:], *options]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
