"""Text of several kinds, for the template to place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["plain", "strong", "em", "alert"]


@dataclass(frozen=True)
class Span:
    """A stretch of text of one kind."""

    text: str
    kind: Kind = "plain"


Paragraph = tuple[Span, ...]
