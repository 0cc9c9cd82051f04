"""What a network returns besides a tensor of logits is read as its author meant it, or refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import FGSM, CarliniWagner, Connectivity
from sparserobust.adapter import Adapter
from sparserobust.cli.main import main
from sparserobust.errors import ConfigError, ModelError, ShapeError
from sparserobust.outputs import taken_from
from tests.test_as_written.networks import Answer, FeaturesFirst, Returning, WithLoss, examples, plain

EVALUATORS = [
    "accuracy",
    FGSM(eps=(0.01, 0.05)),
    CarliniWagner(steps=20),
    "saliency",
    "flops",
    "storage",
]
EVALUATORS += ["connectivity"]

BY_ITSELF = {
    "tuple": (lambda logits, images: (logits, images), "0"),
    "features in a tuple first": (lambda logits, images: (images, logits), "1"),
    "loss in a tuple first": (lambda logits, images: (logits.mean(), logits), "1"),
    "list of one": (lambda logits, images: [logits], "0"),
    "dict": (lambda logits, images: {"features": images.flatten(1), "logits": logits}, "logits"),
    "dict of one": (lambda logits, images: {"mine": logits}, "mine"),
    "named tuple": (lambda logits, images: FeaturesFirst(images.flatten(1), logits), "logits"),
    "dataclass": (lambda logits, images: WithLoss(None, logits), "logits"),
    "object": (lambda logits, images: Answer(logits), "logits"),
    "pooled": (lambda logits, images: logits[:, :, None, None], None),
}
NAMED = {
    "place": (lambda logits, images: (images.flatten(1), logits), 1),
    "place as text": (lambda logits, images: (images.flatten(1), logits), "1"),
    "last place": (lambda logits, images: (images.flatten(1), images, logits), -1),
    "key": (lambda logits, images: {"main": logits, "other": -logits}, "main"),
    "path": (lambda logits, images: {"heads": (Answer(-logits), Answer(logits))}, "heads.1.logits"),
    "function": (lambda logits, images: logits.t(), torch.t),
}


def scores_of(model: nn.Module, output: object = None) -> dict[str, list[tuple[str, object, object]]]:
    run = sr.evaluate(model, examples(), EVALUATORS, output=output)
    assert all(outcome.status == "ok" for outcome in run.outcomes.values()), run.outcomes
    return {name: [(s.name, s.at, s.value) for s in outcome.scores] for name, outcome in run.outcomes.items()}


@pytest.fixture(scope="module")
def expected() -> dict[str, list[tuple[str, object, object]]]:
    return scores_of(plain())


@pytest.mark.parametrize("form", BY_ITSELF)
def test_usual_forms_have_the_scores_of_their_logits(form, expected):
    returned, place = BY_ITSELF[form]
    assert scores_of(Returning(returned)) == expected
    found = sr.evaluate(Returning(returned), examples(), ["accuracy"]).subject
    assert (found.output, found.output_found) == (None, place)


@pytest.mark.parametrize("form", NAMED)
def test_other_forms_have_them_where_output_says(form, expected):
    returned, output = NAMED[form]
    assert scores_of(Returning(returned), output) == expected
    assert (
        sr.evaluate(Returning(returned), examples(), ["accuracy"], output=output).subject.output is not None
    )


@pytest.mark.parametrize("form", ["tuple", "dict", "dataclass"])
def test_they_are_scored_trained_and_saved_like_any_other(form, tmp_path):
    returned, _ = BY_ITSELF[form]
    data, kept = examples(), []
    for model in (plain(), Returning(returned)):
        for method in ("snip", "synflow", "freezenet", "dctps"):
            subject = sr.sparsify(model, method, 0.7, data)
            sr.train(subject, data, recipe="digits", epochs=2)
            kept.append(list(subject.effective_weights().values()))
    for one, other in zip(kept[:4], kept[4:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=Returning(returned))
    images = data[0]
    assert torch.equal(back.adapter().eval()(images), subject.adapter().eval()(images))


def test_the_place_goes_with_a_subject_through_training_its_file_and_evaluation(tmp_path):
    returned, data = NAMED["key"][0], examples()
    subject = sr.sparsify(Returning(returned), "snip", 0.5, data, output="main")
    plain_one = sr.sparsify(plain(), "snip", 0.5, data)
    for one in (subject, plain_one):
        sr.train(one, data, recipe="digits", epochs=1)
    back = sr.load_subject(subject.save(tmp_path / "m.sparse"), model=Returning(returned))
    assert back.output == "main"
    runs = [sr.evaluate(one, data, ["accuracy", "fgsm"]) for one in (plain_one, subject, back)]
    assert len({tuple(s.value for s in run.outcomes["fgsm"].scores) for run in runs}) == 1
    assert [run.subject.output for run in runs] == [None, "main", "main"]


def test_one_evaluator_alone_takes_it_too(expected):
    returned, output = NAMED["path"]
    outcome = Connectivity()(Returning(returned), examples(), output=output)
    assert [(s.name, s.at, s.value) for s in outcome.scores] == expected["connectivity"]


@pytest.mark.parametrize(
    ("returned", "output", "message"),
    [
        (
            lambda z, x: {"a": z, "b": -z},
            None,
            r"got dict\(a: \((24|1), 10\), b: \((24|1), 10\)\); name the part .* output=",
        ),
        (lambda z, x: {"deep": {"logits": z}}, None, r"got dict\(deep: dict\); name the part"),
        (lambda z, x: None, None, "got NoneType; return the logits alone"),
        (lambda z, x: (), None, "got tuple; return the logits alone"),
        (lambda z, x: (z.mean(), "text"), None, r"got tuple\(0: \(\), 1: str\)"),
        (
            lambda z, x: z[:, :, None] * z[:, None],
            None,
            r"must return logits \((24|1), classes\), got \((24|1), 10, 10\)",
        ),
        (lambda z, x: {"logits": z.argmax(1)}, None, r"got dict\(logits: \((24|1),\)\)"),
        (
            lambda z, x: (z, x),
            2,
            r"output 2 is not in what the model returned: expected one of 0, 1, got tuple",
        ),
        (lambda z, x: (z, x), "logits", "output 'logits' is not in what the model returned"),
        (
            lambda z, x: {"logits": z},
            "logits.cls",
            r"output 'logits.cls' .* expected one of its parts, got \((24|1), 10\)",
        ),
        (lambda z, x: (z, x), "1", r"must return logits \((24|1), classes\), got \((24|1), 3, 8, 8\)"),
        (lambda z, x: (z, x), lambda out: out.nothing, "failed on what the model returned .* AttributeError"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(returned, output, message):
    for use in (
        lambda: sr.sparsify(Returning(returned), "snip", 0.5, examples(), output=output),
        lambda: sr.train(Returning(returned), examples(), recipe="digits", epochs=1, output=output),
        lambda: Adapter(Returning(returned), output)(examples()[0]),
    ):
        with pytest.raises((ShapeError, ConfigError, ModelError), match=message) as caught:
            use()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("output", [True, "", 1.5, ["logits"]])
def test_a_place_that_is_none_is_refused(output):
    with pytest.raises(ConfigError, match="output must be a place in a tuple"):
        sr.evaluate(plain(), examples(), ["accuracy"], output=output)


def test_one_image_is_read_like_many():
    logits = plain()(examples()[0][:1])
    for returned, place in ((lambda z, x: (x, z), "1"), (lambda z, x: {"logits": z, "x": x}, "logits")):
        taken, where = taken_from(returned(logits, examples()[0][:1]), 1)
        assert taken is logits
        assert where == place


OWN = """
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, images):
        return {"main": self.body(images), "other": -self.body(images)}
"""


def test_the_command_line_takes_it_and_the_report_says_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "two_heads.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(*more: str) -> int:
        command = [
            "evaluate",
            "two_heads:Two",
            "--evaluators",
            "accuracy,fgsm",
            "--limit",
            "60",
            "--out",
            "out",
        ]
        with pytest.raises(SystemExit) as caught:
            main([*command, "--methods", "random", "--sparsity", "0.5", "--epochs", "2", *more])
        return int(caught.value.code or 0)

    assert run() == 2
    assert "name the part that they are: output=" in capsys.readouterr().err
    assert run("--output", "main") == 0
    first = sr.load_run("out/random-0.5-0")
    assert first.subject.output == "main"
    assert first.outcomes["accuracy"].score("top1").value > 0.5
    assert "Logits taken from “main”" in Path("out/report.html").read_text()
    assert run("--output", "main") == 0
    assert sr.load_run("out/random-0.5-0").id == first.id  # nothing was made or measured again
    assert run("--output", "other") == 0
    other = sr.load_run("out/random-0.5-0-2")
    assert other.subject.output == "other"
    with pytest.raises(SystemExit):
        main(["evaluate", "--output", "main", "--out", "out2"])
    assert "output says where the logits of a network of your own lie" in capsys.readouterr().err
