"""Weights of a file in a network that is named: scored as they are, or where methods start."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils import parameters_to_vector

import sparserobust as sr
from sparserobust import Experiment, run
from sparserobust.cli.main import main
from sparserobust.data import Data, ImageTensors
from sparserobust.errors import ModelError
from sparserobust.experiment import networks, prepare, prepared
from sparserobust.records import remark
from sparserobust.storage.modelfile import read_model
from sparserobust.weight_files import load_weights

NAME = "torchvision:shufflenet_v2_x0_5"


def cli(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def colours(root=None):
    """Four classes, told apart by which third of the image is bright."""
    generator = torch.Generator().manual_seed(0)
    images, labels = 0.3 * torch.rand(48, 3, 32, 32, generator=generator), torch.arange(48) % 4
    for image, label in zip(images, labels, strict=True):
        image[:, 8 * label : 8 * label + 8] += 0.6
    examples = ImageTensors(images, labels)
    return Data("colours", examples, examples, examples, (0.45,) * 3, (0.3,) * 3, tuple("abcd"), (3, 32, 32))


@pytest.fixture(autouse=True)
def _colours(monkeypatch):
    real = prepared.load_data
    monkeypatch.setattr(
        prepared, "load_data", lambda name, root, **_: colours() if name == "digits" else real(name, root)
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """(file of the library's own keys, the same network) as somebody trained it with other constants."""
    data = colours()
    model = sr.create_model(NAME, data, mean=(0.2, 0.3, 0.4), std=(0.2, 0.2, 0.2), seed=8)
    sr.train(model, data, epochs=4, batch_size=8, lr=0.05, seed=0)
    file = tmp_path_factory.mktemp("theirs") / "theirs.pth"
    torch.save(model.body.state_dict(), file)
    return file, model.eval()


def test_a_checkpoint_of_a_librarys_network_is_scored_as_it_is(checkpoint, tmp_path, capsys):
    """With the constants of its training the logits are theirs, bit for bit; the target needs no --model."""
    file, theirs = checkpoint
    options = [
        "--weights",
        file,
        "--normalize",
        "0.2,0.3,0.4/0.2",
        "--evaluators",
        "accuracy,fgsm",
        "--out",
        tmp_path,
    ]
    assert cli("evaluate", NAME, *options) == 0
    (found,) = sr.load_runs(tmp_path)
    images, labels = colours().test.slice(torch.arange(48))
    with torch.no_grad():
        hits = theirs(images).argmax(1) == labels
    assert 0.4 < hits.float().mean() <= 1
    assert found.outcomes["accuracy"].per_example["correct"].tolist() == hits.tolist()
    subject = found.subject
    assert (subject.model, subject.label, subject.method, subject.training) == (NAME, NAME, None, "unknown")
    assert (subject.normalization.mean, subject.normalization.std) == ((0.2, 0.3, 0.4), (0.2,) * 3)
    said = capsys.readouterr().out
    assert said.count("images are normalised by mean 0.2, 0.3, 0.4 and std 0.2, 0.2, 0.2") == 1
    assert "untrained" not in said


def test_other_constants_are_another_network_beside_it(checkpoint, tmp_path):
    """The weights are the same, the logits are not: no record is taken for the other's."""
    file, _ = checkpoint
    experiment = {"model": NAME, "weights": file, "evaluators": "accuracy"}
    for normalize, folders in (("half", 1), ("imagenet", 2), ("half", 2), (None, 2)):
        run(Experiment(**experiment, normalize=normalize), tmp_path)
        runs = sr.load_runs(tmp_path)
        assert len(runs) == folders
        assert len({one.subject.weights_sha256 for one in runs}) == 1
        assert len({one.subject.normalization for one in runs}) == folders


def test_weights_are_what_methods_start_from_and_saving_and_going_on_bring_them_back(
    tmp_path, monkeypatch, capsys
):
    """Our own architecture: dense and frozen networks start at the file's weights, of which no seed knows."""
    monkeypatch.undo()
    data = sr.load_data("digits")
    theirs = sr.create_model("mlp5", data, seed=77)
    sr.train(theirs, data, epochs=1, seed=0)
    torch.save(theirs.body.state_dict(), tmp_path / "w.pt")
    noted = remark("said", text="it was in its wrapping")
    monkeypatch.setattr(networks, "load_weights", lambda *given, **key: (*load_weights(*given, **key), noted))
    arguments = [
        "evaluate", "--model", "mlp5", "--weights", tmp_path / "w.pt", "--methods", "magnitude,freezenet,dctps",
        "--sparsity", "0.5", "--epochs", "0", "--evaluators", "accuracy", "--limit", "60", "--out", tmp_path / "out",
    ]  # fmt: skip
    assert cli(*arguments) == 0
    first = capsys.readouterr().out
    assert first.count("it was in its wrapping") == 1
    whole = parameters_to_vector(theirs.parameters())
    dense = sr.load_subject(tmp_path / "out" / "dense-0-0")
    assert torch.equal(parameters_to_vector(dense.model.parameters()), whole)
    frozen = sr.load_subject(tmp_path / "out" / "freezenet-0.5-0")
    assert torch.equal(
        parameters_to_vector(frozen.model.parameters()), whole
    )  # untrained: offset and values alike
    assert any(
        key.endswith(":offset")
        for key in read_model(tmp_path / "out" / "freezenet-0.5-0" / "model.sparse")[1]
    )
    pruned = sr.load_subject(tmp_path / "out" / "magnitude-0.5-0")
    for name, weight in pruned.effective_weights().items():
        kept = pruned.plan[name].mask
        assert torch.equal(weight[kept], theirs.get_parameter(name)[kept])
    runs = sr.load_runs(tmp_path / "out")
    assert len(runs) == 4
    assert all(one.subject.notes == (noted,) for one in runs)
    assert all(one.subject.training != "none" for one in runs)
    before = {file: file.read_bytes() for file in (tmp_path / "out").glob("*/model.sparse")}
    assert cli(*arguments) == 0
    again = capsys.readouterr().out
    assert again.count("trained before") == again.count("scored before") == 4
    assert before == {file: file.read_bytes() for file in (tmp_path / "out").glob("*/model.sparse")}
    assert (
        cli("evaluate", *before, "--evaluators", "accuracy", "--limit", "60", "--out", tmp_path / "saved")
        == 0
    )
    saved = {one.subject.label: one for one in sr.load_runs(tmp_path / "saved")}
    for one in runs:
        assert saved[one.subject.label].outcomes["accuracy"].scores == one.outcomes["accuracy"].scores
        assert saved[one.subject.label].subject.notes == (noted,)


def test_what_somebody_trained_and_guesses_here_may_want_other_constants_or_classes(
    checkpoint, tmp_path, capsys
):
    """The head turned by one class: every answer is wrong, which is below chance."""
    file, _ = checkpoint
    state = torch.load(file, weights_only=True)
    for key in ("fc.weight", "fc.bias"):
        state[key] = state[key].roll(1, 0)
    torch.save(state, tmp_path / "turned.pth")
    options = ["--normalize", "0.2,0.3,0.4/0.2", "--evaluators", "accuracy"]
    assert cli("evaluate", NAME, "--weights", tmp_path / "turned.pth", *options, "--out", tmp_path / "a") == 0
    (found,) = sr.load_runs(tmp_path / "a")
    (trust,) = sr.analyse([found]).trust.values()
    assert trust.state == "collapsed"
    assert [concern.remark.code for concern in trust.concerns][:2] == [
        "collapsed",
        "other-constants-or-classes",
    ]
    assert "may be normalised by other constants" in (tmp_path / "a" / "report.html").read_text()
    assert cli("evaluate", NAME, "--weights", file, *options, "--out", tmp_path / "b") == 0
    (well,) = sr.analyse(sr.load_runs(tmp_path / "b")).trust.values()
    assert "other-constants-or-classes" not in [concern.remark.code for concern in well.concerns]


@pytest.mark.parametrize("model", ["torchvision:shufflenet_v2_x1_0", "timm:test_resnet"])
def test_weights_of_another_network_are_one_line(checkpoint, model):
    file, _ = checkpoint
    with pytest.raises(ModelError, match="theirs.pth") as caught:
        prepare(Experiment(model=model, weights=file))
    assert "\n" not in str(caught.value)
