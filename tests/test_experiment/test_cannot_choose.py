"""A method that cannot choose is a result of the grid; any other error in making a subject is a failure."""

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust import registry
from sparserobust.cli.main import main
from sparserobust.errors import DegenerateScores, ModelError
from sparserobust.experiment import make
from sparserobust.records import remark

NETWORKS = """
from torch import nn

def flat():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    nn.init.zeros_(net[3].weight)
    return net
"""


def run(*arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture
def zero_head(tmp_path, monkeypatch):
    """A network whose head is zero: no gradient passes it, and SNIP scores nothing below."""
    (tmp_path / "zero_head.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "zero_head", raising=False)
    return tmp_path


@pytest.fixture
def undecided(zero_head):
    """SNIP, with two offsets, and magnitude on that network: (exit status, folder)."""
    code = run(
        "evaluate", "zero_head:flat", "--methods", "snip,snip[offset=frozen],magnitude", "--sparsity", "0.5,0.9",
        "--epochs", "1", "--evaluators", "accuracy,storage", "--out", "out",
    )  # fmt: skip
    return code, zero_head / "out"


def test_a_criterion_that_cannot_choose_is_a_result_and_the_others_go_on(undecided):
    code, out = undecided
    assert code == 0
    recorded = sr.load_run(out / "snip-0.5-0")
    assert {o.status for o in recorded.outcomes.values()} == {"skipped"}
    why = recorded.subject.not_made
    assert (why.code, why.facts["weights"], why.facts["layers"]) == ("cannot-choose", 740, ["3.weight"])
    assert {o.reason for o in recorded.outcomes.values()} == {recorded.subject.not_made}
    assert not (out / "snip-0.5-0" / "model.sparse").exists()
    assert sr.load_run(out / "magnitude-0.5-0").outcomes["accuracy"].status == "ok"
    assert sr.load_run(out / "magnitude-0.5-0").subject.not_made is None


def test_the_record_of_what_was_not_made_says_what_it_would_have_been(undecided):
    _, out = undecided
    one, dense = sr.load_run(out / "snip-frozen-0.9-0"), sr.load_run(out / "dense-0-0")
    subject = one.subject
    assert (subject.label, subject.offset) == ("snip[offset=frozen] 0.9", "frozen")
    assert (subject.method, subject.params["offset"], subject.score_samples) == ("snip", "frozen", 512)
    assert (subject.target_sparsity, subject.kept, subject.weights_sha256) == (0.9, 148, "")
    assert (one.data, one.dense, one.history) == (dense.data, dense.id, None)
    assert one.environment.seconds == 0
    assert one.environment.created >= dense.environment.created


def test_the_terminal_and_the_page_say_it_in_a_line(undecided, capsys):
    _, out = undecided
    assert run("report", out, "--out", out / "again.html") == 0
    printed = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("SNIP + frozen 0.9: cannot choose 148 weights: ") for line in printed) == 1
    assert any(line.split()[:3] == ["SNIP", "0.5000", "no"] for line in printed)
    assert (out / "again.html").read_bytes() == (out / "report.html").read_bytes()
    page = (out / "again.html").read_text()
    assert "SNIP with any offset cannot choose its weights" in page
    assert 'class="reason c-notmade"' in page


def counted(monkeypatch, fails):
    """Replaces `sparsify`: counts its calls with their sparsities, and raises what `fails` gives for one of them."""
    calls = []
    real = make.sparsify

    def sparsify(model, method, sparsity, data, **params):
        calls.append((method, list(sparsity)))
        for target in sparsity:
            if (error := fails(method, target)) is not None:
                raise error
        return real(model, method, sparsity, data, **params)

    monkeypatch.setattr(make, "sparsify", sparsify)
    return calls


def evaluate(out, methods, *more):
    return run(
        "evaluate", "--methods", methods, "--sparsity", "0.5,0.9,0.99", "--epochs", "0", "--limit", "20",
        "--evaluators", "accuracy", "--out", out, *more,
    )  # fmt: skip


def test_one_sparsity_that_cannot_be_chosen_leaves_the_others(tmp_path, monkeypatch):
    collapse = DegenerateScores("past the collapse", ("conv1.weight",))
    calls = counted(monkeypatch, lambda method, s: collapse if (method, s) == ("snip", 0.99) else None)
    assert evaluate(tmp_path, "snip") == 0
    statuses = {
        s: sr.load_run(tmp_path / f"snip-{s}-0").outcomes["accuracy"].status for s in (0.5, 0.9, 0.99)
    }
    assert statuses == {0.5: "ok", 0.9: "ok", 0.99: "skipped"}
    snip = [sparsities for method, sparsities in calls if method == "snip"]
    assert snip == [[0.5, 0.9, 0.99], [0.5], [0.9], [0.99]]


def test_one_scoring_serves_all_sparsities_where_it_can(tmp_path, monkeypatch):
    calls = counted(monkeypatch, lambda method, s: None)
    assert evaluate(tmp_path, "snip") == 0
    assert [s for method, s in calls if method == "snip"] == [[0.5, 0.9, 0.99]]


def test_a_method_of_several_events_scores_each_sparsity_once_even_when_one_fails(tmp_path, monkeypatch):
    from sparserobust.methods import PruneByScore

    monkeypatch.setattr(PruneByScore, "scores_once", property(lambda method: method.name != "snip"))
    collapse = DegenerateScores("past the collapse")
    calls = counted(monkeypatch, lambda method, s: collapse if (method, s) == ("snip", 0.99) else None)
    assert evaluate(tmp_path, "snip") == 0
    assert [s for method, s in calls if method == "snip"] == [[0.5], [0.9], [0.99]]


def test_any_other_error_is_a_failure_with_exit_status_1(tmp_path, monkeypatch, capsys):
    counted(monkeypatch, lambda method, s: ModelError("no such layer") if method == "snip" else None)
    assert evaluate(tmp_path, "snip,random") == 1
    recorded = sr.load_run(tmp_path / "snip-0.9-0")
    assert {o.status for o in recorded.outcomes.values()} == {"failed"}
    assert recorded.subject.not_made == remark("not-made", error="ModelError", message="no such layer")
    assert sr.load_run(tmp_path / "random-0.9-0").outcomes["accuracy"].status == "ok"
    assert "snip 0.9, seed 0: not made: ModelError: no such layer" in capsys.readouterr().err


def test_a_collapse_while_training_is_a_result_too(tmp_path, monkeypatch):
    real = make.train

    def train(subject, *args, **kwargs):
        if subject.method == "snip":
            raise DegenerateScores("nothing left to rank by")
        return real(subject, *args, **kwargs)

    monkeypatch.setattr(make, "train", train)
    assert evaluate(tmp_path, "snip") == 0
    assert sr.load_run(tmp_path / "snip-0.5-0").outcomes["accuracy"].status == "skipped"


def test_the_library_still_raises(zero_head):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    nn.init.zeros_(model[3].weight)
    images, labels = torch.rand(40, 1, 8, 8), torch.arange(40) % 10
    with pytest.raises(DegenerateScores):
        sr.sparsify(model, "snip", 0.5, (images, labels))


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("snip", lambda self, model: {}["images"]),
        ("rigl", lambda self, training: None),
    ],
)
def test_whatever_a_method_raises_is_its_own_and_the_others_go_on(
    monkeypatch, tmp_path, capsys, method, fault
):
    kind = registry.methods.load(method)
    monkeypatch.setattr(kind, "score" if method == "snip" else "pruner", fault)
    code = run(
        "evaluate", "--methods", f"{method},random", "--sparsity", "0.5", "--epochs", "1", "--limit", "10",
        "--evaluators", "accuracy", "--out", tmp_path,
    )  # fmt: skip
    assert code == 1
    assert sr.load_run(tmp_path / "random-0.5-0").outcomes["accuracy"].status == "ok"
    why = sr.load_run(tmp_path / f"{method}-0.5-0").subject.not_made
    said = {
        "snip": ("KeyError", "'images'"),
        "rigl": ("PluginError", "pruner() of rigl must return a Pruner"),
    }
    error, text = said[method]
    assert why.facts["error"] == error
    assert text in why.facts["message"]
    assert text in capsys.readouterr().err
