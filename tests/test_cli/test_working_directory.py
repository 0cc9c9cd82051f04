"""A folder of the user's cannot take the place of ours: the working directory is the last that is looked into."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from sparserobust import registry
from sparserobust.cli.main import main, working_directory_last
from sparserobust.errors import PluginError

NETWORK = "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
CONSOLE_SCRIPT = "import sys; from sparserobust.cli.main import main; sys.exit(main())"


def python(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def theirs(tmp_path):
    """A folder of the user's with a package called evaluators, another without code, and a network."""
    (tmp_path / "evaluators").mkdir()
    (tmp_path / "evaluators" / "__init__.py").write_text('raise SystemExit("the wrong evaluators")')
    (tmp_path / "sparserobust").mkdir()
    (tmp_path / "own_net.py").write_text(NETWORK)
    return tmp_path


def as_module(folder):
    return ["-m", "sparserobust"]


def as_script(folder):
    """What pip installs: a script that stands in another folder."""
    (folder / "bin").mkdir()
    (folder / "bin" / "command.py").write_text(CONSOLE_SCRIPT)
    return [folder / "bin" / "command.py"]


@pytest.mark.parametrize("how", [as_module, as_script])
def test_a_folder_called_evaluators_hides_nothing_from_the_command_line(theirs, how):
    start = how(theirs)
    code, out, error = python(*start, "list", "evaluators", cwd=theirs)
    assert (code, error) == (0, "")
    assert "  accuracy " in out
    options = ["--evaluators", "accuracy", "--limit", "20", "--out", "out"]
    code, out, error = python(*start, "evaluate", "own_net:build", *options, cwd=theirs)
    assert code == 0, error
    assert (theirs / "out" / "build" / "run.json").is_file()


def test_in_a_script_the_folder_that_hides_ours_is_named(theirs):
    (theirs / "evaluators" / "__init__.py").write_text("")
    code = (
        "from sparserobust.registry import evaluators\n"
        "for use in (evaluators.about, evaluators.load):\n"
        "    try:\n        use('accuracy')\n"
        "    except Exception as error:\n        print(type(error).__name__, error)\n"
    )
    (theirs / "script.py").write_text(code)
    _, out, error = python("script.py", cwd=theirs)
    assert error == ""
    expected = (
        "PluginError evaluator 'accuracy' from sparserobust (evaluators.accuracy:Accuracy) failed to load: "
        f"evaluators is {theirs / 'evaluators'}, which hides the evaluators of sparserobust; "
        "rename that folder or run from elsewhere\n"
    )
    assert out == 2 * expected


def test_a_plugin_of_ours_that_is_broken_for_another_reason_is_told_so(monkeypatch):
    gone = EntryPoint("gone", "evaluators.gone:Gone", "sparserobust.evaluators")._for(
        SimpleNamespace(name="sparserobust")
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: [gone])
    with pytest.raises(
        PluginError, match="failed to load: ModuleNotFoundError: No module named 'evaluators.gone'"
    ):
        registry.evaluators.load("gone")


@pytest.mark.parametrize("first", ["", "here", "elsewhere"])
def test_the_working_directory_goes_to_the_end_and_the_path_is_as_before_afterwards(
    tmp_path, monkeypatch, first
):
    monkeypatch.chdir(tmp_path)
    path = [{"": "", "here": str(tmp_path), "elsewhere": "/elsewhere"}[first], "/site-packages"]
    monkeypatch.setattr(sys, "path", path.copy())
    with working_directory_last():
        rest = ["/elsewhere"] if first == "elsewhere" else []
        assert sys.path == [*rest, "/site-packages", str(tmp_path)]
    assert sys.path == path


def test_a_place_that_the_user_named_keeps_its_turn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/bin", str(tmp_path), "/site-packages"])
    with working_directory_last():
        assert sys.path == ["/bin", str(tmp_path), "/site-packages"]


def test_a_network_that_another_module_hides_is_told_with_the_file_that_was_found(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "json.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "json:build", "--evaluators", "accuracy", "--out", str(tmp_path / "out")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert (
        "json:build cannot be built: AttributeError: module 'json' has no attribute 'build' (json is "
        in error
    )
    assert f"{os.sep}json{os.sep}__init__.py)" in error
