"""`exclude`: weights that stay dense in every network of an experiment, which no sparsity is about."""

from __future__ import annotations

import pytest
import torch

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.errors import ConfigError
from sparserobust.experiment import Experiment, plan_networks, prepare

SMALL = {
    "model": "lenet-300-100",
    "methods": ["snip", "freezenet", "dctps", "rigl[every=10]"],
    "sparsities": [0.9],
    "epochs": 1,
    "limit": 40,
    "evaluators": ["accuracy", "storage"],
    "settings": "accuracy.train=false",
}
HEAD = "body.5.weight"
HIDDEN = {"body.1.weight", "body.3.weight"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The networks of an experiment without its head, and their records."""
    out = tmp_path_factory.mktemp("excluded")
    runs = sr.run(Experiment(**SMALL, exclude="body.5"), out)
    return out, {run.subject.method: run for run in runs}


def test_every_network_keeps_the_excluded_weights_and_trains_them(made):
    out, runs = made
    drawn = sr.create_model("lenet-300-100", sr.load_data("digits"), seed=0).state_dict()
    assert runs.keys() == {"dense", "snip", "freezenet", "dctps", "rigl"}
    for method, run in runs.items():
        own = run.subject
        assert {layer.name for layer in own.layers} == HIDDEN
        assert own.exclude == ("body.5",)
        assert [(one.name, one.numel, one.why) for one in own.outside_parameters] == [
            (HEAD, 1000, "excluded")
        ]
        assert own.outside == 1000 / (own.prunable + 1000)
        (folder,) = out.glob(f"{method}-*")
        subject = sr.load_subject(folder)
        head = subject.model.state_dict()[HEAD]
        assert bool((head != drawn[HEAD]).all() and (head != 0).all()), "trained, all of it, as a bias is"
        assert subject.plan.keys() == HIDDEN
        assert subject.exclude == ("body.5",)
    kept = {run.subject.kept for method, run in runs.items() if method != "dense"}
    assert kept == {(300 * 64 + 300 * 100) // 10}


def test_the_same_experiment_goes_on_and_another_exclude_is_another_network(made):
    out, _ = made
    places = {}
    for exclude in ("body.5", "body.5.weight", ()):
        plan = plan_networks(prepare(Experiment(**SMALL, exclude=exclude)), out)
        places[exclude] = {planned.folder.name for planned in plan}
        assert {planned.state for planned in plan} == ({"scored"} if exclude == "body.5" else {"missing"})
    assert not places["body.5"] & places[()]


def test_an_experiment_without_exclude_keeps_its_text(tmp_path):
    assert "exclude" not in Experiment(**SMALL).to_toml()
    assert Experiment(**SMALL, exclude=[]) == Experiment(**SMALL)
    given = Experiment(**SMALL, exclude="body.5, body.1.*,body.5")
    assert given.exclude == ("body.5", "body.1.*")
    assert Experiment.load(given.save(tmp_path / "one.toml")) == given
    assert Experiment.load(tmp_path / "one.toml", exclude="body.3").exclude == ("body.3",)


@pytest.mark.parametrize(
    ("exclude", "text"),
    [
        ("body.7", r"exclude='body.7' matches no parameter or module of Network; did you mean"),
        (["body.5", "*"], r"exclude='body.5', '\*' leaves no weight of Network that could be sparse; exclude less"),
        (3, "exclude must be a name or a list of names, got 3"),
        ([3], "exclude must be text, got 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_excluded_is_one_line_before_anything_is_made(tmp_path, exclude, text):
    with pytest.raises(ConfigError, match=text) as caught:
        sr.run(Experiment(**SMALL, exclude=exclude), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_is_excluded(tmp_path, capsys):
    options = ["--model", "lenet-300-100", "--exclude", "body.5,body.3", "--exclude", "body.0*", "--dry-run"]
    with pytest.raises(SystemExit) as refused:
        main(["evaluate", *options, "--out", str(tmp_path / "out")])
    assert (refused.value.code, "'body.0*' matches no" in capsys.readouterr().err) == (2, True)
    with pytest.raises(SystemExit) as done:
        main(["evaluate", *options[:4], "--exclude", "*.bias", "--dry-run", "--out", str(tmp_path / "out")])
    assert done.value.code == 0
    assert f"in {tmp_path / 'out'}, body.5, body.3 and *.bias excluded: 5 to make" in capsys.readouterr().out


def test_a_network_of_ones_own_is_scored_without_what_is_excluded(tmp_path, monkeypatch):
    (tmp_path / "headed.py").write_text(
        "from torch import nn\n\n\ndef build():\n"
        "    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Linear(20, 10))\n"
        "    net[1].weight.data[:10] = 0\n    return net\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (run,) = sr.run(Experiment(model="headed:build", evaluators="storage", exclude="2"), tmp_path / "out")
    assert (run.subject.sparsity, run.subject.prunable, run.subject.exclude) == (0.5, 1280, ("2",))
    assert run.subject.outside == 200 / 1480
    (whole,) = sr.run(Experiment(model="headed:build", evaluators="storage"), tmp_path / "out")
    assert (whole.subject.prunable, whole.subject.exclude) == (1480, ())
    assert len(sr.load_runs(tmp_path / "out")) == 2


def test_attach_trains_what_is_excluded_like_a_bias():
    data = sr.load_data("digits")
    model = sr.create_model("lenet-300-100", data)
    before = model.state_dict()[HEAD].clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    attached = sr.attach(
        "random", model, optimizer, sparsity=0.9, epochs=1, steps_per_epoch=1, exclude="body.5"
    )
    model(torch.rand(4, 1, 8, 8)).logsumexp(1).sum().backward()
    attached.step()
    attached.finish()
    assert attached.subject.plan.keys() == HIDDEN
    assert bool((model.state_dict()[HEAD] != before).any())
    assert int((model.state_dict()["body.1.weight"] == 0).sum()) >= 0.8 * 300 * 64
