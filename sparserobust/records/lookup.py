"""`Lookup`: results by name, whose KeyError says which names there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, TypeVar

from sparserobust.errors import NotInRecord, did_you_mean

Held = TypeVar("Held")


class Lookup(dict[str, Held]):
    """A dict that belongs to a record.

    Attributes:
        of: the record that holds it, in a message; `what`: what one of its values is.
    """

    def __init__(self, held: Mapping[str, Held], *, of: str, what: str) -> None:
        super().__init__(held)
        self.of, self.what = of, what

    def __missing__(self, name: str) -> NoReturn:
        meant = did_you_mean(name, self) or ";"
        raise NotInRecord(f"{self.of} has no {self.what} {name!r}{meant} it has {', '.join(self) or 'none'}")
