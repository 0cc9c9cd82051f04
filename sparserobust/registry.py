"""Methods, evaluators, networks, data sets and report sections by name: found through entry points, imported when used.

What a built-in needs is what a plugin needs: an entry point of its own. Listing imports nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from pathlib import Path
from typing import Any, TypeVar

from sparserobust.docstrings import find_spec, first_line
from sparserobust.errors import DataError, ModelError, PluginError, SparseRobustError, did_you_mean

T = TypeVar("T")


class Registry:
    """The plugins of one entry-point group; built-ins and third parties alike.

    Listing reads installed metadata only; `load` imports one plugin. A plugin that fails to import raises
    when it is used and hurts no other. The same name from two distributions is an error for that name.

    Args:
        group: of the entry points.
        one: the word for one of them.
        many: that `sparserobust list` knows them by; `one` with an s where it is not given.
        unknown: the error for a name that is not there.
        besides: what an error adds about names that the group does not hold.
    """

    def __init__(
        self,
        group: str,
        one: str,
        many: str | None = None,
        *,
        unknown: type[SparseRobustError] = PluginError,
        besides: str = "",
    ) -> None:
        self.group = group
        self.one = one
        self.many = many or f"{one}s"
        self._error = unknown
        self._besides = besides

    def _found(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for entry in _readable(self.group):
            same = found.setdefault(entry.name, [])
            if all(entry.value != other.value for other in same):  # one installation can be seen twice
                same.append(entry)
        one_of = {id(entry.dist): entry for same in found.values() for entry in same}
        theirs = {dist for dist, entry in one_of.items() if not _ours(entry)}  # each name is parsed once
        return dict(sorted(found.items(), key=lambda item: any(id(e.dist) in theirs for e in item[1])))

    def names(self) -> list[str]:
        """All names, ours first, in the order their distributions declare them; imports nothing."""
        return list(self._found())

    def third_party(self) -> list[str]:
        """The names that another distribution than ours declares, in their order; imports nothing."""
        return [name for name, entries in self._found().items() if any(not _ours(entry) for entry in entries)]

    def declared(self, name: str) -> list[tuple[str, EntryPoint]]:
        """(distribution, entry point) of all that declare a name, each once; imports nothing."""
        return [(_distribution(entry), entry) for entry in self._found().get(name, [])]

    def unknown(self, name: object, known: Iterable[str]) -> SparseRobustError:
        """The error for a name that is none of those known, with the nearest of them."""
        hint = did_you_mean(str(name), known) or ";"
        shows = f"`sparserobust list {self.many}` shows all {len(self.names())}{self._besides}"
        return self._error(f"unknown {self.one} {name!r}{hint} {shows}")

    def require(self, name: str) -> None:
        """Raises unless there is one plugin of that name; imports nothing.

        Raises:
            PluginError: it is defined twice, or no text. The error given for unknown names: it is not there.
        """
        self._entry(name)

    def _entry(self, name: str) -> EntryPoint:
        if not isinstance(name, str):
            raise PluginError(f"{self.one}s are named by text, got {name!r}")
        found = self._found()
        if name not in found:
            raise self.unknown(name, found)
        return self._only(found[name])

    def _only(self, entries: list[EntryPoint]) -> EntryPoint:
        """The one entry of a name."""
        if len(entries) > 1:
            places = " and ".join(f"{entry.value} ({_distribution(entry)})" for entry in entries)
            name = entries[0].name
            raise PluginError(f"{self.one} {name!r} is defined twice, by {places}; uninstall or rename one")
        return entries[0]

    def about(self, name: str) -> str:
        """The first line of a plugin's docstring, "" where none can be read; imports nothing.

        Raises:
            PluginError: it is defined twice, or its import is bound to fail: a module or name that is not there, a
                syntax error. What fails only while it is imported is not seen here.
        """
        return self._about(self._entry(name))

    def about_all(self) -> dict[str, str | PluginError]:
        """Name -> what `about` returns or raises, for all."""
        lines: dict[str, str | PluginError] = {}
        for name, entries in self._found().items():
            try:
                lines[name] = self._about(self._only(entries))
            except PluginError as error:
                lines[name] = error
        return lines

    def _about(self, entry: EntryPoint) -> str:
        try:
            return first_line(entry.module, entry.attr)
        except Exception as error:  # a finder may raise anything, and hurts no other plugin
            raise self._failed(entry, error) from error

    def origin(self, name: str) -> str:
        """Where a plugin comes from: "its-distribution (module:name)"."""
        return _origin(self._entry(name))

    def load(self, name: str) -> Any:
        """What is behind a name: a class, or for networks and data sets a function.

        Raises:
            PluginError: the name is defined twice, or its import fails. The error given for unknown names: it is
                not there.
        """
        entry = self._entry(name)
        try:
            return entry.load()
        except (Exception, SystemExit) as error:
            raise self._failed(entry, error) from error

    def kind(self, name: str, base: type[T]) -> type[T]:
        """The class behind a name.

        Args:
            base: that it must derive from.

        Raises:
            PluginError: as `load`; or it is no such class, or calls itself otherwise than its entry point.
        """
        found = self.load(name)
        if not (isinstance(found, type) and issubclass(found, base)):
            got = found.__name__ if isinstance(found, type) else repr(found)
            wanted = f"{base.__module__.rpartition('.')[0]}.{base.__name__}"
            raise PluginError(f"{self.one} {name!r} must be a class derived from {wanted}, got {got}")
        if (own := getattr(found, "name", None)) != name:
            raise PluginError(
                f"{self.one} {name!r} ({found.__module__}:{found.__qualname__}) says that its name is {own!r}; "
                "let it be that of its entry point"
            )
        return found

    def function(self, name: str, returns: type[T]) -> Callable[..., T]:
        """The function behind a name, made to check that what it returns is of this type.

        Where a plugin raises anything but an error of ours, or returns something else, it raises a PluginError.

        Raises:
            PluginError: as `load`. The error given for unknown names: it is not there.
        """
        plugin, where = self.load(name), f"{self.one} {name!r} from {self.origin(name)}"

        @functools.wraps(plugin)
        def checked(*arguments: object, **options: object) -> T:
            try:
                made = plugin(*arguments, **options)
            except SparseRobustError:
                raise
            except (Exception, SystemExit) as error:
                text = " ".join(str(error).split())
                raise PluginError(f"{where} failed: {type(error).__name__}: {text}") from error
            if not isinstance(made, returns):
                raise PluginError(f"{where} must return a {returns.__name__}, got {type(made).__name__}")
            return made

        return checked

    def _failed(self, entry: EntryPoint, error: BaseException) -> PluginError:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        what = f"{self.one} {entry.name!r} from {_origin(entry)}"
        return PluginError(f"{what} failed to load: {_hidden(entry) or text}")


def _readable(group: str) -> Iterable[EntryPoint]:
    """The entry points of a group; a distribution whose metadata cannot be read has none."""
    try:
        return entry_points(group=group)
    except Exception:  # one bad file of anybody's spoils them all
        return [entry for dist in distributions() for entry in _entries(dist) if entry.group == group]


def _entries(dist: Distribution) -> Iterable[EntryPoint]:
    try:
        return list(dist.entry_points)
    except Exception:
        return ()


def _ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == "sparserobust"


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unnamed distribution"


def _origin(entry: EntryPoint) -> str:
    return f"{_distribution(entry)} ({entry.value})"


def _hidden(entry: EntryPoint) -> str:
    """What stands in the way of a plugin of ours: a folder of the same name that Python finds first; "" if nothing."""
    if not _ours(entry):
        return ""
    package = entry.module.partition(".")[0]
    try:
        spec = find_spec(package)
    except ImportError:
        return ""
    folders = list(spec.submodule_search_locations or ())
    place = folders[0] if folders else str(spec.origin)
    if Path(place).resolve().parent == Path(__file__).resolve().parents[1]:
        return ""
    kind = "folder" if folders else "file"
    return f"{package} is {place}, which hides the {package} of sparserobust; rename that {kind} or run from elsewhere"


LIBRARIES = {"torchvision": "resnet50", "timm": "vit_tiny_patch16_224"}
"""Libraries whose classifiers are networks by name, `LIBRARY:NAME`, each with one of its names."""


def library_of(name: str) -> str:
    """ "timm" of "timm:NAME"; "" where the name is of no library of networks."""
    library, colon, _ = str(name).partition(":")
    return library if colon and library in LIBRARIES else ""


methods = Registry("sparserobust.methods", "method")
evaluators = Registry("sparserobust.evaluators", "evaluator")
models = Registry(
    "sparserobust.models",
    "model",
    unknown=ModelError,
    besides=(
        f", {' and '.join(f'{library}:NAME' for library in LIBRARIES)} are any of theirs, and in an experiment "
        "package.module:callable is your own"
    ),
)
data = Registry(
    "sparserobust.data",
    "data set",
    "data",
    unknown=DataError,
    besides=", NAME:PATH reads one from PATH, package.module:callable is your own",
)
sections = Registry("sparserobust.sections", "section")
