"""Wrong use: one line that says what to do, exit status 2, and nothing half-written."""

import json
import pickle
import subprocess
import sys
import time

import pytest
import torch

from sparserobust.cli.main import main

NETWORK = "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    (tmp_path / "wrong_use_net.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(capsys, *arguments):
    """The one line on stderr."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    error = capsys.readouterr().err
    assert caught.value.code == 2, error
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--methods", "imp", "--epochs", "3"],
            "imp: 5 rounds that go back to epoch 1 need at least 7 epochs, got 3",
        ),
        (
            ["--methods", "starfire-ck[era=[2,9]]", "--epochs", "4"],
            "starfire-ck[era=[2,9]]: era must begin before",
        ),
        (["--methods", "snpi"], "unknown method 'snpi'; did you mean 'snip'?"),
        (["--evaluators", "fgms"], "unknown evaluator 'fgms'; did you mean 'fgsm'?"),
        (["--model", "lenet5-cafe"], "unknown model 'lenet5-cafe'; did you mean 'lenet5-caffe'?"),
        (["--data", "mnits"], "unknown data set 'mnits'; did you mean 'mnist'?"),
        (["--recipe", "freezenet"], "did you mean 'freezenet-mnist'?"),
        (["--sparsity", "90"], "sparsity must be in [0, 1), got 90; did you mean 0.9?"),
        (["--sparsity", "high"], "sparsity must be a number in [0, 1), got 'high'"),
        (["--seeds", "1.5"], "seed must be a whole number, in [0, 2**32), got 1.5"),
        (["--set", "fgsm.epz=1"], "has no setting 'epz'; did you mean 'eps'?"),
        (["--set", "fgsm=1"], "a setting is NAME.SETTING=VALUE"),
        (["--set", "pgd.eps=1"], "'pgd' is not in use here"),
        (["--set", "fgsm.eps=[-1]"], "eps must be one or more different numbers in [0, 1]"),
        (["--set", "snip.rescue=always"], "rescue of snip must be one of random, None, got 'always'"),
        (["--set", "snip.resque=random"], "snip has no parameter 'resque'; did you mean 'rescue'?"),
        (["--exclude", "hed"], "exclude='hed' matches no parameter or module of Network"),
        (
            ["--exclude", "body,*.bias"],
            "exclude='body', '*.bias' leaves no weight of Network that could be sparse",
        ),
        (["x.sparse", "--exclude", "head"], "a saved model is scored as it is; give one of them"),
        (
            ["wrong_use_net:build", "--exclude", "2"],
            "exclude='2' matches no parameter or module of Sequential",
        ),
        (["wrong_use_net:build", "--exclude", "1"], "exclude='1' leaves no weight of Sequential"),
        (["--device", "gpu"], "device must be auto, cpu or cuda"),
        (["--limit", "0"], "limit must be at least 1, got 0"),
        (["--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["--threads", "0"], "threads must be at least 1, got 0"),
        (["--epochs", "-1"], "epochs must be at least 0, got -1"),
        (["--model", "lenet5-caffe"], "lenet5-caffe needs images of at least 16x16"),
        (["--data", "folder:nowhere"], "nowhere is not a folder"),
        (["--weights", "w.pt"], "weights are of a network: name its model"),
        (["--epocs", "3"], "an experiment has no 'epocs'; did you mean 'epochs'?"),
        (["missing.sparse"], "missing.sparse is not there"),
        (["wrong_use_net:bild"], "wrong_use_net:bild cannot be built: AttributeError"),
        (["wrong_use_net:build", "--model", "mlp5"], "give either TARGETS or --model"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(capsys, somewhere, arguments, expected):
    if "--evaluators" not in arguments and "--set" not in arguments:
        arguments = [*arguments, "--evaluators", "accuracy"]
    assert expected in complaint(capsys, "evaluate", *arguments, "--out", somewhere / "out")
    assert not (somewhere / "out" / "report.html").exists()


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    assert "did you mean 'evaluate'?" in complaint(capsys, "evalute")
    assert "did you mean 'fgsm'?" in complaint(capsys, "describe", "fgms")


def own(capsys, path):
    return complaint(capsys, "evaluate", "wrong_use_net:build", "--weights", path, "--evaluators", "accuracy")


def test_weights_of_another_architecture_are_refused(capsys, somewhere):
    torch.save({"1.weight": torch.zeros(10, 60), "1.bias": torch.zeros(10)}, somewhere / "w.pt")
    assert "1.weight is (10, 60), expected (10, 64)" in own(capsys, "w.pt")
    torch.save({"fc.weight": torch.zeros(10, 64)}, somewhere / "w.pt")
    line = own(capsys, "w.pt")
    assert "missing 1.bias, 1.weight" in line
    assert "unexpected fc.weight" in line


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_a_pickle_that_could_run_code_is_refused_and_not_run(capsys, somewhere):
    torch.save({"1.weight": Bomb()}, somewhere / "w.pt")
    assert "unpickling it could run code" in own(capsys, "w.pt")
    (somewhere / "w.pkl").write_bytes(pickle.dumps({"1.weight": Bomb()}))
    assert "w.pkl" in own(capsys, "w.pkl")
    assert not (somewhere / "exploded").exists()


def test_weights_that_are_not_finite_are_refused(capsys, somewhere):
    state = {"1.weight": torch.zeros(10, 64), "1.bias": torch.full((10,), torch.nan)}
    torch.save(state, somewhere / "w.pt")
    assert "w.pt: 1.bias has 10 entries that are NaN or infinite" in own(capsys, "w.pt")


def test_a_file_that_is_no_weights_file_is_refused(capsys, somewhere):
    (somewhere / "w.safetensors").write_text("hello")
    assert "w.safetensors is not a readable weights file" in own(capsys, "w.safetensors")
    (somewhere / "w.sparse").write_text("hello")
    assert "is not a readable saved model" in complaint(capsys, "evaluate", "w.sparse")
    assert "not there" in own(capsys, "nothing.pt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a record of this library"),
        (json.dumps({"kind": "someone else's"}), "is not a record of this library"),
        (
            json.dumps({"kind": "sparserobust run", "schema_version": 99}),
            "has schema version 99, expected 1 to 3",
        ),
        (
            json.dumps({"kind": "sparserobust run", "schema_version": 1}),
            "is damaged: it cannot be read as schema 1: it has no 'subject'",
        ),
        (
            json.dumps({"kind": "sparserobust run", "schema_version": 2}),
            "has no sha256; measure again, or accept it with --accept-edited",
        ),
    ],
)
def test_an_unreadable_or_foreign_run_is_refused(capsys, somewhere, content, expected):
    (somewhere / "run.json").write_text(content)
    assert expected in complaint(capsys, "report", somewhere)
    assert not (somewhere / "report.html").exists()


def test_a_folder_without_runs_is_refused(capsys, somewhere):
    assert "holds no run.json" in complaint(capsys, "report", somewhere)
    assert "cannot be read" in complaint(capsys, "report", somewhere / "none.json")


def test_help_is_quick_and_loads_no_torch():
    code = (
        "import sys; from sparserobust.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    )
    code += (
        "bad = {'torch', 'matplotlib', 'scipy', 'numpy', 'pydantic'} & set(sys.modules)\nassert not bad, bad"
    )
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
        assert "evaluate" in done.stdout
    assert min(times) < 0.5, times


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["some", "all"])
def test_list_and_describe_know_everything_by_name(capsys, every):
    from sparserobust import registry

    names = [*registry.methods.names(), *registry.evaluators.names(), "mlp5", "digits", "snip-it"]
    for name in names if every else ["freezenet", "rigl", "fgsm", "gradient-masking", *names[-3:]]:
        with pytest.raises(SystemExit) as caught:
            main(["describe", name])
        assert caught.value.code == 0
        assert name in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["list"])
    listed = capsys.readouterr().out
    for name in ("snip", "fgsm", "lenet5-caffe", "mnist", "freezenet-mnist"):
        assert f"  {name} " in listed


def test_a_report_into_a_folder_is_refused(capsys, somewhere):
    assert "is a folder; name the HTML file" in complaint(capsys, "report", somewhere, "--out", somewhere)
