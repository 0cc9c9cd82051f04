"""`sparserobust new-recipe`: a training recipe of one's own, as a file to change."""

from __future__ import annotations

import click


@click.command("new-recipe")
@click.argument("name")
@click.option(
    "--from",
    "start",
    metavar="RECIPE",
    help="the recipe to begin with, by name or TOML file; by default the general one, snip-it",
)
def new_recipe(name: str, start: str | None) -> int:
    """Write NAME.toml: a training recipe with every field, what it is and its default, ready to use and to change."""
    from sparserobust import training

    file = training.new_recipe(name) if start is None else training.new_recipe(name, start)
    click.echo(f"{file} is written; use it with `sparserobust evaluate --recipe {file}`")
    return 0
