"""A network whose weights are drawn by chance is called untrained, one that loads its own is not."""

from __future__ import annotations

import sys

import pytest
import torch

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.experiment.networks import drawn_weights

SOURCE = """
import torch
from torch import nn

made = []

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.flat, self.first, self.last = nn.Flatten(), nn.Linear(64, 20), nn.Linear(20, 10)
        self.scale = nn.Parameter(torch.ones(1, 20))

    def forward(self, images):
        return self.last(self.first(self.flat(images)).relu() * self.scale)

def drawn():
    return Net()

def loaded():
    net = Net()
    net.load_state_dict(torch.load("w.pt", weights_only=True))
    return net

def new_head():
    net = loaded()
    net.last.reset_parameters()
    return net

def seeded():
    torch.manual_seed(3)
    return Net()

def once():
    made.append(1)
    if len(made) > 1:
        raise RuntimeError("only once")
    return Net()

instance = Net()
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The module of networks of one's own, with a trained file beside it."""
    (tmp_path / "untrained_mine.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "untrained_mine", raising=False)
    import untrained_mine

    torch.manual_seed(1)
    net = untrained_mine.Net()
    sr.train(net, sr.load_data("digits"), epochs=2)
    torch.save(net.state_dict(), "w.pt")
    return tmp_path


def scored(*arguments):
    options = ["--evaluators", "accuracy,fgsm", "--limit", "80", "--seeds", "4", "--out", "out"]
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *arguments, *options])
    assert caught.value.code == 0
    (found,) = sr.load_runs("out")
    (trust,) = sr.analyse([found]).trust.values()
    return found, trust


def test_a_drawn_network_is_untrained_at_its_row_in_the_record_and_on_the_terminal(mine, capsys):
    found, trust = scored("untrained_mine:drawn")
    assert (found.subject.training, trust.state) == ("none", "untrained")
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("drawn "))
    assert "untrained" in row
    assert "drawn 0: untrained: nobody trained this network" in said
    report = (mine / "out" / "report.html").read_text()
    assert "untrained" in report
    assert "Nobody trained this network: its weights are those that were drawn" in report


def test_without_an_attack_the_terminal_says_it_too(mine, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "untrained_mine:drawn", "--evaluators", "accuracy", "--out", "out"])
    assert "untrained: nobody trained this network" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["untrained_mine:loaded"],
        ["untrained_mine:seeded"],  # which nobody can tell
        ["untrained_mine:instance"],
        ["untrained_mine:once"],
        ["untrained_mine:drawn", "--weights", "w.pt"],
    ],
)
def test_a_network_that_is_loaded_or_may_be_is_not_called_untrained(mine, arguments):
    found, trust = scored(*arguments)
    assert (found.subject.training, found.subject.warnings) == ("unknown", ())
    assert trust.state != "untrained"


def test_loaded_weights_under_a_head_that_is_drawn_are_a_warning_that_names_it(mine, capsys):
    found, trust = scored("untrained_mine:new_head")
    assert found.subject.training == "unknown"
    (warning,) = found.subject.warnings
    assert (warning.code, warning.facts) == ("partly-drawn", {"weights": ["last.weight"]})
    assert warning in [concern.remark for concern in trust.concerns]
    said = " ".join(capsys.readouterr().out.split())
    assert "new_head 0: these weights are drawn by chance, while others are loaded: last.weight" in said
    assert "new_head 0: if it was trained to more, its images may be normalised by other constants" in said


def test_building_it_twice_leaves_the_random_states_alone(mine):
    import untrained_mine

    before = torch.get_rng_state()
    names, all_drawn = drawn_weights("untrained_mine:drawn", untrained_mine.drawn(), 0)
    assert (names, all_drawn) == (("first.weight", "last.weight"), True)
    torch.set_rng_state(before)
    drawn_weights("untrained_mine:loaded", untrained_mine.loaded(), 0)
    assert drawn_weights("untrained_mine:loaded", untrained_mine.loaded(), 0) == ((), False)


def change_nothing(model):
    pass


def train_the_last_layer(model):
    with torch.no_grad():
        model.body[-1].weight[0, 0] += 1


def train_a_bias(model):
    with torch.no_grad():
        model.body[-1].bias[0] += 1


@pytest.mark.parametrize(
    ("change", "training"),
    [(change_nothing, "none"), (train_the_last_layer, "unknown"), (train_a_bias, "unknown")],
)
def test_a_bare_network_of_create_model_is_untrained_as_long_as_nothing_of_it_was_trained(change, training):
    data = sr.load_data("digits")
    model = sr.create_model("mlp5", data)
    change(model)
    run = sr.evaluate(model, data, ["accuracy"], limit=40)
    assert run.subject.training == training
    sr.train(model, data, epochs=1)
    assert sr.evaluate(model, data, ["accuracy"], limit=40).subject.training == "unknown"
