"""What needs no computing is answered at once, without torch: `list`, and a name that is mistyped."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from sparserobust import registry
from sparserobust.cli.main import main
from sparserobust.errors import PluginError, SparseRobustError
from sparserobust.experiment.grammar import variant
from sparserobust.experiment.names import check_names

PROBE = """
import json, resource, sys
from sparserobust.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as done:
    used = resource.getrusage(resource.RUSAGE_SELF)
    heavy = sorted({"torch", "numpy", "matplotlib", "jinja2"} & set(sys.modules))
    print(json.dumps([done.code, used.ru_utime + used.ru_stime, heavy]))
"""


def probed(*arguments):
    """(exit status, CPU seconds of the whole process, heavy modules that were imported, what was written)."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *shown, last = done.stdout.splitlines()
    return *json.loads(last), "\n".join(shown) + done.stderr


def answered_at_once(*arguments):
    """(exit status, what was written), after a check of time and modules."""
    tries = [probed(*arguments) for _ in range(2)]
    code, _, heavy, text = tries[0]
    assert heavy == []
    assert min(seconds for _, seconds, _, _ in tries) < 0.5
    return code, text


def test_list_takes_less_than_half_a_second_of_cpu_and_no_torch():
    code, text = answered_at_once("list")
    assert code == 0
    lines = text.splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    for plugins in (registry.methods, registry.evaluators, registry.models, registry.data):
        assert set(plugins.names()) < set(names)
    (line,) = [line for line in lines if line.startswith("  lenet5-caffe ")]
    assert line.split(maxsplit=1)[1].startswith("LeNet-5-Caffe: two 5x5 convolutions without padding")
    assert "  quick               A first look" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--methods", "dense,snpi"],
            "unknown method 'snpi'; did you mean 'snip'? `sparserobust list methods`",
        ),
        (["--methods", "snpi[offset=dct]"], "unknown method 'snpi'; did you mean 'snip'?"),
        (
            ["--evaluators", "accuracy,fsgm"],
            "unknown evaluator 'fsgm'; did you mean 'fgsm'? `sparserobust list evaluators`",
        ),
        (
            ["--model", "torchvison:resnet18"],
            "there is no module 'torchvison'; did you mean 'torchvision:resnet18'?",
        ),
        (["--model", "lenet5-cafe"], "unknown model 'lenet5-cafe'; did you mean 'lenet5-caffe'?"),
        (["--data", "mnits"], "unknown data set 'mnits'; did you mean 'mnist'? `sparserobust list data`"),
        (["--data", "floder:somewhere"], "unknown data set 'floder'; did you mean 'folder'?"),
        (
            ["--recipe", "freezenet-mnits"],
            "unknown recipe 'freezenet-mnits'; did you mean 'freezenet-mnist'?",
        ),
        (["--preset", "quik"], "unknown preset 'quik'; did you mean 'quick'?"),
    ],
)
def test_a_mistyped_name_takes_less_than_half_a_second_of_cpu_and_no_torch(options, expected):
    code, text = answered_at_once("evaluate", *options)
    assert code == 2
    assert text.count("\n") == 1
    assert expected in text


def test_the_help_of_evaluate_needs_no_torch():
    code, text = answered_at_once("evaluate", "--help")
    assert code == 0
    assert "--sparsity" in text


def test_a_mistyped_name_to_describe_needs_no_torch():
    code, text = answered_at_once("describe", "fgms")
    assert code == 2
    assert "nothing is called 'fgms'; did you mean 'fgsm'?" in text


def test_the_check_says_what_the_use_of_the_name_would_say():
    import sparserobust as sr

    cases = {
        lambda: check_names(data_name="mnits"): lambda: sr.load_data("mnits"),
        lambda: check_names(data_name="digits", model="lenet"): lambda: sr.create_model(
            "lenet", input_shape=(1, 28, 28), num_classes=10
        ),
        lambda: check_names(data_name="digits", named_evaluators=[variant("fgms", "evaluators")]): lambda: (
            sr.evaluate(
                sr.create_model("mlp5", input_shape=(1, 8, 8), num_classes=10),
                sr.load_data("digits"),
                ["fgms"],
            )
        ),
        lambda: check_names(data_name="digits", recipe="snip"): lambda: sr.training.load_recipe("snip"),
        lambda: check_names(data_name="digits", preset="quik"): lambda: sr.load_preset("quik"),
    }
    for check, use in cases.items():
        with pytest.raises(SparseRobustError) as early:
            check()
        with pytest.raises(type(early.value)) as late:
            use()
        assert str(early.value) == str(late.value)


@pytest.mark.parametrize("name", ["pgd-l2", "minimum-norm-linf", "pgd-l3"])
def test_a_name_that_only_an_evaluator_can_tell_is_left_to_it(name):
    check_names(data_name="digits", named_evaluators=[variant(name, "evaluators")])


def test_names_with_a_place_or_of_torchvision_are_left_to_their_use():
    check_names(
        data_name="mnist:/somewhere",
        model="timm:resnet18",
        named_methods=[variant("snip", "methods")],
    )


def test_a_name_that_two_packages_define_is_refused_before_anything_is_imported(monkeypatch):
    twice = [EntryPoint("same", value, "sparserobust.models") for value in ("one.nets:f", "two.nets:f")]
    monkeypatch.setattr(registry, "entry_points", lambda group: twice)
    with pytest.raises(PluginError, match="model 'same' is defined twice, by one.nets:f .* and two.nets:f"):
        check_names(data_name="digits", model="same")


def listed(capsys, kind):
    """(exit status, the lines of `list KIND`)."""
    with pytest.raises(SystemExit) as caught:
        main(["list", kind])
    return caught.value.code, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("no.such.module:Thing", "ModuleNotFoundError: No module named 'no'"),
        ("json.nothing:Thing", "ModuleNotFoundError: No module named 'json.nothing'"),
        ("json:Nothing", "AttributeError: module 'json' has no attribute 'Nothing'"),
        ("listed_syntax_error:Thing", "SyntaxError: '(' was never closed (listed_syntax_error.py, line 1)"),
    ],
)
@pytest.mark.parametrize("kind", ["methods", "evaluators", "models", "data", "sections"])
def test_a_plugin_that_cannot_be_found_is_told_in_a_line_and_the_others_are_listed(
    capsys, monkeypatch, tmp_path, kind, value, cause
):
    (tmp_path / "listed_syntax_error.py").write_text("Thing = (\n")
    monkeypatch.syspath_prepend(tmp_path)
    entries = [EntryPoint("broken", value, kind), EntryPoint("well", "json:loads", kind)]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    code, lines = listed(capsys, kind)
    one = getattr(registry, kind).one
    assert code == 1
    broken = f"{one} 'broken' from an unnamed distribution ({value}) failed to load: {cause}"
    assert lines[0].split(maxsplit=1) == ["broken", f"cannot be loaded: {broken}"]
    assert lines[1].split(maxsplit=2)[:2] == ["well", "Deserialize"]


def test_a_plugin_that_fails_only_on_its_import_is_listed_and_described_as_broken(
    capsys, monkeypatch, tmp_path
):
    text = 'raise ZeroDivisionError("on purpose")\n\ndef data(root):\n    """Listed all the same."""\n'
    (tmp_path / "listed_raises.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [EntryPoint("theirs", "listed_raises:data", group)]
    )
    assert listed(capsys, "data") == (0, ["  theirs  Listed all the same."])
    with pytest.raises(SystemExit) as caught:
        main(["describe", "theirs"])
    assert caught.value.code == 2
    assert "failed to load: ZeroDivisionError: on purpose" in capsys.readouterr().err
