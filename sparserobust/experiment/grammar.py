"""Methods and evaluators with settings as one writes them: `random[allocation=epl,offset=frozen]`, `pgd[norm=l2]`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparserobust.errors import ConfigError

Assigned = Mapping[str, Mapping[str, Any]]
"""Name of a method, an evaluator or "recipe" -> settings of it."""

GRAMMAR = "write NAME or NAME[param=value,param=value]"
FRACTION = re.compile(r"(?<![\w./])(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)(?![\w./])")
"""8/255, not a part of a path or a word."""
BARE_POINT = re.compile(r"(?<![\w.])\.(?=\d+(?![\w.]))")
"""The point of .95, not one in a path, a version or a word."""
QUOTED_OR_CHARACTER = r'"(?:[^"\\]|\\.)*"|.'


@dataclass(frozen=True)
class Variant:
    """A method or an evaluator with settings; `params` are those in its bracket."""

    name: str
    params: Mapping[str, Any]

    def settings(self, common: Mapping[str, Any], own: Assigned) -> dict[str, Any]:
        """Its parameters: what all share, then what is set for its name, then the bracket."""
        return {**common, **own.get(self.name, {}), **self.params}

    def __str__(self) -> str:
        """As one writes it: `variant` reads it back."""
        params = ",".join(f"{name}={written(value)}" for name, value in self.params.items())
        return f"{self.name}[{params}]" if params else self.name


def variant(text: str, field: str) -> Variant:
    """The method or evaluator that a text names; values are read as `parsed` reads them.

    Args:
        text: NAME or NAME[param=value,param=value].
        field: "methods" or "evaluators", for errors.

    Raises:
        ConfigError: a bracket that is not closed or not opened, or that holds anything but param=value.
    """
    wrong = f"{field} {text}"
    if len(split_outside_brackets(text, wrong)) > 1:
        raise ConfigError(f"{wrong}: expected one name, got several; give a list")
    name, bracket, rest = text.strip().partition("[")
    name = name.strip()
    if not bracket:
        return Variant(name, {})
    if not name or not rest.endswith("]"):
        problem = "text behind the bracket" if name else f"no {field.removesuffix('s')} before the bracket"
        raise ConfigError(f"{wrong}: {problem}; {GRAMMAR}")
    params: dict[str, Any] = {}
    for assignment in split_outside_brackets(rest[:-1], wrong):
        key, equals, value = assignment.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise ConfigError(f"{wrong}: expected param=value in the bracket, got {assignment!r}")
        if key in params:
            raise ConfigError(f"{wrong}: {key} is given twice")
        params[key] = parsed(value.strip())
    return Variant(name, params)


def split_outside_brackets(text: str, quoted: str) -> list[str]:
    """The parts between the commas that stand in no bracket and no double quotes, without spaces around them.

    Args:
        text: what to split.
        quoted: what an error quotes.

    Raises:
        ConfigError: a bracket that is not closed or not opened, or a quote that is not closed.
    """
    parts, depth = [""], 0
    for piece in re.findall(QUOTED_OR_CHARACTER, text, re.DOTALL):
        depth += (piece == "[") - (piece == "]")
        if depth < 0:
            raise ConfigError(f"{quoted}: a ']' without its '['; {GRAMMAR}")
        if piece == '"':
            raise ConfigError(f"{quoted}: a double quote that is not closed; {GRAMMAR}")
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    if depth:
        raise ConfigError(f"{quoted}: a '[' without its ']'; {GRAMMAR}")
    return [part.strip() for part in parts]


def names_of(named: Sequence[Variant]) -> list[str]:
    """The methods or evaluators behind the variants, each once."""
    return list(dict.fromkeys(each.name for each in named))


def assigned(text: str) -> tuple[str, str, Any]:
    """("fgsm", "eps", [0.05, 0.1]) of `fgsm.eps=[0.05,0.1]`; the value as `parsed` reads it.

    Raises:
        ConfigError: another form.
    """
    key, equals, value = text.partition("=")
    owner, dot, name = key.strip().partition(".")
    if not equals or not dot or not name.strip():
        raise ConfigError(f"a setting is NAME.SETTING=VALUE, for instance fgsm.eps=[0.05,0.1]; got {text!r}")
    return owner, name.strip().replace("-", "_"), parsed(value)


def parsed(value: str) -> Any:
    """The value of a setting: JSON with fractions such as 8/255, or the text itself (NaN and Infinity are text).

    Numbers may begin with their point: .5 is 0.5.
    """
    number = BARE_POINT.sub("0.", value)
    for text in (value, number, FRACTION.sub(_divided, number)):
        try:
            return json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError):
            pass
    return value


def written(value: Any) -> str:
    """The text that `parsed` reads as this value: JSON, a text without its quotes where that says the same."""
    if isinstance(value, str) and parsed(value) == value and not re.search(r"[\[\],\"]|^\s|\s$", value):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _divided(fraction: re.Match[str]) -> str:
    above, below = map(float, fraction.groups())
    return repr(above / below) if below else fraction.group()


def _no_number(constant: str) -> None:
    raise ValueError(constant)
