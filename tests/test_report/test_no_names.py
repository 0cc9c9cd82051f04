"""The report knows no method, evaluator, network or data set by name, but for the section that owns an evaluator."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sparserobust
from sparserobust.data import list_data
from sparserobust.models import list_models
from sparserobust.presets import list_presets
from sparserobust.registry import evaluators, methods
from sparserobust.report.text.remarks import CODES
from sparserobust.scoring.named import build_evaluator

PACKAGE = Path(sparserobust.__file__).parent
REPORT = PACKAGE / "report"
ANALYSIS = PACKAGE / "analysis"


def registered() -> set[str]:
    """Every name that a plugin of ours is known by, those under which an evaluator is recorded among them."""
    recorded = {
        build_evaluator(name, settings).label
        for name in evaluators.names()
        for settings in ({}, {"norm": "l2"}, {"norm": "linf"})
        if not settings or "norm" in build_evaluator(name).resolved()
    }
    return {*methods.names(), *recorded, *list_models(), *list_data(), *list_presets()} - {"dense"}


def constants(file: Path) -> list[tuple[int, str]]:
    """(line, text) of every string constant that is no docstring."""
    tree = ast.parse(file.read_text("utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    ]


def owned(file: Path) -> set[str]:
    """The evaluator that a section is about: the one that it is named like, or that it says it is about."""
    if file.parent.name != "sections":
        return set()
    return {
        file.stem.replace("_", "-"),
        *(text for _, text in constants(file) if text in OWNERS.get(file.stem, ())),
    }


OWNERS = {"audit": ("gradient-masking",)}
"""Sections whose evaluator has another name than the file."""


@pytest.mark.parametrize("folder", [REPORT, ANALYSIS], ids=["report", "analysis"])
def test_no_string_is_a_registered_name(folder: Path) -> None:
    names = registered()
    assert {"fgsm", "pgd-l2", "snip", "mlp5", "mnist"} <= names
    found = [
        f"{file.relative_to(PACKAGE)}:{line}: {text!r}"
        for file in sorted(folder.rglob("*.py"))
        for line, text in constants(file)
        if text in names - owned(file)
    ]
    assert found == []


def test_the_analysis_holds_no_sentence() -> None:
    """Strings with a space are English, or an error for the user, which is raised where it stands."""
    found = []
    for file in sorted(ANALYSIS.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        errors = {id(own) for node in ast.walk(tree) if isinstance(node, ast.Raise) for own in ast.walk(node)}
        spoken = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) in errors
        }
        found += [
            f"{file.name}:{line}: {text!r}"
            for line, text in constants(file)
            if " " in text and text not in spoken
        ]
    assert found == []


def codes(file: Path) -> list[tuple[str, str]]:
    """(file, code) of every remark that is made by `remark("code", ...)`."""
    return [
        (file.name, str(node.args[0].value))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "remark"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]


def test_every_code_that_is_recorded_or_found_has_a_sentence() -> None:
    files = [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "evaluators").glob("*.py")]
    made = {code: name for file in files for name, code in codes(file)}
    assert len(made) > 40
    assert {code: name for code, name in made.items() if code not in CODES} == {}


def test_no_sentence_is_of_a_code_that_nobody_makes() -> None:
    """Codes that are made from a variable or a constant are named in the file that makes them."""
    texts = {
        text
        for file in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "evaluators").glob("*.py")]
        if "report" not in file.parts
        for _, text in constants(file)
    }
    assert sorted(CODES - texts) == []
