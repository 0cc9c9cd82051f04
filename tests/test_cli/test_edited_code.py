"""An edited helper or plugin is noticed: nothing is taken for trained, scored or attacked that other code made."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import started_from
from tests.test_source_code.places import edit, write

NETS = {
    "own_nets.py": "from torch import nn\nfrom own_layers import Act\n\ndef build():\n"
    "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), Act(), nn.Linear(20, 10))\n",
    "own_layers.py": "from torch import nn\nimport own_helper\n\nclass Act(nn.Module):\n"
    "    def forward(self, x):\n        return own_helper.act(x)\n",
    "own_helper.py": "import torch\n\ndef act(x):\n    return torch.relu(x) * 1.0\n",
    "unrelated.py": "x = 1.0\n",
}
PLUGIN = {
    "own_attack.py": "from evaluators.fgsm import FGSM\nimport own_steps\n\n"
    "class Mine(FGSM):\n    name = 'mine'\n    smaller = own_steps.smaller\n",
    "own_steps.py": "def smaller(found):\n    return found  # as it is\n",
    "unrelated.py": "x = 1.0\n",
}
METHOD = {
    "own_method.py": "from sparserobust.methods.set import SET\nimport own_growth\n\n"
    "class Mine(SET):\n    name = 'mine'\n    grow = own_growth.grow\n",
    "own_growth.py": "def grow(mask):\n    return mask  # as it is\n",
    "unrelated.py": "x = 1.0\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that can be imported from; what was imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget()


def forget() -> None:
    """As in a new process: what a user wrote is imported anew."""
    for name in [*NETS, *PLUGIN, *METHOD]:
        sys.modules.pop(name.removesuffix(".py"), None)
    importlib.invalidate_caches()


def run(*arguments, capsys) -> str:
    """What a command line prints."""
    forget()
    with pytest.raises(SystemExit) as caught:
        main(
            [
                str(a)
                for a in (
                    "evaluate",
                    "own_nets:build",
                    "--evaluators",
                    "accuracy",
                    "--out",
                    "out",
                    *arguments,
                )
            ]
        )
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("more", [("--methods", "dense", "--epochs", "1"), ()], ids=["trained", "as it is"])
def test_what_other_code_of_the_network_made_is_made_again(folder, capsys, more):
    write(folder, NETS)
    said = ("trained before", "scored before") if more else ("scored before",)
    first = run(*more, capsys=capsys)
    assert not any(text in first for text in said)
    edit(folder / "unrelated.py", "1.0", "2.55")
    again = run(*more, capsys=capsys)
    assert all(text in again for text in said)
    edit(folder / "own_helper.py", "* 1.0", "* 2.55")
    edited = run(*more, capsys=capsys)
    assert not any(text in edited for text in said)
    assert all(text in run(*more, capsys=capsys) for text in said)


def cached(place) -> int:
    """How many of the examples were attacked before."""
    forget()
    evaluator = importlib.import_module("own_attack").Mine(eps=(0.1,))
    torch.manual_seed(0)
    return sr.evaluate(small_networks()[0], small_data(), [evaluator], cache=place).outcomes["mine"].cached


def test_a_plugin_whose_helper_was_edited_measures_again(folder):
    write(folder, PLUGIN)
    assert cached(folder / "cache") == 0
    edit(folder / "unrelated.py", "1.0", "2.55")
    whole = cached(folder / "cache")
    assert whole > 0
    edit(folder / "own_steps.py", "as it is", "as it is, edited")
    assert cached(folder / "cache") == 0
    assert cached(folder / "cache") == whole
    edit(folder / "own_steps.py", "as it is, edited", "as it is")
    assert cached(folder / "cache") == whole, "results of code that is back are found again"


def start() -> str:
    """What a training starts from under a method that prunes while it trains."""
    forget()
    torch.manual_seed(0)
    subject = sr.sparsify(small_networks()[1], "set", 0.8, small_data(), seed=0)
    subject.pruning = importlib.import_module("own_method").Mine().pruner
    return started_from(subject, small_data(), recipe="digits", seed=0)


def test_a_training_under_an_edited_method_is_another_one(folder):
    write(folder, METHOD)
    before = start()
    edit(folder / "unrelated.py", "1.0", "2.55")
    assert start() == before
    edit(folder / "own_growth.py", "as it is", "as it is, edited")
    assert start() != before
