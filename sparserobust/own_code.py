"""What `package.module:callable` names: something of the user's own, from whatever can be imported."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from sparserobust.errors import SparseRobustError, said_by


def found_by(target: str, error: type[SparseRobustError]) -> Any:
    """What `package.module:name` is.

    Raises:
        error: it cannot be imported or found.
    """
    module_name, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as wrong:  # whatever the user's code raises
        file = getattr(sys.modules.get(module_name), "__file__", None)
        where = f" ({module_name} is {file})" if isinstance(wrong, AttributeError) and file else ""
        raise error(f"{_failed(target, wrong)}{where}") from None


def made_by(
    target: str, kinds: type | tuple[type, ...], error: type[SparseRobustError], **arguments: object
) -> Any:
    """What `package.module:callable` makes: the object itself where it is of a kind, or cannot be called.

    Args:
        target: its name.
        kinds: that are not called.
        error: that is raised.
        arguments: of the call.

    Raises:
        error: it cannot be imported, found or called.
    """
    found = found_by(target, error)
    if isinstance(found, kinds) or not callable(found):
        return found
    try:
        return found(**arguments)
    except (Exception, SystemExit) as wrong:  # whatever the user's code raises
        raise error(_failed(target, wrong)) from None


def _failed(target: str, wrong: BaseException) -> str:
    return f"{target} cannot be built: {type(wrong).__name__}: {said_by(wrong)}"
