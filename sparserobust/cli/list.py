"""`sparserobust list`: everything that can be named."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import click

from sparserobust.errors import PluginError


@click.command("list")
@click.argument(
    "kind",
    required=False,
    type=click.Choice(["methods", "evaluators", "models", "data", "recipes", "presets"]),
)
def list_(kind: str | None) -> int:
    """List methods, evaluators, models, data sets, recipes and presets, with a line about each.

    Exit status 1 when a plugin cannot be loaded; it is named, the others are listed.
    """
    broken = 0
    for name, entries in catalogue().items():
        if kind in (None, name):
            click.echo(name if kind is None else "", nl=kind is None)
            known = entries()
            width = max(map(len, known), default=0)
            for entry, about in known.items():
                broken += about.startswith("cannot be loaded")
                click.echo(f"  {entry:<{width}}  {about}")
    return 1 if broken else 0


def catalogue() -> dict[str, Callable[[], dict[str, str]]]:
    """Group -> function that gives name -> one line."""
    return {
        "methods": lambda: _plugins("methods"),
        "evaluators": lambda: _plugins("evaluators"),
        "models": _models,
        "data": _data,
        "recipes": _recipes,
        "presets": _presets,
    }


def first_line(thing: object) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _plugins(group: str) -> dict[str, str]:
    from sparserobust import registry

    found: dict[str, str] = {}
    plugins = getattr(registry, group)
    for name in plugins.names():
        try:
            found[name] = first_line(plugins.load(name))
        except PluginError as error:
            found[name] = f"cannot be loaded: {error}"
    return found


def _models() -> dict[str, str]:
    from sparserobust.models import MODELS

    others = "any classifier of torchvision, for instance torchvision:resnet50, without trained weights"
    return {name: first_line(build) for name, build in MODELS.items()} | {"torchvision:NAME": others}


def _data() -> dict[str, str]:
    from sparserobust.data.load import FILE_SETS
    from sparserobust.data.torchvision_sets import SETS

    named = {name: f"{facts.title} through torchvision, in --data-root" for name, facts in SETS.items()}
    files = {name: f"{first_line(load).rstrip('.')} in --data-root" for name, load in FILE_SETS.items()}
    return {
        "digits": "scikit-learn's real handwritten digits, 8x8; nothing to download",
        **named,
        **files,
        "folder:PATH": "image folders of your own: PATH/train and PATH/test or PATH/val, one sub-folder per class",
    }


def _recipes() -> dict[str, str]:
    from sparserobust.training import list_recipes, load_recipe

    return {name: load_recipe(name).source for name in list_recipes()}


def _presets() -> dict[str, str]:
    from sparserobust.presets import list_presets, read_preset

    return {name: read_preset(name).about.partition("\n")[0] for name in list_presets()}
