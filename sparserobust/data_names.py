"""What a name of data means: a registered one, NAME:PATH for one in a folder, package.module:callable for one's own."""

from __future__ import annotations

import re

from sparserobust.docstrings import find_spec
from sparserobust.registry import data

OWN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""package.module:callable."""


def data_place(name: str) -> tuple[str, str]:
    """("mnist", "PATH") of "mnist:PATH", a data set and the folder that it is in; "" where none is named."""
    bare, _, path = name.partition(":")
    return (bare, path) if path else (name, "")


def is_own_data(name: str) -> bool:
    """Whether it is `package.module:callable` for data of one's own: a registered name before the colon goes first."""
    return OWN.fullmatch(name) is not None and data_place(name)[0] not in data.names()


def require_data(name: str) -> None:
    """Raises unless a data set has that name, or a module of one's own that can be found is in it; imports nothing.

    Raises:
        PluginError: it is defined twice. DataError: there is neither.
    """
    bare = data_place(name)[0]
    if is_own_data(name):
        try:
            find_spec(bare)
        except ImportError:
            pass
        else:
            return
    data.require(bare)
