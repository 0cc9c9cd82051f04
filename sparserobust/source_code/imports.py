"""Which modules a source text may import, read off its syntax: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def imported_names(source: bytes, package: str) -> set[str]:
    """Full names of all that a text imports, inside functions too; some may be no modules but what is in them.

    What is imported for a type checker alone is left out. Text that is no Python imports nothing.

    Args:
        source: of a module.
        package: that it is in, "" where it is in none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    found: set[str] = set()
    for statement in _statements(tree):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                found |= set(_with_parents(alias.name))
        elif isinstance(statement, ast.ImportFrom):
            base = _absolute(statement.module or "", statement.level, package)
            found |= {base, *(f"{base}.{alias.name}" for alias in statement.names if alias.name != "*")}
    return found


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for block in BLOCKS:
        if block == "body" and isinstance(node, ast.If) and _is_type_checking(node.test):
            continue
        children = getattr(node, block, [])
        for child in children if isinstance(children, list) else ():
            yield child
            yield from _statements(child)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _with_parents(name: str) -> Iterator[str]:
    """ "a", "a.b" and "a.b.c" for "a.b.c"."""
    parts = name.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _absolute(name: str, level: int, package: str) -> str:
    if level == 0:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])
