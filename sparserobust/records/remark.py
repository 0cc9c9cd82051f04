"""A remark: what there is to say as a code with facts. Who shows it makes the sentence."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue

from sparserobust.errors import SparseRobustError
from sparserobust.one_line import shown
from sparserobust.records.base import Record

OURS = Path(__file__).parents[1]
SAID = "said"
"""The code of a remark in a plugin's own words, which stand in its fact `text`."""
RAISED = "raised"
"""The code of an exception, with the facts `error` (its type) and `message`."""


class Remark(Record):
    """A reason, a verdict or a warning.

    Attributes:
        code: which one, lower case with hyphens: "needs-training-data".
        facts: what the sentence needs, by name: numbers, names of layers, another remark's parts.
    """

    code: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    facts: dict[str, JsonValue] = {}

    def _shown(self) -> Iterator[str]:
        yield self.code
        yield from (f"{name}={shown(value)}" for name, value in self.facts.items())

    def __str__(self) -> str:
        """The code with its facts, for a log; `report.text.remarks` has the sentence."""
        if self.code == SAID:
            return str(self.facts.get("text", ""))
        if self.code == RAISED:
            return f"{self.facts.get('error')}: {self.facts.get('message')}"
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{self.code}: {facts}" if facts else self.code


def remark(code: str, **facts: Any) -> Remark:
    """The remark of this code with these facts."""
    return Remark(code=code, facts=facts)


def said(text: str) -> Remark:
    """A plugin's own sentence."""
    return remark(SAID, text=text)


def raised(error: BaseException, *, where: bool = False) -> Remark:
    """An exception, its message on one line and at most 500 characters long.

    Args:
        where: whether the message ends with the file and line of a plugin that an error not of ours comes from.
    """
    try:
        message = " ".join(str(error).split())[:500]
    except Exception:  # an exception that cannot even say what it is
        message = "it has no message"
    place = _place_of(error) if where and not isinstance(error, SparseRobustError) else ""
    return remark(RAISED, error=type(error).__name__, message=f"{message} {place}".strip())


def _place_of(error: BaseException) -> str:
    """ "(things.py, line 45)" of the last frame that is neither ours nor a library's, "" where there is none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if OURS not in Path(frame.filename).parents and "site-packages" not in frame.filename
    ]
    return f"({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _from_text(value: Any) -> Any:
    return said(value) if isinstance(value, str) else value


AnyRemark = Annotated[Remark, BeforeValidator(_from_text)]
"""A remark; a text becomes that of a plugin's own words."""
