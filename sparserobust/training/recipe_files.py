"""Recipes by name, from a TOML file of one's own or from a table; and which one a training takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from sparserobust.data import AnyData, Data
from sparserobust.errors import ConfigError
from sparserobust.toml_files import OWN, recipes
from sparserobust.training.recipe import Recipe
from sparserobust.training.table import require_table

AnyRecipe: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Recipe
"""A recipe by name, TOML file, table or itself."""

GENERAL = "snip-it"
"""Where neither the user nor the data set names one."""


def recipe_for(named: AnyRecipe | None, data: AnyData, own: str | None) -> Recipe:
    """The recipe of a training: the one that is named, else that of the data set, else the general one.

    Args:
        named: by the user; "own" for that of the method.
        data: only a `Data` states one.
        own: that of the subject's method, None where no method is known: then "own" is the general one.

    Raises:
        ConfigError: as `load_recipe`.
    """
    if named is None:
        named = data.recipe if isinstance(data, Data) else None
    elif isinstance(named, str) and named == OWN:
        named = own
    return load_recipe(GENERAL if named is None else named)


def list_recipes() -> list[str]:
    """Names of the recipes that come with the library."""
    return recipes.names()


def load_recipe(recipe: AnyRecipe) -> Recipe:
    """A recipe by name, from a TOML file of one's own, or from a table such as {"base": "digits", "lr": 0.01}.

    With `base`, the name or file of another recipe (a path in a file counts from the file's folder), all values are
    those of that recipe, its source too, but for the ones given; those of a table such as `adversarial` come as a
    whole. Where no name is given, a file has its own; a table with a base is called "digits, changed", one without
    "custom".

    Raises:
        ConfigError: unknown name, unreadable file, or values that cannot be.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return _from_table(require_table(recipe, "a recipe"), Path(), ())
    return _from_file(os.fspath(recipe) if isinstance(recipe, os.PathLike) else str(recipe), ())


def _from_file(name: str, seen: tuple[Path, ...]) -> Recipe:
    """A recipe by name or file; `seen` are the files that it is a base of."""
    values, file = recipes.table(name), Path(name)
    own = name.endswith(".toml")
    if own and file.resolve() in seen:
        raise ConfigError(f"recipe {name} is its own base; name another as base")
    seen = (*seen, file.resolve()) if own else seen
    return _from_table({"name": file.stem if own else name} | values, file.parent, seen, f"recipe {name}")


def _from_table(
    values: dict[str, Any], folder: Path, seen: tuple[Path, ...], what: str | None = None
) -> Recipe:
    """A recipe from its values; paths count from the folder."""
    base = values.pop("base", None)
    if base is None:
        values = {"name": "custom"} | values
        return Recipe.read(values, what or f"recipe {values['name']}")
    if not isinstance(base, str):
        raise ConfigError(
            f"base of {what or 'a recipe'} must be the name of a recipe or a TOML file, got {base!r}"
        )
    start = _from_file(str(folder / base) if base.endswith(".toml") else base, seen)
    values = {"name": f"{start.name}, changed" if values else start.name} | values
    return Recipe.read(start.model_dump() | values, what or f"recipe {values['name']!r}")
