"""Methods and evaluators with parameters of their own: `random[allocation=epl,offset=frozen]`, `pgd[norm=l2]`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparserobust.cli.options import Settings, parsed
from sparserobust.errors import ConfigError

GRAMMAR = "write NAME or NAME[param=value,param=value]"
SPEAKS_FOR_ITSELF = ("allocation", "offset", "control")
"""Parameters whose value alone says in a folder's name what it is."""


@dataclass(frozen=True)
class Variant:
    """A method or evaluator as the command line names it; `params` are those in the bracket."""

    name: str
    params: Mapping[str, Any]

    def settings(self, common: Mapping[str, Any], own: Settings) -> dict[str, Any]:
        """Its parameters: what all share, then `--set` for its name, then the bracket."""
        return {**common, **own.get(self.name, {}), **self.params}

    @property
    def folder(self) -> str:
        """What its folders are called after: see `folder_stem`."""
        return folder_stem(self.name, self.params)

    def __str__(self) -> str:
        """As one would write it."""
        params = ",".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.name}[{params}]" if params else self.name


def folder_stem(method: str, params: Mapping[str, Any]) -> str:
    """ "random", "random-epl-frozen", "synflow-steps-1": safe in a path, the same for the same parameters.

    Allocation, offset and control stand there by their value, then all other parameters as name-value, in the
    order of the alphabet.
    """
    parts = [method, *(str(params[name]) for name in SPEAKS_FOR_ITSELF if name in params)]
    for name in sorted(params.keys() - set(SPEAKS_FOR_ITSELF)):
        parts += [name, str(params[name])]
    return "-".join(safe(part) for part in parts)


def safe(text: str) -> str:
    """The text as part of a file's name: letters, digits, dots, underscores and single hyphens."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")


def variants(text: str, option: str = "--methods") -> list[Variant]:
    """ "snip, random[allocation=epl]" -> the variants in their order; values are JSON, or text where they are not.

    Args:
        text: of the option.
        option: that an error names.

    Raises:
        ConfigError: a bracket that is not closed or not opened, or that holds anything but param=value.
    """
    return [_variant(part, option) for part in split_outside_brackets(text, f"{option} {text}") if part]


def split_outside_brackets(text: str, quoted: str) -> list[str]:
    """The parts between the commas that stand in no bracket, without spaces around them.

    Args:
        text: what to split.
        quoted: what an error quotes.

    Raises:
        ConfigError: a bracket that is not closed or not opened.
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if depth < 0:
            raise ConfigError(f"{quoted}: a ']' without its '['; {GRAMMAR}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth:
        raise ConfigError(f"{quoted}: a '[' without its ']'; {GRAMMAR}")
    return [part.strip() for part in parts]


def _variant(part: str, option: str) -> Variant:
    name, bracket, rest = part.partition("[")
    name = name.strip()
    if not bracket:
        return Variant(name, {})
    if not name or not rest.endswith("]"):
        kind = option.removeprefix("--").removesuffix("s")
        wrong = "text behind the bracket" if name else f"no {kind} before the bracket"
        raise ConfigError(f"{option} {part}: {wrong}; {GRAMMAR}")
    if name == "dense" and option == "--methods":
        raise ConfigError(f"--methods {part}: dense is the reference and has no variants; write dense")
    params: dict[str, Any] = {}
    for assignment in split_outside_brackets(rest[:-1], f"{option} {part}"):
        key, equals, value = assignment.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise ConfigError(f"{option} {part}: expected param=value in the bracket, got {assignment!r}")
        if key in params:
            raise ConfigError(f"{option} {part}: {key} is given twice")
        params[key] = parsed(value.strip())
    return Variant(name, params)


def names_of(named: Sequence[Variant]) -> list[str]:
    """The methods or evaluators behind the variants, each once."""
    return list(dict.fromkeys(variant.name for variant in named))
