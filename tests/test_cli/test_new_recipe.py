"""`sparserobust new-recipe` writes a file that `evaluate` takes as it is, and says what it cannot do in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparserobust.cli.main import main
from sparserobust.records import load_run
from sparserobust.training import load_recipe, recipe_template


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_file_is_written_here_and_named_with_what_uses_it(capsys):
    assert run("new-recipe", "mine") == 0
    assert (
        capsys.readouterr().out
        == "mine.toml is written; use it with `sparserobust evaluate --recipe mine.toml`\n"
    )
    assert Path("mine.toml").read_text("utf-8") == recipe_template("mine")


def test_another_recipe_can_be_the_start(capsys):
    assert run("new-recipe", "new/mine.toml", "--from", "trades-mnist") == 0
    assert load_recipe("new/mine.toml") == load_recipe("trades-mnist").changed(name="mine", source="")


def test_a_network_is_trained_by_the_file_as_it_stands(capsys):
    assert run("new-recipe", "mine", "--from", "digits") == 0
    options = "--model conv2 --methods random --sparsity 0.5 --epochs 1 --evaluators flops --out out"
    assert run("evaluate", *options.split(), "--recipe", "mine.toml") == 0
    history = load_run("out/random-0.5-0/run.json").history
    assert history is not None
    assert (history.recipe, history.settings["source"], history.settings["lr"]) == ("mine", "", 3e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["there"], "ConfigError: there.toml is there already; name another file, or delete it first"),
        (
            ["digits"],
            "ConfigError: digits is a recipe of the library; name yours otherwise, for instance my-digits",
        ),
        (["own"], "ConfigError: own is a recipe of the library; name yours otherwise, for instance my-own"),
        (["mine", "--from", "digts"], "ConfigError: unknown recipe 'digts'; did you mean 'digits'?"),
        ([], "sparserobust: Missing argument 'NAME'."),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(capsys, arguments, message):
    Path("there.toml").write_text("mine")
    assert run("new-recipe", *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert [(path.name, path.read_text()) for path in Path().iterdir()] == [("there.toml", "mine")]
