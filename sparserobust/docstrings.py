"""What is written about a class or function; its first line is read from its source file, and nothing is imported."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name
from pathlib import Path
from pkgutil import get_importer

DYNAMIC = {"exec", "globals", "setattr", "vars"}
"""A module that calls one of these may define names that cannot be seen in it."""


def first_line(module: str, attribute: str) -> str:
    """The first line of the docstring of `module:attribute`, "" where none can be read.

    Re-exports (`from x import y as z`) and plain aliases (`z = y`) are followed.

    Args:
        module: dotted; neither it nor a package that it is in is imported.
        attribute: dotted where it stands in a class, "" for the module itself.

    Raises:
        ModuleNotFoundError, SyntaxError, AttributeError: what an import is bound to raise too.
    """
    return _docstring(module, attribute, frozenset()).partition("\n")[0]


def documented_attributes(cls: type) -> dict[str, str]:
    """Attribute -> its text in the "Attributes:" sections of the class and what it derives from."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        _, _, section = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")
        for entry in re.split(r"\n(?=    \w)", section.partition("\n\n")[0]):
            name, colon, text = entry.strip().partition(":")
            if colon:
                found[name] = " ".join(text.split())
    return found


def find_spec(module: str) -> ModuleSpec:
    """Where a module is; `importlib.util.find_spec` would import the packages that it is in.

    Raises:
        ModuleNotFoundError: nowhere.
    """
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        spec = _found(name, path) if end == 1 or path is not None else None
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        locations = spec.submodule_search_locations
        path = None if locations is None else list(locations)
    assert spec is not None
    return spec


def _found(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """The first answer of the finders that an import would ask, in their order."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except KeyError:  # Python asks for the imported parent of a namespace package inside another
            spec = _portions(name, path or ())
        if spec is not None:
            return spec
    return None


def _portions(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """The namespace package of the folders of that name."""
    spec = ModuleSpec(name, None, is_package=True)
    for place in path:
        part = getattr(get_importer(place), "find_spec", lambda _: None)(name)
        if part is not None and part.loader is None:
            spec.submodule_search_locations = [
                *(spec.submodule_search_locations or ()),
                *(part.submodule_search_locations or ()),
            ]
    return spec if spec.submodule_search_locations else None


def _docstring(module: str, attribute: str, seen: frozenset[tuple[str, str]]) -> str:
    """The whole docstring; `seen` are the names on the way here, for circles of re-exports."""
    spec = find_spec(module)
    tree = _parsed(spec)
    if tree is None or (module, attribute) in seen:
        return ""
    if not attribute:
        return ast.get_docstring(tree) or ""
    return _in_module(tree, spec, attribute, seen | {(module, attribute)})


def _parsed(spec: ModuleSpec) -> ast.Module | None:
    """The source as a tree; None without one: an extension, a namespace, what is kept elsewhere than in files."""
    if not spec.has_location or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        return _tree(spec.origin, Path(spec.origin).stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=64)
def _tree(file: str, _mtime: int) -> ast.Module:
    return ast.parse(Path(file).read_bytes(), filename=file)


def _in_module(tree: ast.Module, spec: ModuleSpec, attribute: str, seen: frozenset[tuple[str, str]]) -> str:
    name, _, inner = attribute.partition(".")
    bound = list(_bindings(tree.body, name))
    problem: Exception | None = None
    for node in reversed(bound):  # the last one counts, but for what stands in branches
        try:
            if text := _of_binding(node, name, inner, spec, seen):
                return text
        except (ImportError, AttributeError) as error:
            problem = problem or error
    if problem is not None and len(bound) == 1 and bound[0] in tree.body:
        raise problem
    if bound or _may_bind_more(tree):
        return ""
    if spec.submodule_search_locations is not None and _found(
        f"{spec.name}.{name}", spec.submodule_search_locations
    ):
        return _docstring(f"{spec.name}.{name}", inner, seen)
    raise AttributeError(f"module {spec.name!r} has no attribute {name!r}")


def _bindings(body: Sequence[ast.stmt], name: str) -> Iterator[ast.stmt]:
    """The statements that bind a name in a module or class, in branches too, but not in functions."""
    for node in body:
        if _binds(node, name):
            yield node
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from _bindings(part.body, name)
            for part in ("body", "orelse", "finalbody"):
                yield from _bindings(getattr(node, part, ()), name)


def _binds(node: ast.stmt, name: str) -> bool:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return node.name == name
        case ast.Import() | ast.ImportFrom():
            return any((alias.asname or alias.name.partition(".")[0]) == name for alias in node.names)
        case _:
            stored = (
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )
            return name in stored


def _of_binding(
    node: ast.stmt, name: str, inner: str, spec: ModuleSpec, seen: frozenset[tuple[str, str]]
) -> str:
    """The docstring of what the statement binds the name to."""
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if not inner:
            return ast.get_docstring(node) or ""
        case ast.ClassDef():
            first, _, rest = inner.partition(".")
            found = [_of_binding(part, first, rest, spec, seen) for part in _bindings(node.body, first)]
            return next(filter(None, reversed(found)), "")
        case ast.Assign(value=ast.Name(id=other)) | ast.AnnAssign(value=ast.Name(id=other)):
            attribute = f"{other}.{inner}" if inner else other
            return _docstring(spec.name, attribute, seen) if other != name else ""
        case ast.ImportFrom():
            original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
            source = resolve_name("." * node.level + (node.module or ""), spec.parent)
            return _docstring(source, f"{original}.{inner}" if inner else original, seen)
        case ast.Import():
            alias = next(a for a in node.names if (a.asname or a.name.partition(".")[0]) == name)
            return _docstring(alias.name if alias.asname else name, inner, seen)
        case _:
            return ""


def _may_bind_more(tree: ast.Module) -> bool:
    """Whether the module can have names that no statement shows: by `import *`, `__getattr__` or a call."""
    if any(_bindings(tree.body, "__getattr__")):
        return True
    return any(
        (isinstance(node, ast.ImportFrom) and node.names[0].name == "*")
        or (isinstance(node, ast.Name) and node.id in DYNAMIC)
        for node in ast.walk(tree)
    )
