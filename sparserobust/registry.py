"""Methods and evaluators by name, found through entry points and imported only when used."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sparserobust.errors import PluginError, did_you_mean


class Registry:
    """The plugins of one entry-point group; built-ins and third parties alike.

    Listing reads installed metadata only; `load` imports one plugin. A plugin that fails to import raises
    when it is used and hurts no other. The same name from two distributions is an error for that name.
    """

    def __init__(self, group: str, kind: str) -> None:
        self.group = group
        self.kind = kind

    def _found(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=self.group):
            same = found.setdefault(entry.name, [])
            if all(entry.value != other.value for other in same):  # one installation can be seen twice
                same.append(entry)
        return found

    def names(self) -> list[str]:
        """All names, in the order their distributions declare them; imports nothing."""
        return list(self._found())

    def third_party(self) -> list[str]:
        """The names that another distribution than ours declares, in their order; imports nothing."""
        return [name for name, entries in self._found().items() if any(not _ours(entry) for entry in entries)]

    def declared(self, name: str) -> list[tuple[str, EntryPoint]]:
        """(distribution, entry point) of all that declare a name, each once; imports nothing."""
        return [(_distribution(entry), entry) for entry in self._found().get(name, [])]

    def load(self, name: str) -> Any:
        """The class behind a name.

        Raises:
            PluginError: the name is unknown, defined twice, or its import fails.
        """
        if not isinstance(name, str):
            raise PluginError(f"{self.kind}s are named by text, got {name!r}")
        found = self._found()
        if name not in found:
            hint = did_you_mean(name, found)
            raise PluginError(
                f"unknown {self.kind} {name!r}{hint} `sparserobust list {self.kind}s` shows all {len(found)}"
                if hint
                else f"unknown {self.kind} {name!r}; `sparserobust list {self.kind}s` shows all {len(found)}"
            )
        entries = found[name]
        if len(entries) > 1:
            places = " and ".join(f"{entry.value} ({_distribution(entry)})" for entry in entries)
            raise PluginError(f"{self.kind} {name!r} is defined twice, by {places}; uninstall or rename one")
        entry = entries[0]
        try:
            return entry.load()
        except Exception as error:
            raise PluginError(
                f"{self.kind} {name!r} from {_distribution(entry)} ({entry.value}) failed to load: "
                f"{type(error).__name__}: {error}"
            ) from error


def _ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == "sparserobust"


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unnamed distribution"


methods = Registry("sparserobust.methods", "method")
evaluators = Registry("sparserobust.evaluators", "evaluator")
sections = Registry("sparserobust.sections", "section")
