"""`sparserobust describe NAME`: where something comes from and what it takes."""

from __future__ import annotations

import inspect
from dataclasses import fields

import click

from sparserobust.cli.list import catalogue
from sparserobust.errors import ConfigError, did_you_mean


@click.command()
@click.argument("name")
def describe(name: str) -> int:
    """Print source, parts and parameters of a method, evaluator, model, data set or recipe."""
    groups = {group: entries() for group, entries in catalogue().items()}
    holders = [group for group, entries in groups.items() if name in entries]
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
    }
    for group in holders:
        click.echo(f"{name} ({group.removesuffix('s')})\n")
        describers[group](name)
    return 0


def _method(name: str) -> None:
    from sparserobust.registry import methods

    factory = methods.load(name)
    method = factory()
    click.echo(f"{inspect.getdoc(factory)}\n\nsource: {method.source}\nrecipe: {method.recipe}\n\nparts")
    for part, value in method.parts().items():
        click.echo(f"  {part:<14} {value}")
    click.echo("\nparameters (--set NAME.PARAMETER=VALUE)")
    for field in fields(factory):
        click.echo(f"  {field.name:<18} {getattr(method, field.name)!r}")


def _evaluator(name: str) -> None:
    from sparserobust.registry import evaluators

    evaluator = evaluators.load(name)()
    click.echo(f"{inspect.getdoc(type(evaluator))}\n\nsource: {evaluator.source}\n\nscores")
    for spec in evaluator.scores:
        unit = f" [{spec.unit}]" if spec.unit else ""
        click.echo(f"  {spec.name:<28} {spec.about}{unit}{' (headline)' if spec.headline else ''}")
    click.echo("\nsettings (--set NAME.SETTING=VALUE)" if evaluator.settings() else "\nno settings")
    for setting, value in evaluator.settings().items():
        click.echo(f"  {setting:<18} {value!r}")


def _model(name: str) -> None:
    from sparserobust.models import MODELS

    click.echo(inspect.getdoc(MODELS[name]))


def _recipe(name: str) -> None:
    from sparserobust.training import load_recipe

    for key, value in load_recipe(name).model_dump().items():
        click.echo(f"  {key:<18} {value}")
