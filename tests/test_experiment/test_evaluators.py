"""The evaluators of an experiment: with settings in brackets, of a preset, or the usual ones."""

import pytest

import sparserobust as sr
from sparserobust.cli.main import main
from sparserobust.errors import ConfigError, PluginError
from sparserobust.experiment import score
from sparserobust.experiment.evaluators import evaluators_of
from sparserobust.experiment.grammar import Variant, parsed
from sparserobust.experiment.recorded import spelled_out
from sparserobust.presets import Row, read_preset
from sparserobust.scoring.named import CORE

QUICK = read_preset("quick")


def run(*arguments):
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    return caught.value.code


def built(named, preset=None, settings=()):
    return evaluators_of(sr.Experiment(evaluators=named, preset=preset, settings=settings))


def names(evaluators):
    return [evaluator.label for evaluator in evaluators]


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A saved model, hardly trained: scoring it is quick."""
    out = tmp_path_factory.mktemp("dense")
    assert (
        run("evaluate", "--methods", "dense", "--epochs", "2", "--evaluators", "accuracy", "--out", out) == 0
    )
    return out / "dense-0-0" / "model.sparse"


def test_settings_in_brackets_make_variants_of_an_evaluator():
    evaluators = built(("accuracy,pgd,pgd[norm=l2,steps=20],minimum-norm[norm=linf]"), None, {})
    assert names(evaluators) == ["accuracy", "pgd", "pgd-l2", "minimum-norm-linf"]
    assert evaluators[2].steps == 20


def test_a_bracket_holds_lists_and_hyphens_are_underscores():
    (fgsm, pgd) = built(("fgsm[eps=[0.05,0.1],margin=false],pgd[step-size=0.01]"), None, {})
    assert (fgsm.eps, fgsm.margin, pgd.step_size) == ((0.05, 0.1), False, 0.01)


def test_set_reaches_every_variant_and_the_bracket_has_the_last_word():
    evaluators = built(("pgd,pgd[norm=l2,steps=20]"), None, {"pgd": {"steps": 5, "restarts": 2}})
    assert [(e.steps, e.restarts) for e in evaluators] == [(5, 2), (20, 2)]


def test_what_is_named_twice_runs_once_and_two_names_for_one_thing_are_refused():
    assert names(built("accuracy,fgsm,accuracy")) == ["accuracy", "fgsm"]
    for two in ("fgsm,fgsm[backend=native]", "pgd-l2,pgd[norm=l2]"):
        with pytest.raises(ConfigError, match="are two names for one thing; give one of them"):
            built(two)


@pytest.mark.parametrize(
    ("text", "error", "expected"),
    [
        (
            "pgd,pgd[steps=3]",
            ConfigError,
            r"pgd and pgd\[steps=3\] are both recorded as 'pgd', which a run holds once",
        ),
        ("pgd[steps=3", ConfigError, r"evaluators pgd\[steps=3: a '\[' without its '\]'"),
        ("[steps=3]", ConfigError, "no evaluator before the bracket"),
        ("pgd[3]", ConfigError, r"evaluators pgd\[3\]: expected param=value in the bracket, got '3'"),
        ("pgd[stesp=3]", ConfigError, "evaluator 'pgd' has no setting 'stesp'; did you mean 'steps'"),
        ("pgd[steps=0]", ConfigError, "evaluator 'pgd': steps .*at least 1"),
        ("pgb[steps=3]", PluginError, "unknown evaluator 'pgb'; did you mean 'pgd'"),
        ("dense[a=1]", PluginError, "unknown evaluator 'dense'"),
    ],
)
def test_a_wrong_evaluator_is_one_clear_line(text, error, expected):
    with pytest.raises(error, match=expected) as caught:
        built(text)
    assert "\n" not in str(caught.value)


def shown(text, settings=None):
    """Names and settings of the evaluators that the command line would run."""
    found = built(text, None, settings or {})
    return [(evaluator.label, evaluator.resolved()) for evaluator in found]


@pytest.mark.parametrize("name", ["pgd-l2", "square-l2", "autoattack-l2", "minimum-norm-linf"])
def test_a_name_that_a_record_holds_names_the_evaluator_that_it_is_held_for(name, capsys):
    base, _, norm = name.rpartition("-")
    assert shown(name) == shown(f"{base}[norm={norm}]")
    assert shown(name)[0][0] == name
    assert run("describe", name) == 0
    assert f"{name} (evaluator {base}[norm={norm}])" in capsys.readouterr().out


def test_the_names_of_records_follow_from_the_evaluators_and_from_no_list(monkeypatch):
    """A plugin that is called for its norm is known so too; one that has no such norm is unknown."""
    from sparserobust.registry import Registry
    from sparserobust.scoring import named as choice

    pgd = choice.registry.load("pgd")

    class Mine(pgd):
        """Mine."""

        name = "mine"

    real = Registry.load
    monkeypatch.setattr(Registry, "names", lambda self: ["pgd", "mine"])
    monkeypatch.setattr(Registry, "load", lambda self, name: Mine if name == "mine" else real(self, name))
    assert shown("mine-l2[steps=3]")[0][0] == "mine-l2"
    assert spelled_out(Variant("mine-l3", {})) == Variant("mine-l3", {})


def test_the_bracket_of_a_recorded_name_has_the_other_settings_and_no_other_norm():
    ((name, settings),) = shown("pgd-l2[steps=3]")
    assert (name, settings["steps"]) == ("pgd-l2", 3)
    with pytest.raises(ConfigError, match=r"pgd-l2 is pgd\[norm=l2\]; write pgd\[...\] for another"):
        shown("pgd-l2[norm=linf]")


def test_set_reaches_the_variant_of_a_recorded_name_alone():
    common = {"pgd": {"steps": 5, "restarts": 2}, "pgd-l2": {"steps": 7}}
    found = shown("pgd,pgd-l2", common)
    assert [(s["steps"], s["restarts"]) for _, s in found] == [(5, 2), (7, 2)]
    assert shown("pgd-l2[steps=9]", {"pgd": {"steps": 5}})[0][1]["steps"] == 9
    l2 = QUICK.model_copy(update={"evaluators": (Row(name="pgd", settings={"norm": "l2", "steps": 3}),)})
    with pytest.raises(ConfigError, match="settings pgd-l2.steps: preset quick fixes it"):
        built(None, l2, {"pgd-l2": {"steps": 50}})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0.1", [0.1]),
        ("8/255", [8 / 255]),
        ("[8/255]", [8 / 255]),
        ("[4/255, 8/255,0.1]", [4 / 255, 8 / 255, 0.1]),
    ],
)
def test_one_number_is_a_list_of_one_and_a_fraction_is_a_number(written, expected):
    for (fgsm,) in (
        shown(f"fgsm[eps={written}]"),
        shown("fgsm", f"fgsm.eps={written}"),
    ):
        assert fgsm[1]["eps"] == expected
    assert shown(f"pgd[eps={written}]")[0][1]["eps"] == expected
    assert built(None, None, f"fgsm.eps={written}")[1].eps == tuple(expected)


@pytest.mark.parametrize("text", ["data/1/2", "1/0", "a/2", "v1/2", '"8/255"'])
def test_what_only_looks_like_a_fraction_stays_text(text):
    assert parsed(text) == text.strip('"')


def test_without_a_word_the_core_eight_run_with_their_settings():
    evaluators = built(None, None, {"fgsm": {"eps": [0.5]}})
    assert names(evaluators) == list(CORE)
    assert evaluators[1].eps == (0.5,)


def test_a_preset_is_added_to_those_named_and_accuracy_is_always_there():
    assert names(built(None, QUICK, {})) == ["accuracy", "fgsm", "carlini-wagner", "pgd"]
    both = built(("storage,pgd[norm=l2]"), QUICK, {})
    assert names(both) == ["storage", "pgd-l2", "accuracy", "fgsm", "carlini-wagner", "pgd"]
    assert [e.steps for e in both if e.label.startswith("pgd")] == [40, 10]
    bare = QUICK.model_copy(update={"evaluators": QUICK.evaluators[1:2]})
    assert names(built(("storage"), bare, {})) == ["accuracy", "storage", "fgsm"]
    own = built("accuracy[train=false]", bare)
    assert (names(own), own[0].train) == (["accuracy", "fgsm"], False)


def test_what_a_preset_fixes_is_not_changed_in_silence():
    with pytest.raises(ConfigError, match="settings pgd.steps: preset quick fixes it"):
        built(None, QUICK, {"pgd": {"steps": 50}})
    with pytest.raises(ConfigError, match="fgsm and fgsm.* are both recorded as 'fgsm'"):
        built(("fgsm"), QUICK, {})
    free = built(None, QUICK, {"pgd": {"restarts": 2}, "accuracy": {"train": False}})
    assert (free[0].train, free[3].restarts, free[3].steps) == (False, 2, 10)


def test_variants_and_a_preset_reach_the_record(dense, tmp_path):
    options = ["--evaluators", "pgd[norm=l2,steps=2]", "--preset", "quick", "--set", "accuracy.train=false"]
    assert run("evaluate", dense, "--limit", "20", *options, "--out", tmp_path) == 0
    recorded = sr.load_run(tmp_path / "dense-0-0")
    assert list(recorded.outcomes) == ["pgd-l2", "accuracy", "fgsm", "carlini-wagner", "pgd"]
    assert {o.status for o in recorded.outcomes.values()} == {"ok"}
    assert recorded.outcomes["pgd-l2"].settings["steps"] == 2
    assert recorded.outcomes["pgd"].settings["steps"] == 10
    assert recorded.outcomes["accuracy"].settings["train"] is False


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--preset", "quik"], "unknown preset 'quik'; did you mean 'quick'"),
        (["--evaluators", ""], "evaluators is empty"),
        (
            ["--preset", "quick", "--set", "minimum-norm.steps=3"],
            "'minimum-norm' is not in use here; expected accuracy, ",
        ),
        (
            ["--evaluators", "pgd", "--set", "pgd-l2.steps=3"],
            "'pgd-l2' is not in use here; did you mean 'pgd'? expected pgd",
        ),
        (["--evaluators", "pgd-l3"], "unknown evaluator 'pgd-l3'; did you mean 'pgd'"),
        (["--set", "pgd.steps=3"], "'pgd' is not in use here; expected accuracy, fgsm, carlini-wagner"),
    ],
)
def test_wrong_use_is_one_line_before_anything_is_trained(capsys, tmp_path, options, expected):
    assert run("evaluate", *options, "--out", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line
    assert not (tmp_path / "out").exists()


def test_the_dense_model_of_the_same_seed_is_given_to_those_that_carry_over_from_it(tmp_path, monkeypatch):
    given = {}
    real = score.evaluate

    def evaluate(subject, *arguments, dense_model=None, **options):
        given[subject.method, subject.seed] = dense_model
        return real(subject, *arguments, dense_model=dense_model, **options)

    monkeypatch.setattr(score, "evaluate", evaluate)
    options = ["--methods", "random", "--sparsity", "0.5", "--epochs", "0", "--limit", "10"]
    assert run("evaluate", *options, "--evaluators", "accuracy", "--seeds", "0,1", "--out", tmp_path) == 0
    assert given["dense", 0] is given["dense", 1] is None
    for seed in (0, 1):
        dense = given["random", seed]
        assert (dense.method, dense.seed) == ("dense", seed)
    assert given["random", 0] is not given["random", 1]

    given.clear()
    saved = [tmp_path / name / "model.sparse" for name in ("random-0.5-1", "dense-0-1", "random-0.5-0")]
    assert (
        run("evaluate", *saved, "--limit", "10", "--evaluators", "accuracy", "--out", tmp_path / "again") == 0
    )
    assert given["random", 1].seed == 1
    assert given["random", 0] is None
