"""Records of earlier versions, brought to the present one when they are read.

Built-in names and old prose are known here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sparserobust.records.base import SCHEMA_VERSION
from sparserobust.records.migrations import version1, version2

Raw = dict[str, Any]

OLDEST = 1
"""The oldest schema version that can be read."""
RUNS: Mapping[int, Callable[[Raw], Raw]] = {1: version1.run, 2: version2.run}
"""Version -> what makes the next version's JSON of a run from it."""
SUBJECTS: Mapping[int, Callable[[Raw, Raw | None], Raw]] = {1: version1.subject, 2: version2.subject}
"""The same of a subject alone, given its history too."""

HISTORIES: Mapping[int, Callable[[Raw | None], Raw | None]] = {1: version1.history, 2: version2.history}
"""The same of a training alone."""


def migrated(raw: Raw) -> Raw:
    """A run's JSON of an earlier version as the present version writes it; `integrity` becomes "unverified".

    What is given is not changed.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, ArithmeticError: it is no such record.
    """
    while raw["schema_version"] < SCHEMA_VERSION:
        raw = RUNS[raw["schema_version"]](raw)
    return raw


def migrated_subject(raw: Raw, history: Raw | None = None, *, version: int = OLDEST) -> Raw:
    """The JSON of a subject alone, as the header of a saved model has it, as the present version writes it.

    Args:
        raw: the subject.
        history: of its training, which the header has beside it.
        version: that wrote it; headers of version 1 do not say so.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, ArithmeticError: it is no such record.
    """
    for step in range(version, SCHEMA_VERSION):
        raw = SUBJECTS[step](raw, history)
    return raw


def migrated_history(raw: Raw | None, *, version: int = OLDEST) -> Raw | None:
    """The JSON of a training alone, as the header of a saved model has it, as the present version writes it.

    Args:
        raw: the training, None where there is none.
        version: that wrote it; headers of version 1 do not say so.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, ArithmeticError: it is no such record.
    """
    for step in range(version, SCHEMA_VERSION):
        raw = HISTORIES[step](raw)
    return raw
