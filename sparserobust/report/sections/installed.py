"""The sections that are installed, and why others cannot be shown: nothing that is broken hurts the rest."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sparserobust.errors import PluginError
from sparserobust.registry import sections
from sparserobust.report.sections.section import Section

OURS = "sparserobust"
LONGEST = 240  # characters of a reason
_ANCHOR = re.compile(r"[a-z][a-z0-9-]*")
_OF_THE_PAGE = ("table",)
"""Anchors of what is no section."""


@dataclass(frozen=True)
class Installed:
    """A section and the distribution that it came with."""

    section: Section
    distribution: str


@dataclass(frozen=True)
class NotShown:
    """A section that could not be shown, and why, in one line."""

    id: str
    distribution: str
    reason: str


def not_shown(name: str, distribution: str, error: BaseException) -> NotShown:
    """The section as one that could not be shown because of this error."""
    kind = "" if isinstance(error, PluginError) else f"{type(error).__name__}: "
    text = " ".join(f"{kind}{error}".split())
    return NotShown(name, distribution, text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…")


def installed() -> tuple[list[Installed], list[NotShown]]:
    """All sections in the order of the page, and those that fail to import, are none, or have a name that is taken.

    A name of ours stays ours; of others that share one none is shown.

    Raises:
        PluginError: there is none at all, not even of ours.
    """
    found: list[Installed] = []
    failed: list[NotShown] = []
    for name in sections.names():
        declared = sections.declared(name)
        owners = [distribution for distribution, _ in declared]
        for distribution, entry in declared:
            try:
                if len(owners) > 1 and (distribution != OURS or owners.count(OURS) > 1):
                    others = " and ".join(other for other in owners if other != distribution) or distribution
                    raise PluginError(f"its id {name!r} is taken by {others}; rename one of them")
                found.append(Installed(_checked(entry.load(), name)(), distribution))
            except (Exception, SystemExit) as error:
                failed.append(not_shown(name, distribution, error))
    if not found and not failed:
        raise PluginError(
            f"expected the report's sections among the entry points {sections.group!r}, got none; install {OURS} again"
        )
    return sorted(found, key=lambda own: (own.section.place, own.section.id)), failed


def _checked(found: Any, name: str) -> type[Section]:
    """The class, if it is a section under this name.

    Raises:
        PluginError: it is not.
    """
    if not (isinstance(found, type) and issubclass(found, Section)):
        raise PluginError(
            f"expected a class derived from sparserobust.report.Section, got {_named(found)}; derive it"
        )
    own = getattr(found, "id", None)
    if own != name:
        raise PluginError(
            f"expected id {name!r}, the name of its entry point, got {own!r}; let both be alike"
        )
    if not _ANCHOR.fullmatch(name) or name in _OF_THE_PAGE:
        raise PluginError(f"id must be lower-case letters, digits and hyphens, and not 'table', got {name!r}")
    if not isinstance(title := getattr(found, "title", None), str):
        raise PluginError(f"title must be text, got {title!r}; give the section's short name")
    if isinstance(found.place, bool) or not isinstance(found.place, int | float) or not isfinite(found.place):
        raise PluginError(f"place must be a number, got {found.place!r}; ours stand from 10 to 140")
    for fact in ("shows", "needs"):
        if not _names(getattr(found, fact)):
            raise PluginError(f"{fact} must be a set of names, got {getattr(found, fact)!r}")
    return found


def _named(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"{type(found).__name__} {found!r}"


def _names(value: Any) -> bool:
    if isinstance(value, str) or not isinstance(value, Collection):
        return False
    return all(isinstance(name, str) for name in value)
