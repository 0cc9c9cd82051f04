"""Docstrings are read from source files: nothing is imported, and what an import is bound to raise is raised."""

from __future__ import annotations

import inspect
import sys
import textwrap

import pytest

from sparserobust import registry
from sparserobust.docstrings import find_spec, first_line

FILES = {
    "told/__init__.py": "raise SystemExit('a package was imported')",
    "told/plain.py": '''
        raise SystemExit("a module was imported")

        class Plain:
            """  A class.

            More of it.
            """

            class Inner:
                """Inside."""

        def function():
            """A function."""

        @decorated
        async def waits():
            """It waits."""

        alias = Plain
        bare = object()
        class Bare(Plain): ...
    ''',
    "told/again.py": """
        from told.plain import Plain as Renamed, missing
        from .plain import function
        from . import plain
        from .deeper import Deep
        import told.plain as whole
        import no.such.thing as gone
    """,
    "told/deeper/__init__.py": "from ..plain import Plain as Deep",
    "told/branches.py": '''
        try:
            from no_such_module import Fast as Best
        except ImportError:
            from told.plain import Plain as Best
        if True:
            class Either:
                """The first."""
        else:
            Either = None
        with open("x") as handle, suppress() as managed:
            pass
        for looped in ():
            pass
        try:
            from no_such_module import Lonely
        except ImportError:
            pass
    ''',
    "told/starred.py": "from told.plain import *",
    "told/lazy.py": "__getattr__, __dir__, __all__ = attach(__name__)",
    "told/dynamic.py": "globals()['Made'] = type('Made', (), {})",
    "told/circle.py": "from told.circle import Circle\nfrom told.other_circle import Round",
    "told/other_circle.py": "from told.circle import Round",
    "told/broken.py": "class Broken(:",
    "told/documented.py": '"""A module."""',
    "outer/inner/leaf.py": 'class Leaf:\n    """In a namespace inside another."""',
}


@pytest.fixture(autouse=True)
def told(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    assert not {name for name in set(sys.modules) - before if name.startswith(("told", "outer"))}


@pytest.mark.parametrize(
    ("module", "attribute", "line"),
    [
        ("told.plain", "Plain", "A class."),
        ("told.plain", "Plain.Inner", "Inside."),
        ("told.plain", "function", "A function."),
        ("told.plain", "waits", "It waits."),
        ("told.plain", "alias", "A class."),
        ("told.plain", "alias.Inner", "Inside."),
        ("told.plain", "bare", ""),
        ("told.plain", "Bare", ""),
        ("told.again", "Renamed", "A class."),
        ("told.again", "Renamed.Inner", "Inside."),
        ("told.again", "function", "A function."),
        ("told.again", "plain.Plain", "A class."),
        ("told.again", "Deep", "A class."),
        ("told.again", "whole.function", "A function."),
        ("told", "plain.Plain", "A class."),
        ("told.branches", "Best", "A class."),
        ("told.branches", "Either", "The first."),
        ("told.branches", "handle", ""),
        ("told.branches", "managed", ""),
        ("told.branches", "looped", ""),
        ("told.branches", "Lonely", ""),
        ("told.starred", "Plain", ""),
        ("told.lazy", "Anything", ""),
        ("told.dynamic", "Made", ""),
        ("told.circle", "Circle", ""),
        ("told.circle", "Round", ""),
        ("told.documented", "", "A module."),
        ("outer.inner.leaf", "Leaf", "In a namespace inside another."),
        ("math", "sqrt", ""),
    ],
)
def test_the_first_line_is_read_without_an_import(module, attribute, line):
    assert first_line(module, attribute) == line


@pytest.mark.parametrize(
    ("module", "attribute", "error", "text"),
    [
        ("told.missing", "X", ModuleNotFoundError, "No module named 'told.missing'"),
        ("no_such_package.deep.down", "X", ModuleNotFoundError, "No module named 'no_such_package'"),
        ("told.plain.below", "X", ModuleNotFoundError, "No module named 'told.plain.below'"),
        ("outer.inner.missing", "X", ModuleNotFoundError, "No module named 'outer.inner.missing'"),
        ("told.plain", "Missing", AttributeError, "module 'told.plain' has no attribute 'Missing'"),
        ("told.again", "missing", AttributeError, "module 'told.plain' has no attribute 'missing'"),
        ("told.again", "gone", ModuleNotFoundError, "No module named 'no'"),
        ("told.broken", "Broken", SyntaxError, "invalid syntax"),
    ],
)
def test_what_an_import_is_bound_to_raise_is_raised(module, attribute, error, text):
    with pytest.raises(error, match=text):
        first_line(module, attribute)


def test_a_module_is_found_where_an_import_finds_it():
    import importlib.util

    for module in ("json", "json.decoder", "email.mime.text", "sparserobust.records.run", "math"):
        ours, theirs = find_spec(module), importlib.util.find_spec(module)
        assert (ours.origin, ours.parent) == (theirs.origin, theirs.parent)


@pytest.mark.parametrize(
    "plugins",
    [registry.methods, registry.evaluators, registry.models, registry.data, registry.sections],
    ids=lambda plugins: plugins.many,
)
def test_the_line_of_every_built_in_is_that_of_what_is_imported(plugins):
    for name, line in plugins.about_all().items():
        assert line, name
        assert line == plugins.about(name) == inspect.getdoc(plugins.load(name)).partition("\n")[0]
