"""Presets: budgets with a source, by name or from a file."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

import sparserobust as sr
from evaluators import FGSM, PGD, AutoAttack, CarliniWagner, MinimumNorm
from sparserobust.errors import ConfigError, PluginError
from sparserobust.presets import read_preset

NAMES = ["attackbench-1000q", "quick", "robustbench-linf-8", "snipit-l2", "starfire-fgsm"]


def of(kind, name):
    """The one evaluator of this class in a preset."""
    (found,) = (evaluator for evaluator in sr.load_preset(name) if type(evaluator) is kind)
    return found


def test_the_presets_are_listed():
    assert sr.list_presets() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_can_be_built_and_names_its_source(name):
    preset = read_preset(name)
    assert (preset.name, bool(preset.source), bool(preset.about)) == (name, True, True)
    assert len(preset.about.partition("\n")[0]) <= 120
    assert preset.evaluators[0].name == "accuracy"
    built = sr.load_preset(name)
    assert [e.label for e in built] == list(dict.fromkeys(e.label for e in built))
    for row, evaluator in zip(preset.evaluators, built, strict=True):
        for setting, value in row.settings.items():
            assert evaluator.resolved()[setting] == value


def test_snip_its_caps_are_those_of_the_paper_in_pixels():
    """The authors' code: 13 caps on images divided by MNIST's standard deviation, 0.3081."""
    normalised = [0.25, 0.5, 0.75, *range(1, 11)]
    assert of(CarliniWagner, "snipit-l2").eps == pytest.approx(
        [0.3081 * cap for cap in normalised], rel=1e-12
    )
    assert "0.3081" in read_preset("snipit-l2").about


def test_starfires_eps_are_those_of_the_tutorial_and_the_preset_says_that_this_is_inferred():
    assert of(FGSM, "starfire-fgsm").eps == (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    assert "inference" in read_preset("starfire-fgsm").about


def test_robustbench_is_the_standard_eps():
    attack = of(AutoAttack, "robustbench-linf-8")
    assert (attack.norm, attack.eps) == ("linf", (8 / 255,))


@pytest.mark.parametrize(
    "name",
    [
        "minimum-norm",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("minimum-norm-linf", "carlini-wagner")),
    ],
)
def test_attackbench_spends_about_a_thousand_passes_of_either_kind_on_an_image(digits_network, name):
    evaluators = sr.load_preset("attackbench-1000q")
    assert [e.label for e in evaluators] == [
        "accuracy",
        "minimum-norm",
        "carlini-wagner",
        "minimum-norm-linf",
    ]
    chosen = [e for e in evaluators if e.label in ("accuracy", name)]
    run = sr.evaluate(digits_network, sr.load_data("digits").test.slice(torch.arange(4)), chosen)
    right = int(run.outcomes["accuracy"].per_example["correct"].sum())
    assert right
    passes = run.outcomes[name].passes
    assert passes["backward"] / right <= 1.05 * 1000
    if name != "carlini-wagner":  # it leaves alone what is done
        assert passes["backward"] / right >= 0.95 * 1000
        assert passes["forward"] / right <= 1.1 * 1000


def test_quick_is_a_first_look():
    """At most 50 steps for each image and budget, where the defaults take 120 and 40."""
    attack = of(CarliniWagner, "quick")
    assert attack.warm_start + attack.steps == 40
    assert of(PGD, "quick").steps == 10


def test_a_preset_is_what_evaluate_takes(make_network, problem):
    run = sr.evaluate(make_network("conv"), problem(12), sr.load_preset("quick"))
    assert list(run.outcomes) == ["accuracy", "fgsm", "carlini-wagner", "pgd"]
    assert {o.status for o in run.outcomes.values()} == {"ok"}
    assert run.outcomes["pgd"].settings["steps"] == 10
    assert run.outcomes["fgsm"].axis == (0.02, 0.05, 0.1, 0.2, 0.3)


OWN = """
about = "mine"
source = "a test"
[[evaluators]]
name = "pgd"
settings = { steps = 3 }
[[evaluators]]
name = "pgd"
settings = { norm = "l2", steps = 4 }
[[evaluators]]
name = "minimum-norm"
settings = { norm = "linf" }
"""


@pytest.mark.parametrize("as_path", [False, True])
def test_a_file_of_ones_own_with_one_evaluator_in_two_variants(tmp_path, as_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    one, two, three = sr.load_preset(path if as_path else str(path))
    assert (one.label, one.steps, two.label, two.steps) == ("pgd", 3, "pgd-l2", 4)
    assert isinstance(three, MinimumNorm)
    assert read_preset(path).name == "mine"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            ("steps = 4", "step = 4"),
            ConfigError,
            "preset mine: evaluator 'pgd' has no setting 'step'; did you mean",
        ),
        (('norm = "l2", ', ""), ConfigError, "preset mine: pgd and pgd are both recorded as 'pgd'"),
        (('"l2"', '"l3"'), ConfigError, "norm of pgd must be one of linf, l2, got 'l3'"),
        (('name = "minimum-norm"', 'name = "minimum-nrom"'), PluginError, "did you mean 'minimum-norm'"),
        (('source = "a test"', ""), ConfigError, "mine.toml: source is missing; a preset has about"),
        (("settings = { steps = 3 }", "steps = 3"), ConfigError, r"evaluator 1 \(pgd\): unknown key 'steps'"),
        (("about =", "about"), ConfigError, "is not TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, change, error, text):
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(*change))
    with pytest.raises(error, match=text) as caught:
        sr.load_preset(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="unknown preset 'quik'; did you mean 'quick'"):
        sr.load_preset("quik")
    with pytest.raises(ConfigError, match="none.toml cannot be read"):
        sr.load_preset(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text('about = "a"\nsource = "b"\nevaluators = []\n')
    with pytest.raises(ConfigError, match="evaluators must be one or more tables"):
        sr.load_preset(tmp_path / "empty.toml")


def test_reading_a_preset_loads_no_torch():
    code = (
        "import sys, sparserobust as sr; sr.list_presets(); from sparserobust.presets import read_preset; "
        "read_preset('quick'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
