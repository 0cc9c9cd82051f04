"""`from evaluators import ...`: the names follow from the entry points, for type checkers too."""

from __future__ import annotations

import ast
from pathlib import Path

import evaluators
from sparserobust import registry


def declared() -> set[tuple[str, str]]:
    """(module, class) of every evaluator of ours by its entry point."""
    found = registry.entry_points(group="sparserobust.evaluators")
    return {(entry.module, entry.attr) for entry in found if entry.value.startswith("evaluators.")}


def test_every_evaluator_of_ours_can_be_imported_by_its_class():
    assert sorted(evaluators.__all__) == sorted(name for _, name in declared())
    for name in registry.evaluators.names():
        plugin = registry.evaluators.load(name)
        if plugin.__module__.startswith("evaluators."):
            assert getattr(evaluators, plugin.__name__) is plugin


def test_the_stub_has_exactly_these_names_in_their_order():
    stub = ast.parse(Path(evaluators.__file__).with_suffix(".pyi").read_text("utf-8"))
    listed = [
        (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname  # a plain import is not seen outside a stub
    ]
    assert listed == sorted(declared())
    assert len(listed) == len(stub.body)


def test_every_file_is_an_evaluator():
    folder = Path(evaluators.__file__).parent
    files = {f"evaluators.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"}
    assert files == {module for module, _ in declared()}
