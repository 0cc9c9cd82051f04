"""`sparserobust describe NAME`: where something comes from and what it takes."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from sparserobust.cli.list import catalogue
from sparserobust.cli.variants import Variant
from sparserobust.errors import ConfigError, did_you_mean

INDENT = " " * 6


@click.command()
@click.argument("name")
def describe(name: str) -> int:
    """Print source, parts and parameters of a method, evaluator, model, data set, recipe or preset."""
    from sparserobust.cli.recorded import spelled_out
    from sparserobust.models.create import is_model

    groups = {group: entries() for group, entries in catalogue().items()}
    if is_model(name):
        groups["models"].setdefault(name, "")  # one of torchvision's is not listed by its name
    holders = [group for group, entries in groups.items() if name in entries]
    if not holders and (variant := spelled_out(Variant(name, {}))).params:
        click.echo(f"{name} (evaluator {variant})\n")
        _evaluator(variant.name, variant.params)
        return 0
    if not holders:
        known = [entry for entries in groups.values() for entry in entries]
        raise ConfigError(
            f"nothing is called {name!r}{did_you_mean(name, known) or ';'} `sparserobust list` shows all"
        )
    describers = {
        "methods": _method,
        "evaluators": _evaluator,
        "models": _model,
        "data": lambda name: click.echo(groups["data"][name]),
        "recipes": _recipe,
        "presets": _preset,
    }
    for group in holders:
        comment = "# " if group == "presets" else ""  # a preset is printed as the TOML that it is
        click.echo(f"{comment}{name} ({group.removesuffix('s')})\n")
        describers[group](name)
    return 0


def _method(name: str) -> None:
    from sparserobust.registry import methods

    factory = methods.load(name)
    method = factory()
    summary = (inspect.getdoc(factory) or "").partition("\nAttributes:\n")[0].rstrip()
    click.echo(f"{summary}\n\nsource: {method.source}\nrecipe: {method.recipe}\n\nparts")
    for part, value in method.parts().items():
        click.echo(f"  {part:<14} {value}")
    how = f"\nparameters (--set {name}.PARAMETER=VALUE, or --methods {name}[PARAMETER=VALUE,...])"
    click.echo(how if fields(factory) else "\nno parameters")
    about = _documented_attributes(factory)
    for field in fields(factory):
        click.echo(f"  {field.name} = {getattr(method, field.name)!r}")
        if field.name in about:
            click.echo(textwrap.fill(about[field.name], 110, initial_indent=INDENT, subsequent_indent=INDENT))


def _documented_attributes(factory: type) -> dict[str, str]:
    """Attribute -> its text in the "Attributes:" sections of the class and what it derives from."""
    found: dict[str, str] = {}
    for base in reversed(factory.__mro__):
        _, _, section = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")
        for entry in re.split(r"\n(?=    \w)", section.partition("\n\n")[0]):
            name, colon, text = entry.strip().partition(":")
            if colon:
                found[name] = " ".join(text.split())
    return found


def _evaluator(name: str, params: Mapping[str, Any] | None = None) -> None:
    from sparserobust.scoring.choice import build_evaluator

    evaluator = build_evaluator(name, dict(params or {}))
    name = evaluator.name
    click.echo(f"{inspect.getdoc(type(evaluator))}\n\nsource: {evaluator.source}\n\nscores")
    for spec in evaluator.scores:
        unit = f" [{spec.unit}]" if spec.unit else ""
        click.echo(f"  {spec.name:<28} {spec.about}{unit}{' (headline)' if spec.headline else ''}")
    how = f"\nsettings (--set {name}.SETTING=VALUE, or --evaluators {name}[SETTING=VALUE,...])"
    click.echo(how if evaluator.settings() else "\nno settings")
    for setting, value in evaluator.settings().items():
        click.echo(f"  {setting:<18} {value!r}")


def _model(name: str) -> None:
    from sparserobust.models import MODELS

    if name in MODELS:
        click.echo(inspect.getdoc(MODELS[name]))
    else:
        click.echo(
            "torchvision's network of that name, drawn by our initialisations, without trained weights"
        )


def _recipe(name: str) -> None:
    from sparserobust.training import load_recipe

    for key, value in load_recipe(name).model_dump().items():
        click.echo(f"  {key:<18} {value}")


def _preset(name: str) -> None:
    from sparserobust.presets import preset_text

    click.echo(f"# sparserobust evaluate --preset {name}, or with changes --preset FILE.toml\n")
    click.echo(preset_text(name).rstrip())
