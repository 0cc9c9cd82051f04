"""What a section of the report is: an anchor, a title, what it shows of the findings, and a template beside it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from sparserobust.analysis.findings import Findings


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        id: its anchor, and the name of its template `sections/<id>.j2`, which finds the part as `part`.
        place: where it stands on the page, by tens, so that another one fits in between.
        title: its short name in the navigation; a function of the part where it depends on it.
        build: what it shows, None where the records have nothing for it.
    """

    id: str
    place: int
    title: str | Callable[[Any], str]
    build: Callable[[Findings], Any]

    def heading(self, part: Any) -> str:
        """The short name, for this part."""
        return self.title if isinstance(self.title, str) else self.title(part)


@cache
def all_sections() -> tuple[Section, ...]:
    """Every section of this package, in the order of the page."""
    package = __name__.rpartition(".")[0]
    modules = [
        import_module(f"{package}.{found.name}")
        for found in pkgutil.iter_modules(import_module(package).__path__)
    ]
    own = [module.SECTION for module in modules if isinstance(getattr(module, "SECTION", None), Section)]
    return tuple(sorted(own, key=lambda section: section.place))
