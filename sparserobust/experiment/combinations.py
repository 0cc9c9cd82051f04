"""Which keys of an experiment cannot stand together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sparserobust.errors import ConfigError
from sparserobust.registry import data_place


def require_possible(given: Mapping[str, Any], *, own_network: bool) -> None:
    """Raises ConfigError for the first keys that cannot stand together.

    Args:
        given: the keys of an experiment with their values.
        own_network: whether its model is a network of one's own.
    """
    for line in _problems(given, own_network=own_network):
        raise ConfigError(line)


def _problems(given: Mapping[str, Any], *, own_network: bool) -> Iterator[str]:
    saved, model, methods = bool(given["saved"]), given["model"], given["methods"]
    if saved and methods:
        yield "methods make new networks, and a saved model is scored as it is; give one of them"
    if saved and model is not None and not own_network:
        yield f"a saved model brings its network; leave out model {model!r}"
    if saved and given["exclude"]:
        yield "exclude leaves weights dense in new networks, and a saved model is scored as it is; give one of them"
    if given["weights"] is not None and (saved or not own_network):
        yield "weights go with a network of your own (model package.module:callable) and no saved model"
    if given["initialisation"] is not None and (saved or own_network):
        yield "initialisation draws the weights of an architecture; saved models and your own networks bring theirs"
    if not methods and (saved or own_network):
        yield from _of_training(given)
    if not (methods or saved or own_network):
        yield "methods is empty; `sparserobust list methods` shows all, and dense alone is one too"
    if given["evaluators"] == ():
        yield "evaluators is empty; `sparserobust list evaluators` shows all"
    if given["data_root"] is not None and data_place(given["data"])[1]:
        yield f"data {given['data']!r} names its folder; leave out data_root {given['data_root']!r}"
    for key in ("epochs", "lr"):
        if given[key] is not None and key in given["settings"].get("recipe", {}):
            yield f"{key} is given twice, as recipe.{key} too"


def _of_training(given: Mapping[str, Any]) -> Iterator[str]:
    """Keys that say how networks are trained, where none is."""
    for key in ("recipe", "epochs", "lr"):
        if given[key] is not None or (key == "recipe" and key in given["settings"]):
            yield f"{key} says how networks are trained, and none is; leave it out, or name methods"
