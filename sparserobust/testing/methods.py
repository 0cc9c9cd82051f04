"""`check_method`: what every method must keep, for one method by its name."""

from __future__ import annotations

from typing import Any

from sparserobust.apply import build_method
from sparserobust.errors import PluginError
from sparserobust.methods.base import Method, PruneDuringTraining
from sparserobust.registry import methods
from sparserobust.testing.before import check_before
from sparserobust.testing.declared import check_declared, contents
from sparserobust.testing.during import check_during


def check_method(name: str, **params: Any) -> None:
    """Raises AssertionError, naming what is wrong and what to do, unless the method keeps what every method must keep.

    The class is a frozen dataclass that derives from `Method`, bears the name of its entry point and a source, and
    keeps nothing on itself. Its masks and its training are held to the laws: see `check_before` in
    `sparserobust.testing.before` for a method before training, `check_during` in `sparserobust.testing.during` for one
    that prunes while the network trains.

    Args:
        name: as registered.
        params: the method's parameters.
    """
    check_declared(name, methods.load(name))
    try:
        method = build_method(name, params)
        before = contents(method)
        try:
            check_during(method, params) if isinstance(method, PruneDuringTraining) else check_before(
                method, params
            )
        finally:
            _check_kept_nothing(method, before)
    except PluginError as error:
        raise AssertionError(str(error)) from error


def _check_kept_nothing(method: Method, before: dict[str, str]) -> None:
    """Raises AssertionError where the method holds something else than before, which explains what else is wrong."""
    changed = [key for key, value in contents(method).items() if before.get(key) != value]
    assert not changed, (
        f"{method.name} keeps `{changed[0]}` on itself from call to call; a method holds parameters alone: what "
        "belongs to one training stands in its Pruner, all else in local variables"
    )
