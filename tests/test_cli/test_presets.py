"""Presets on the command line: listed, described as the files that they are, and told what is wrong in one."""

import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.presets import read_preset


def run(*arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


def test_presets_are_listed_and_described(capsys):
    assert run("list", "presets") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("  quick               A first look: ")
    assert run("describe", "quick") == 0
    described = capsys.readouterr().out
    for text in ("# quick (preset)", 'source = "ours"', 'name = "carlini-wagner"', "warm_start = 20"):
        assert text in described
    assert run("list", "evaluators") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == sr.list_evaluators()


@pytest.mark.parametrize("name", sr.list_presets())
def test_a_preset_that_was_described_is_taken_back_as_a_file(capsys, tmp_path, name):
    assert run("describe", name) == 0
    path = tmp_path / f"{name}.toml"
    path.write_text(capsys.readouterr().out)
    assert read_preset(path) == read_preset(name)


HEAD = 'about = "mine"\nsource = "a test"\n'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            f'{HEAD}[[evaluators]]\nname = "fgsm"\n[[evaluators]]\nname = "pgd"\nsetings = {{ steps = 3 }}',
            "evaluator 2 (pgd): unknown key 'setings'; did you mean 'settings'? expected name or settings",
        ),
        (
            f'{HEAD}[[evaluators]]\nname = "pgd"\nsteps = 3',
            "evaluator 1 (pgd): unknown key 'steps'; expected name or settings (settings = { steps = ... }",
        ),
        ('abuot = "mine"\n[[evaluators]]\nname = "pgd"', "unknown key 'abuot'; did you mean 'about'?"),
        (
            'about = "mine"\n[[evaluators]]\nname = "pgd"',
            "source is missing; a preset has about, source, evaluators",
        ),
        (
            f"{HEAD}[[evaluators]]\nsettings = {{}}",
            "evaluator 1: name is missing; an evaluator has name, settings",
        ),
        (
            f'{HEAD}[[evaluators]]\nname = "pgd"\nsettings = 3',
            "evaluator 1 (pgd): settings must be a table, got 3",
        ),
        (f"{HEAD}evaluators = []", "evaluators must be one or more tables: [[evaluators]]"),
        (f'{HEAD}evaluators = ["pgd"]', "evaluators must be one or more tables: [[evaluators]]"),
        (f'{HEAD}[evaluators]\nname = "pgd"', "evaluators must be one or more tables: [[evaluators]]"),
    ],
)
def test_a_wrong_preset_is_told_in_the_words_of_its_file(capsys, tmp_path, content, expected):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    assert run("evaluate", "--preset", path, "--out", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line
