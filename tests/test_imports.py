"""Imports run downwards: between files there is no circle, not even for types or inside functions."""

from __future__ import annotations

from collections.abc import Mapping

import grimp
import pytest

PACKAGES = ("sparserobust", "evaluators")


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """The sets of two or more files each of which reaches every other (Tarjan's algorithm), sorted.

    Args:
        imports: file -> files that it imports.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(file: str) -> None:
        number[file] = lowest[file] = len(number)
        stack.append(file)
        for other in sorted(imports.get(file, ())):
            if other not in number:
                visit(other)
                lowest[file] = min(lowest[file], lowest[other])
            elif other in stack:
                lowest[file] = min(lowest[file], number[other])
        if lowest[file] == number[file]:
            place = stack.index(file)
            found.append(sorted(stack[place:]))
            del stack[place:]

    for file in sorted(imports):
        if file not in number:
            visit(file)
    return sorted(circle for circle in found if len(circle) > 1)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}, "e": {"a"}}, [["b", "c", "d"]]),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_the_search_finds_every_circle(imports: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert circles(imports) == expected


def test_no_circle_of_files_is_there() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    imports = {file: graph.find_modules_directly_imported_by(file) & graph.modules for file in graph.modules}
    assert len(imports) > 200
    assert "sparserobust.scoring.run" in imports["sparserobust.scoring.evaluator"]
    assert circles(imports) == []
