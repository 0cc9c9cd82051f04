"""Which keys of an experiment cannot stand together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sparserobust.data_names import data_place, is_own_data
from sparserobust.errors import ConfigError


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
    weights = given["weights"] is not None
    if weights and saved:
        yield "a saved model brings its weights; leave out weights"
    if weights and model is None:
        yield "weights are of a network: name its model (an architecture, torchvision:NAME or package.module:callable)"
    if given["weights_key"] is not None and not weights:
        yield "weights_key says which weights of a file are taken; name the file as weights"
    if given["output"] is not None and not own_network:
        yield "output says where the logits of a network of your own lie (model package.module:callable); leave it out"
    if given["initialisation"] is not None and (saved or own_network or weights):
        yield (
            "initialisation draws the weights of an architecture; saved models, weights files and your own networks "
            "bring theirs"
        )
    if given["normalize"] is not None and own_network:
        yield "normalize is for named architectures; put it into the first layer of your own network"
    if given["normalize"] is not None and saved:
        yield "a saved model brings its normalisation; leave out normalize"
    if not methods and (saved or own_network or weights):
        yield from _of_training(given)
    if not (methods or saved or own_network or weights):
        yield "methods is empty; `sparserobust list methods` shows all, and dense alone is one too"
    if given["evaluators"] == ():
        yield "evaluators is empty; `sparserobust list evaluators` shows all"
    if given["data_root"] is not None and data_place(given["data"])[1]:
        why = "is your own and has no folder" if is_own_data(given["data"]) else "names its folder"
        yield f"data {given['data']!r} {why}; leave out data_root {given['data_root']!r}"
    for key in ("epochs", "lr"):
        if given[key] is not None and key in given["settings"].get("recipe", {}):
            yield f"{key} is given twice, as recipe.{key} too"


def _of_training(given: Mapping[str, Any]) -> Iterator[str]:
    """Keys that say how networks are trained, where none is."""
    for key in ("recipe", "epochs", "lr"):
        if given[key] is not None or (key == "recipe" and key in given["settings"]):
            yield f"{key} says how networks are trained, and none is; leave it out, or name methods"
