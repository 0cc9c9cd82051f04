"""`sparserobust evaluate` from end to end, on digits, with little training."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

import sparserobust as sr
from sparserobust.cli.main import main


def run(*arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """One small comparison that several tests look at."""
    out = tmp_path_factory.mktemp("comparison")
    code = run(
        "evaluate", "--model", "lenet-300-100", "--methods", "snip,freezenet,dctps", "--sparsity", "0.9,0.99",
        "--epochs", "2", "--limit", "100",
        "--evaluators", "accuracy,fgsm,storage,flops,connectivity", "--set", "fgsm.eps=[0.05,0.1]",
        "--set", "snip.rescue=random", "--out", out,
    )  # fmt: skip
    return code, out


def test_a_comparison_writes_a_report_and_a_run_and_a_model_for_every_subject(comparison):
    code, out = comparison
    assert code == 0
    names = ["dense-0-0"] + [f"{m}-{s}-0" for m in ("snip", "freezenet", "dctps") for s in ("0.9", "0.99")]
    assert sorted(p.name for p in out.iterdir()) == sorted([*names, "experiment.toml", "report.html"])
    for name in names:
        recorded = sr.load_run(out / name)
        assert {o.status for o in recorded.outcomes.values()} == {"ok"}
        assert recorded.outcomes["fgsm"].axis == (0.05, 0.1)
        assert recorded.data.n == 100
        assert recorded.history is not None
        assert recorded.environment.command is None
        assert recorded.experiment == (out / "experiment.toml").read_text()
    subsets = {sr.load_run(out / name).data.subset for name in names}
    assert len(subsets) == 1
    assert subsets != {None}


def test_settings_reach_the_methods_and_all_score_on_the_same_number_of_examples(comparison):
    _, out = comparison
    snip, frozen = sr.load_run(out / "snip-0.99-0"), sr.load_run(out / "freezenet-0.99-0")
    assert snip.subject.params["rescue"] == "random"
    assert snip.subject.score_samples == frozen.subject.score_samples == 512
    assert sr.load_run(out / "dctps-0.99-0").subject.score_samples is None


def test_the_relative_scores_refer_to_the_dense_model_of_the_same_seed(comparison):
    _, out = comparison
    dense = sr.load_run(out / "dense-0-0")
    assert sr.load_run(out / "snip-0.9-0").dense == dense.id
    assert dense.dense is None


def test_a_saved_model_is_scored_again_without_training_and_gives_the_same_numbers(comparison, tmp_path):
    _, out = comparison
    code = run(
        "evaluate", out / "freezenet-0.99-0" / "model.sparse", "--limit", "100", "--evaluators", "accuracy,fgsm",
        "--set", "fgsm.eps=[0.05,0.1]", "--out", tmp_path,
    )  # fmt: skip
    assert code == 0
    again, before = sr.load_run(tmp_path / "freezenet-0.99-0"), sr.load_run(out / "freezenet-0.99-0")
    for name in ("accuracy", "fgsm"):
        assert again.outcomes[name].scores == before.outcomes[name].scores
    assert again.history == before.history


def test_the_report_command_makes_the_same_page_from_the_saved_runs(comparison, tmp_path, capsys):
    _, out = comparison
    assert run("report", out, "--out", tmp_path / "again.html") == 0
    assert (tmp_path / "again.html").read_bytes() == (out / "report.html").read_bytes()
    assert "SNIP" in capsys.readouterr().out


def test_the_same_command_gives_the_same_weights_bit_for_bit(tmp_path):
    for name in ("a", "b"):
        assert run(
            "evaluate", "--methods", "snip", "--epochs", "1", "--evaluators", "storage", "--out", tmp_path / name
        ) == 0  # fmt: skip
    a, b = (sr.load_run(tmp_path / name / "snip-0.95-0").subject.weights_sha256 for name in ("a", "b"))
    assert a == b


NETWORK = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))

class Stepped(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
    def forward(self, images):
        return 5.0 * nn.functional.one_hot(self.layer(images.flatten(1)).argmax(dim=1), 10)
"""


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A module `mine` in the working directory."""
    (tmp_path / "mine.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "mine", raising=False)
    return tmp_path


def weights(hidden=20):
    stream = torch.Generator().manual_seed(0)
    shapes = {"1.weight": (hidden, 64), "1.bias": (hidden,), "3.weight": (10, hidden), "3.bias": (10,)}
    return {name: torch.randn(shape, generator=stream) for name, shape in shapes.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_network_of_ones_own_is_scored_with_its_weights(network, suffix):
    path = network / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(weights(), path)
    code = run(
        "evaluate", "mine:build", "--weights", path, "--evaluators", "accuracy,storage", "--out", "out"
    )
    assert code == 0
    recorded = sr.load_run("out/build")
    assert recorded.subject.method is None
    assert recorded.outcomes["storage"].score("dense_bytes").value == 4 * (64 * 20 + 20 + 200 + 10)


def test_a_checkpoint_with_an_optimizer_and_a_prefix_is_scored_as_its_weights_are(network):
    checkpoint = {"epoch": 3, "optimizer": {"state": {}, "param_groups": []}}
    checkpoint["model"] = {f"module.{name}": value for name, value in weights().items()}
    torch.save(checkpoint, network / "w.ckpt")
    torch.save(weights(), network / "w.pt")
    found = []
    for name in ("w.ckpt", "w.pt"):
        arguments = ["--weights", network / name, "--evaluators", "accuracy", "--out", network / name[2:]]
        assert run("evaluate", "mine:build", *arguments) == 0
        found.append(sr.load_run(network / name[2:] / "build").subject.weights_sha256)
    assert found[0] == found[1]


def test_weights_are_named_where_a_file_holds_several(network, capsys):
    torch.save({"first": weights(), "second": {k: 2 * v for k, v in weights().items()}}, network / "w.pt")
    command = ["evaluate", "mine:build", "--weights", "w.pt", "--evaluators", "accuracy", "--out", "out"]
    assert run(*command) == 2
    assert "name one by key= or --weights-key, for instance 'first'" in capsys.readouterr().err
    assert run(*command, "--weights-key", "second") == 0
    assert "from w.pt: the weights are those under 'second'" in capsys.readouterr().out


def test_a_network_of_ones_own_is_sparsified_and_trained_by_named_methods(network):
    code = run(
        "evaluate", "mine:build", "--methods", "magnitude", "--sparsity", "0.5", "--epochs", "2",
        "--evaluators", "accuracy", "--out", "out",
    )  # fmt: skip
    assert code == 0
    assert sr.load_run("out/magnitude-0.5-0").subject.kept == 740


def test_an_evaluator_that_fails_is_in_the_report_and_the_exit_status_is_1(network, capsys):
    code = run("evaluate", "mine:Stepped", "--evaluators", "accuracy,fgsm,pgd[steps=2]", "--out", "out")
    assert code == 1
    recorded = sr.load_run("out/Stepped")
    assert recorded.outcomes["accuracy"].status == "ok"
    assert recorded.outcomes["fgsm"].status == "failed"
    said = capsys.readouterr()
    assert said.err.count("failed: ") == 1
    assert "  fgsm, pgd failed: " in said.err
    assert said.out.count("fgsm, pgd failed: ") == 1
    assert "the model is not differentiable" in (network / "out" / "report.html").read_text()


def test_a_name_with_markup_in_it_is_text_in_the_report(comparison, tmp_path):
    _, out = comparison
    raw = json.loads((out / "snip-0.9-0" / "run.json").read_text())
    raw["subject"]["label"] = raw["subject"]["method_title"] = "<script>alert(1)</script>"
    raw["subject"]["model"] = "<img src=x onerror=alert(1)>"
    (tmp_path / "run.json").write_text(json.dumps(raw))
    assert run("report", tmp_path, "--out", tmp_path / "page.html") == 2  # somebody wrote into it
    assert run("report", tmp_path, "--out", tmp_path / "page.html", "--accept-edited") == 0
    page = (tmp_path / "page.html").read_text()
    assert "edited after writing" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page
    assert "<img src=x" not in page


def test_an_interruption_keeps_and_reports_what_is_done(tmp_path, monkeypatch, capsys):
    from sparserobust.experiment import make

    calls = []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return sr.train(*args, **kwargs)

    monkeypatch.setattr(make, "train", interrupted)
    code = run("evaluate", "--epochs", "1", "--evaluators", "accuracy", "--out", tmp_path)
    assert code == 130
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "dense-0-0" / "run.json").exists()
    assert "1 finished run kept" in capsys.readouterr().err


def test_what_fails_while_it_is_made_is_recorded_and_the_others_go_on(network, capsys):
    """A DCT offset cannot go on layers that share a tensor."""
    (network / "tied.py").write_text(
        NETWORK.replace("nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)", "*same(), nn.Linear(64, 10)")
        + "\ndef same():\n    a, b = nn.Linear(64, 64), nn.Linear(64, 64)\n    b.weight = a.weight\n    return a, b\n"
    )
    code = run(
        "evaluate", "tied:build", "--methods", "dctps,random", "--sparsity", "0.5", "--epochs", "1",
        "--evaluators", "accuracy,storage", "--out", "out",
    )  # fmt: skip
    assert code == 1
    failed = sr.load_run("out/dctps-0.5-0")
    assert "share one tensor" in failed.outcomes["storage"].reason.facts["message"]
    assert failed.subject.sparsity == 0.5
    assert failed.data == sr.load_run("out/dense-0-0").data
    assert sr.load_run("out/random-0.5-0").outcomes["storage"].status == "ok"


def test_a_saved_model_of_ones_own_network_is_scored_with_the_network_named(network):
    assert run("evaluate", "mine:build", "--methods", "random", "--sparsity", "0.5", "--epochs", "1",
               "--evaluators", "accuracy", "--out", "out") == 0  # fmt: skip
    assert run("evaluate", "mine:build", "out/random-0.5-0/model.sparse", "out/dense-0-0/model.sparse",
               "--evaluators", "accuracy", "--out", "again") == 0  # fmt: skip
    for name in ("random-0.5-0", "dense-0-0"):
        first, second = (sr.load_run(f"{folder}/{name}").outcomes["accuracy"] for folder in ("out", "again"))
        assert first.scores == second.scores


def test_two_saved_models_of_one_name_keep_a_folder_each(comparison, tmp_path):
    _, out = comparison
    path = out / "dctps-0.9-0"
    other = shutil.copy(path / "model.sparse", tmp_path / "other.sparse")
    for _ in range(2):
        assert run("evaluate", path, other, "--evaluators", "storage", "--out", tmp_path / "out") == 0
        assert {p.parent.name for p in (tmp_path / "out").glob("*/run.json")} == {
            "dctps-0.9-0",
            "dctps-0.9-0-2",
        }


def test_a_saved_model_with_changed_parameters_is_filed_under_them(comparison, tmp_path):
    _, out = comparison
    path = out / "snip-0.9-0" / "model.sparse"
    assert run("evaluate", path, "--evaluators", "storage", "--out", tmp_path) == 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "snip-rescue-random-0.9-0",
        "experiment.toml",
        "report.html",
    }


def test_a_network_that_does_not_take_the_images_is_refused_before_anything_is_trained(network, capsys):
    (network / "wide.py").write_text(NETWORK.replace("nn.Linear(64, 20)", "nn.Linear(100, 20)"))
    assert run("evaluate", "wide:build", "--methods", "snip", "--out", "out") == 2
    assert "build does not take images of shape (1, 8, 8) of digits" in capsys.readouterr().err


def test_a_value_named_twice_is_made_once(tmp_path):
    assert run("evaluate", "--methods", "random", "--sparsity", "0.9,0.90", "--seeds", "0,00", "--epochs", "0",
               "--evaluators", "storage", "--out", tmp_path) == 0  # fmt: skip
    assert {p.name for p in tmp_path.iterdir()} == {
        "dense-0-0",
        "random-0.9-0",
        "experiment.toml",
        "report.html",
    }
