"""A recipe of one's own to start from: a TOML file with every field, what it is, and its default."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import tomlkit

from sparserobust.annotations import in_words
from sparserobust.docstrings import documented_attributes
from sparserobust.errors import ConfigError
from sparserobust.toml_files import OWN
from sparserobust.training.recipe import Recipe
from sparserobust.training.recipe_files import GENERAL, AnyRecipe, list_recipes, load_recipe
from sparserobust.training.table import Table
from sparserobust.training.threat import KINDS, PGDTraining, TRADESTraining

HEAD = """\
How networks are trained: `sparserobust evaluate --recipe {name}.toml`, or train(..., recipe="{name}.toml").
It begins as the recipe {start}. A line such as "#momentum = 0.0" holds the default of a field, or an example where
there is none; take its # away to change it. A short file does as well: base = "NAME OF A RECIPE", and the fields
that are to be otherwise.
"""

TABLES = ("normalization", "adversarial")
"""Fields that stand at the end, as TOML wants tables."""


def new_recipe(path: str | os.PathLike[str], start: AnyRecipe = GENERAL) -> Path:
    """Writes `recipe_template` to a new TOML file and returns its path.

    Args:
        path: of the file, with or without its ending; its folder is made where it is not there.
        start: the recipe whose values it begins with.

    Raises:
        ConfigError: the file is there already, has the name of a recipe of ours, or cannot be written.
    """
    text = os.fspath(path).removesuffix(".toml")
    file = Path(f"{text}.toml")
    name = file.name.removesuffix(".toml")
    if not name or not name.isprintable():
        raise ConfigError(f"a new recipe needs a name, got {os.fspath(path)!r}; for instance mine.toml")
    if file.exists():
        raise ConfigError(f"{file} is there already; name another file, or delete it first")
    if name in (*list_recipes(), OWN):
        raise ConfigError(f"{name} is a recipe of the library; name yours otherwise, for instance my-{name}")
    template = recipe_template(name, start)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(template)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written ({error.strerror}); name a file in a folder that you can write"
        ) from None
    return file


def recipe_template(name: str, start: AnyRecipe = GENERAL) -> str:
    """TOML with every field of a recipe, each with what it is and its default, which `load_recipe` takes as it is.

    Args:
        name: of the new recipe.
        start: the recipe whose values it begins with; its fields that are at their defaults are commented out.
    """
    begun = load_recipe(start)
    recipe = begun.changed(name=name, source="")
    values, tables = [_comment(HEAD.format(name=name, start=begun.name))], []
    for key, field in Recipe.model_fields.items():
        value = getattr(recipe, key)
        live = value != field.default
        if value in (None, {}):
            value = (field.examples or [None])[0]
        if key in TABLES:
            tables.append(_about(Recipe, key) + _tables(key, value, live=live))
        else:
            values.append(_about(Recipe, key) + _line(key, value, live=live))
    return "\n".join(values + tables)


def _tables(key: str, value: Table | dict[str, Table], *, live: bool) -> str:
    """A field that is a table, or one for each name."""
    if isinstance(value, dict):
        return "\n".join(
            _table(f"{key}.{tomlkit.key(name).as_string()}", table, live=live)
            for name, table in value.items()
        )
    return _table(key, value, live=live) + _of_other_kinds(value)


def _table(head: str, table: Table, *, live: bool) -> str:
    lines = ["" if live else "#", f"[{head}]\n"]
    for key, field in type(table).model_fields.items():
        value = getattr(table, key)
        given = live and (key == "kind" or value != field.default)
        if value is None:
            value = (field.examples or [None])[0]
        lines += [_about(type(table), key), _line(key, value, live=given)]
    return "".join(lines)


def _of_other_kinds(shown: Table) -> str:
    """The fields that adversarial training of another kind has."""
    if not isinstance(shown, PGDTraining | TRADESTraining):
        return ""
    return "".join(
        _about(cls, key, f"where kind = {_written(kind)}, ")
        for kind, cls in KINDS.items()
        for key in cls.model_fields
        if key not in type(shown).model_fields
    )


def _about(cls: type[Table], key: str, when: str = "") -> str:
    """The comment above a field: what it is, then which values it takes and its default."""
    field = cls.model_fields[key]
    takes = in_words(cls, key).removesuffix(", or None").replace("True or False", "true or false")
    if field.is_required():
        state = "required"
    else:
        state = f"default: {'none' if field.default in (None, {}) else _written(field.default)}"
    if key == "kind":
        takes, state = " or ".join(map(repr, KINDS)), "required"
    if cls is Recipe and key in TABLES:
        takes = "a table"
    about = documented_attributes(cls).get(key, "").rstrip(".")
    return _comment(f"{when}{key}: {about}") + _comment(f"{takes}; {state}")


def _comment(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), 108, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _line(key: str, value: Any, *, live: bool) -> str:
    return f"{'' if live else '#'}{key} = {_written(value)}\n"


def _written(value: Any) -> str:
    """A value as TOML writes it."""
    return str(tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string())
