"""What the README shows works as it stands, and names everything that there is."""

import re
from pathlib import Path

import sparserobust as sr
from sparserobust.testing import check_evaluator

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_python_tours_run_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tours = [
        block
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "import sparserobust as sr" in block
    ]
    assert len(tours) == 2
    names: dict[str, object] = {}
    for tour in tours:
        exec(tour, names)
    (file,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "digits.toml").write_text(file)
    assert sr.Experiment.load("digits.toml") == names["experiment"]
    (tmp_path / "more.toml").write_text(re.sub(r"^# ", "", file, flags=re.MULTILINE))
    assert sr.Experiment.load("more.toml").recipe == {"base": "digits", "lr": 0.01}
    assert len(names["runs"]) == 10
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert sr.load_run("runs/a") == names["run"]
    assert sr.load_subject("snip.sparse").record() == names["subject"].record()
    assert 0.3 < names["run"].outcomes["fgsm"].score("robust_accuracy", at=0.1).value < 0.8


def test_everything_that_has_a_name_is_listed():
    named = [
        *sr.list_methods(),
        *sr.list_evaluators(),
        *sr.list_models(),
        *sr.list_recipes(),
        *sr.list_presets(),
    ]
    for name in named:
        assert f"`{name}`" in README, name


def test_every_relative_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (Path(__file__).parents[1] / target).exists(), target


def test_the_attack_that_is_shown_keeps_the_contract():
    block = next(
        block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "class Darken" in block
    )
    names: dict[str, object] = {"__name__": __name__}
    exec(compile(block, "README.md", "exec", dont_inherit=True), names)
    check_evaluator(names["Darken"]())
