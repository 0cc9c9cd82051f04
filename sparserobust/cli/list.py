"""`sparserobust list`: everything that can be named, without importing it."""

from __future__ import annotations

import click

from sparserobust import registry
from sparserobust.errors import PluginError
from sparserobust.toml_files import TomlFiles, presets, recipes

PLUGINS = (registry.methods, registry.evaluators, registry.models, registry.data, registry.sections)
OF_LIBRARIES = {
    f"{library}:NAME": f"any classifier of {library}, for instance {library}:{one}, without trained weights"
    for library, one in registry.LIBRARIES.items()
}
"""Networks of other libraries, which only those can list."""


@click.command("list")
@click.argument(
    "kind",
    required=False,
    type=click.Choice([*(plugins.many for plugins in PLUGINS), "recipes", "presets"]),
)
def list_(kind: str | None) -> int:
    """List methods, evaluators, models, data sets, sections, recipes and presets, with a line about each.

    Nothing is imported. Exit status 1 when a plugin cannot be found or read; it is named, the others are listed.
    """
    broken = 0
    for group, lines in catalogue().items():
        if kind in (None, group):
            click.echo(group if kind is None else "", nl=kind is None)
            width = max(map(len, lines), default=0)
            for name, about in lines.items():
                broken += isinstance(about, PluginError)
                line = f"cannot be loaded: {about}" if isinstance(about, PluginError) else about
                click.echo(f"  {name:<{width}}  {line}".rstrip())
    return 1 if broken else 0


def catalogue() -> dict[str, dict[str, str | PluginError]]:
    """Group -> name -> a line about it, or why it cannot be loaded."""
    groups = {plugins.many: plugins.about_all() for plugins in PLUGINS}
    groups["models"] |= OF_LIBRARIES
    groups["recipes"] = _first_lines(recipes, "source")
    groups["presets"] = _first_lines(presets, "about")
    return {group: lines for group, lines in groups.items() if lines}


def _first_lines(files: TomlFiles, key: str) -> dict[str, str | PluginError]:
    return {name: files.table(name)[key].partition("\n")[0] for name in files.names()}
