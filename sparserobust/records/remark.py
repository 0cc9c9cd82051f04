"""A remark: what there is to say as a code with facts. Who shows it makes the sentence."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue

from sparserobust.records.base import Record

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


def raised(error: BaseException) -> Remark:
    """An exception, its message on one line and at most 500 characters long."""
    return remark(RAISED, error=type(error).__name__, message=" ".join(str(error).split())[:500])


def _from_text(value: Any) -> Any:
    return said(value) if isinstance(value, str) else value


AnyRemark = Annotated[Remark, BeforeValidator(_from_text)]
"""A remark; a text becomes that of a plugin's own words."""
