"""Plugins by name: found without importing, loaded when used, and a broken one hurts nobody else."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

import sparserobust as sr
from evaluators import Accuracy
from sparserobust import registry
from sparserobust.errors import ConfigError, PluginError
from sparserobust.registry import Registry
from sparserobust.scoring.named import default_names


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "test.plugins")


@pytest.fixture
def plugins(monkeypatch):
    def install(*entries: EntryPoint) -> Registry:
        monkeypatch.setattr(
            registry, "entry_points", lambda group: entries if group == "test.plugins" else ()
        )
        return Registry("test.plugins", "method")

    return install


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_listing_imports_nothing(plugins):
    found = plugins(entry("ok", "json:loads"), entry("broken", "no.such.module:Thing"))
    assert found.names() == ["ok", "broken"]


def test_a_plugin_is_loaded_by_name(plugins):
    import json

    assert (
        plugins(entry("ok", "json:loads"), entry("broken", "no.such.module:Thing")).load("ok") is json.loads
    )


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("no.such.module:Thing", "ModuleNotFoundError: No module named 'no'"),
        ("json:no_such_name", "AttributeError"),
    ],
)
def test_a_broken_plugin_is_named_when_it_is_used(plugins, value, cause):
    found = plugins(entry("ok", "json:loads"), entry("broken", value))
    with pytest.raises(PluginError, match=f"method 'broken' from .* \\({value}\\) failed to load: {cause}"):
        found.load("broken")


def test_a_plugin_that_raises_anything_on_import_is_named(plugins, tmp_path, monkeypatch):
    (tmp_path / "raises_on_import.py").write_text("raise ZeroDivisionError('on purpose')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="method 'bad' .* failed to load: ZeroDivisionError: on purpose"):
        plugins(entry("bad", "raises_on_import:X")).load("bad")


def test_one_name_twice_is_an_error_for_that_name_alone(plugins):
    found = plugins(entry("same", "json:loads"), entry("same", "json:dumps"), entry("other", "json:dump"))
    assert found.names() == ["same", "other"]
    found.load("other")
    with pytest.raises(
        PluginError,
        match=r"method 'same' is defined twice, by json:loads .* and json:dumps .*; uninstall or rename one",
    ):
        found.load("same")


def test_one_installation_seen_twice_is_no_clash(plugins):
    import json

    assert plugins(entry("same", "json:loads"), entry("same", "json:loads")).load("same") is json.loads


def test_an_unknown_name_is_answered_with_the_closest(plugins):
    found = plugins(entry("snip", "json:loads"), entry("dctps", "json:loads"))
    with pytest.raises(
        PluginError,
        match=r"unknown method 'snipp'; did you mean 'snip'\? `sparserobust list methods` shows all 2",
    ):
        found.load("snipp")
    with pytest.raises(PluginError, match=r"unknown method 'zzz'; `sparserobust list methods` shows all 2"):
        found.load("zzz")


def test_a_broken_evaluator_fails_alone_when_all_that_are_installed_run(monkeypatch, make_network, problem):
    accuracy = EntryPoint("accuracy", "evaluators.accuracy:Accuracy", "sparserobust.evaluators")
    broken = EntryPoint("theirs", "no.such.module:Theirs", "sparserobust.evaluators")
    monkeypatch.setattr(registry, "entry_points", lambda group: (broken, accuracy))
    run = sr.evaluate(make_network("conv"), problem(8))
    assert run.outcomes["accuracy"].status == "ok"
    assert run.outcomes["theirs"].status == "failed"
    assert "no.such.module" in run.outcomes["theirs"].reason.facts["message"]


def test_what_runs_when_nothing_is_said_is_the_core_eight_and_what_other_packages_bring(
    monkeypatch,
):
    """Our own other attacks take minutes and are run when they are named."""
    core = [
        "accuracy",
        "fgsm",
        "carlini-wagner",
        "saliency",
        "connectivity",
        "gradient-norm",
        "flops",
        "storage",
    ]
    assert default_names() == core
    found = registry.entry_points(group="sparserobust.evaluators")
    theirs = EntryPoint("theirs", "evaluators.storage:Storage", "sparserobust.evaluators")
    theirs = theirs._for(SimpleNamespace(name="their-package"))
    monkeypatch.setattr(registry, "entry_points", lambda group: (theirs, *found))
    assert default_names() == [*core, "theirs"]
    assert {"pgd", "minimum-norm"} < set(sr.list_evaluators())


def test_one_name_or_instance_is_enough(make_network, problem):
    model, data = make_network("conv"), problem(8)
    assert list(sr.evaluate(model, data, "accuracy").outcomes) == ["accuracy"]
    assert list(sr.evaluate(model, data, Accuracy()).outcomes) == ["accuracy"]
    assert list(sr.evaluate(model, data, (e for e in ("storage", Accuracy()))).outcomes) == [
        "storage",
        "accuracy",
    ]


@pytest.mark.parametrize(
    ("evaluators", "text"),
    [
        ([], "name at least one evaluator"),
        (Accuracy, r"must be a name or an instance, got the class Accuracy; did you mean Accuracy\(\)\?"),
        ([["accuracy"]], r"must be a name or an instance, got \['accuracy'\]"),
        (5, "must be a name or an instance, got 5"),
        ({"fgsm": {"eps": [0.1]}}, r"settings go into an instance, FGSM\(eps=\[0.1\]\)"),
    ],
)
def test_what_is_no_evaluator_is_one_clear_line(make_network, problem, evaluators, text):
    with pytest.raises(ConfigError, match=text):
        sr.evaluate(make_network("conv"), problem(8), evaluators)


def test_a_method_that_is_no_text_is_one_clear_line(make_network):
    with pytest.raises(PluginError, match=r"methods are named by text, got \['snip'\]"):
        sr.sparsify(make_network("conv"), ["snip"], 0.5)


def test_a_broken_evaluator_asked_for_by_name_is_an_error(monkeypatch, make_network, problem):
    broken = EntryPoint("theirs", "no.such.module:Theirs", "sparserobust.evaluators")
    monkeypatch.setattr(registry, "entry_points", lambda group: (broken,))
    with pytest.raises(PluginError, match="evaluator 'theirs' .* failed to load"):
        sr.evaluate(make_network("conv"), problem(8), ["theirs"])


def test_every_built_in_plugin_loads_and_bears_its_name():
    for found in (registry.methods, registry.evaluators):
        for name in found.names():
            assert found.load(name).name == name


def test_importing_the_library_loads_no_torch():
    out = python(
        """
        import sys
        import sparserobust
        import sparserobust.records, sparserobust.stats, sparserobust.registry
        sparserobust.Run, sparserobust.load_run, sparserobust.__version__, dir(sparserobust)
        heavy = ("torch", "torchvision", "foolbox", "sklearn", "matplotlib", "pandas")
        print(sorted(m for m in heavy if m in sys.modules))
        """
    )
    assert out.strip() == "[]"


def test_every_public_name_is_the_same_object_twice_whatever_was_imported_between():
    """A submodule of the same name would take its place after an import (sr.evaluate would become the module)."""
    out = python(
        """
        import importlib.util, inspect, pkgutil
        import sparserobust as sr
        first = {name: getattr(sr, name) for name in sr.__all__}
        extra = "sparserobust.lightning"  # needs what may not be installed
        for module in pkgutil.walk_packages(sr.__path__, "sparserobust."):
            if module.name != extra or importlib.util.find_spec("lightning"):
                importlib.import_module(module.name)
        for name, thing in first.items():
            assert getattr(sr, name) is thing, name
            assert not inspect.ismodule(thing), name
            assert thing.__name__ == name, name
        print(len(first))
        """
    )
    assert int(out) == len(sr.__all__) >= 18


def test_a_name_that_is_not_public_is_refused_by_name():
    with pytest.raises(AttributeError, match="No sparserobust attribute evalute"):
        sr.evalute  # noqa: B018
    assert set(sr.__all__) <= set(dir(sr))
