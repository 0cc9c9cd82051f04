"""`sparserobust describe NAME`: where something comes from and what it takes."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from sparserobust.cli.list import OF_LIBRARIES, PLUGINS, catalogue
from sparserobust.data_names import data_place
from sparserobust.docstrings import documented_attributes
from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.experiment.grammar import Variant
from sparserobust.experiment.names import may_be_recorded
from sparserobust.registry import Registry, data, evaluators, library_of

INDENT = " " * 6
ABOUT_LIBRARY = "{}'s network of that name, drawn by our initialisations, without trained weights"


@click.command()
@click.argument("name")
def describe(name: str) -> int:
    """Print what a method, evaluator, model, data set, section, recipe or preset is, and what it takes."""
    groups = catalogue()
    holders = [group for group, entries in groups.items() if name in entries]
    if not holders and not _named_otherwise(name):
        known = [entry for entries in groups.values() for entry in entries]
        raise ConfigError(
            f"nothing is called {name!r}{did_you_mean(name, known) or ';'} `sparserobust list` shows all"
        )
    for group in holders:
        if group in ("recipes", "presets"):
            comment = "# " if group == "presets" else ""  # a preset is printed as the TOML that it is
            click.echo(f"{comment}{name} ({group.removesuffix('s')})\n")
            (_preset if comment else _recipe)(name)
        else:
            _plugin(next(plugins for plugins in PLUGINS if plugins.many == group), name)
    return 0


def _plugin(plugins: Registry, name: str) -> None:
    """A plugin, with its distribution where that is not ours."""
    click.echo(f"{name} ({plugins.one})\n")
    if name in OF_LIBRARIES:
        click.echo(ABOUT_LIBRARY.format(library_of(name)))
        return
    if name in plugins.third_party():
        click.echo(f"from {plugins.origin(name)}\n")
    describers = {"methods": _method, "evaluators": _evaluator}
    if describer := describers.get(plugins.many):
        describer(name)
    else:
        click.echo(inspect.getdoc(plugins.load(name)) or "no description")


def _named_otherwise(name: str) -> bool:
    """Describes what is not listed like this: other libraries' networks, a data set with its place, a recorded name."""
    if (bare := data_place(name)[0]) in data.names():
        _plugin(data, bare)
        return True
    if library_of(name):
        from sparserobust.models.create import is_model

        if is_model(name):
            click.echo(f"{name} (model)\n\n{ABOUT_LIBRARY.format(library_of(name))}")
            return True
    if may_be_recorded(name, evaluators.names()):
        from sparserobust.experiment.recorded import spelled_out

        if (variant := spelled_out(Variant(name, {}))).params:
            click.echo(f"{name} (evaluator {variant})\n")
            _evaluator(variant.name, variant.params)
            return True
    return False


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
    about = documented_attributes(factory)
    for field in fields(factory):
        click.echo(f"  {field.name} = {getattr(method, field.name)!r}")
        if field.name in about:
            click.echo(textwrap.fill(about[field.name], 110, initial_indent=INDENT, subsequent_indent=INDENT))


def _evaluator(name: str, params: Mapping[str, Any] | None = None) -> None:
    from sparserobust.scoring.named import build_evaluator

    evaluator = build_evaluator(name, dict(params or {}))
    name = evaluator.label
    click.echo(f"{inspect.getdoc(type(evaluator))}\n\nsource: {evaluator.source}\n\nscores")
    for spec in evaluator.score_specs:
        unit = f" [{spec.unit}]" if spec.unit else ""
        click.echo(f"  {spec.name:<28} {spec.about}{unit}{' (headline)' if spec.headline else ''}")
    how = f"\nsettings (--set {name}.SETTING=VALUE, or --evaluators {name}[SETTING=VALUE,...])"
    click.echo(how if evaluator.resolved() else "\nno settings")
    for setting, value in evaluator.resolved().items():
        click.echo(f"  {setting:<18} {value!r}")


def _recipe(name: str) -> None:
    from sparserobust.training import load_recipe

    for key, value in load_recipe(name).model_dump().items():
        click.echo(f"  {key:<18} {value}")


def _preset(name: str) -> None:
    from sparserobust.presets import preset_text

    click.echo(f"# sparserobust evaluate --preset {name}, or with changes --preset FILE.toml\n")
    click.echo(preset_text(name).rstrip())
