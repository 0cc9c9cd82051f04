"""The templates: everything that is placed is escaped, and a section's template finds our macros as `m`."""

from __future__ import annotations

import inspect
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparserobust.errors import PluginError

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

PACKAGE = "sparserobust.report"


def file_text(name: str) -> str:
    """A file of this package, by its path below it."""
    parts = name.split("/")
    if ".." in parts:
        raise FileNotFoundError(name)  # templates are those of the package, and of nowhere else
    return resources.files(PACKAGE).joinpath(*parts).read_text("utf-8")


@cache
def environment() -> Environment:
    """The environment of all templates; ours are named by their path below the package."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(file_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["m"] = made.get_template("look/templates/macros.j2").module
    return made


def placed(owner: type, name: str, text: str, part: Any) -> Markup:
    """The HTML of a part.

    Args:
        owner: the class whose template it is.
        name: of the template's file beside the module of that class, without its ending.
        text: the template itself; the file is read where it is empty.
        part: what it places.
    """
    from markupsafe import Markup

    return Markup(_template(owner, name, text).render(part=part))


@cache
def _template(owner: type, name: str, text: str) -> Template:
    return environment().from_string(text or _beside(owner, f"{name}.j2"))


def _beside(owner: type, file: str) -> str:
    """The text of a file in the folder or archive that the module of a class lies in.

    Raises:
        PluginError: it is not there.
    """
    spec = sys.modules[owner.__module__].__spec__
    inside = spec is not None and spec.parent
    folder = resources.files(inside) if inside else Path(inspect.getfile(owner)).parent
    try:
        return folder.joinpath(file).read_text("utf-8")
    except OSError:
        raise PluginError(
            f"expected its template {file} beside {owner.__module__}, got none; put it there or set `template`"
        ) from None
