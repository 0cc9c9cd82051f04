"""What version 1 came with, by name: titles, kinds of attacks, promised measures and words for parameters."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

BY_VALUE = ("allocation", "control")
"""Parameters of a method of which the value alone is shown."""


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


def title(kind: Literal["methods", "models", "data"], name: str) -> str:
    """The title of a method, network or data set; its own name where there is none."""
    titles: dict[str, str] = _table("names")[kind]
    plain = name.removeprefix("torchvision:") if kind == "models" else name
    return titles.get(name, plain)


def words(parameter: str, value: Any) -> str | None:
    """What a method calls this value of this parameter, None where name and value say it."""
    for entry in _table("names")["words"]:
        found = entry.get("value")
        if entry["parameter"] == parameter and type(found) is type(value) and found == value:
            return str(entry["words"])
    return str(value) if parameter in BY_VALUE else None


def builtin(evaluator: str) -> dict[str, Any] | None:
    """What is known of an evaluator: `title`, `attack`, `audits`; None where it is somebody else's."""
    found: dict[str, Any] | None = _table("evaluators")["evaluators"].get(evaluator)
    return found


def measures(evaluator: str) -> list[dict[str, Any]]:
    """What an evaluator of version 1 promised to measure, as score specifications."""
    table = _table("evaluators")
    groups: list[str] = table["evaluators"][evaluator]["measures"]
    return [{"name": name, **facts} for group in groups for name, facts in table["measures"][group].items()]
