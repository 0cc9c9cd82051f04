"""Every error this library raises on purpose. Each message is one line: expected X, got Y, do Z."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SparseRobustError(Exception):
    """Base of all errors below; the command line prints them as one line and exits with 2."""


class ConfigError(SparseRobustError, ValueError):
    """An argument, option or setting that cannot be."""


class ShapeError(SparseRobustError, ValueError):
    """Images, labels or weights of the wrong shape or range."""


class DataError(SparseRobustError):
    """A data set that is missing, unreadable or of another layout than it should have."""


class ModelError(SparseRobustError):
    """A network or a weights file that cannot be built, loaded or used."""


class RecordError(SparseRobustError):
    """A run.json or saved model that is unreadable, of another kind, damaged or from another version."""


class NotInRecord(RecordError, KeyError):
    """A name under which a record holds nothing."""

    def __str__(self) -> str:
        """The message as it is, which a KeyError would quote."""
        return str(self.args[0])


class OtherVersion(RecordError):
    """A file that is whole but of a newer version or of another program: it is not to be written over."""


class PluginError(SparseRobustError):
    """A plugin that is unknown, defined twice, fails to load, or returns what it should not."""


class DegenerateScores(SparseRobustError):
    """Fewer finite non-zero scores than weights to keep: the criterion cannot choose.

    `layers` names the cause: the layers that nothing passes, or else those that have no usable score.
    """

    def __init__(self, message: str, layers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.layers = layers


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" for the closest known name, or "" when nothing is close."""
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(str(name).lower(), list(lower), n=1, cutoff=0.5)
    return f"; did you mean {lower[close[0]]!r}?" if close else ""


def said_by(error: BaseException) -> str:
    """What somebody else's exception says, in one line of at most 300 characters; "" where it cannot be asked."""
    try:
        return " ".join(str(error).split())[:300]
    except Exception:  # its own text raises
        return ""
