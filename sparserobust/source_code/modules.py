"""One module: what it counts by, and which modules it imports."""

from __future__ import annotations

import json
import os
import secrets
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType

from sparserobust.source_code.distributions import owner_of
from sparserobust.source_code.files import digest_of, file_digest, folder_digest
from sparserobust.source_code.imports import imported_names

TORCH = "torch"
"""A library wherever it is, also where it was built from source: it is too large to be read."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """A module as it was when it was first looked at after its import.

    Attributes:
        facts: what it counts by, as JSON; "" for Python's own and where there is no file.
        imports: names of the modules that it imports; none are looked for in a library.
        standard: whether it is Python's own; `library`: it belongs to an installed distribution that knows nothing
            of us.
        file: that it comes from, None where there is none, as in a notebook; `root`: the folder of its first package.
    """

    facts: str
    imports: tuple[str, ...] = ()
    standard: bool = False
    library: bool = False
    file: str | None = None
    root: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a module comes from, loaded or not: its file, the folders of its submodules if it is a package."""

    file: str | None
    folders: list[str] | None


def module_of(name: str, near: str = "") -> Module:
    """The module of this name.

    A module that is loaded counts as it was loaded: what changes in its file later does not until it is loaded again.

    Args:
        name: in full; it need not be loaded, nor be there.
        near: a folder to look in first.
    """
    loaded = sys.modules.get(name)
    if loaded is None:
        place = _place(name, near)
        return Module(facts="") if place is None else _read(name, place, None)
    state = getattr(loaded, "__spec__", None) or loaded  # importing a module again gives it another spec
    known = _looked_at().get(name)
    if known is None or known[0] is not state:
        known = _looked_at()[name] = (state, _read(name, _loaded_place(loaded), loaded))
    return known[1]


def is_library(name: str) -> bool:
    """Whether a module is Python's own or belongs to an installed distribution that knows nothing of us."""
    module = module_of(name)
    return module.standard or module.library


@cache
def _looked_at() -> dict[str, tuple[object, Module]]:
    """Name -> (which import of the module, what was found): nothing is looked at twice."""
    return {}


def _read(name: str, place: Place, loaded: ModuleType | None) -> Module:
    file = place.file
    if _is_standard(name, file):
        return Module(facts="", standard=True, file=file)
    if _is_in_library(name, file):
        return Module(facts=json.dumps(["library", *_release(name, file)]), library=True, file=file)
    if file is None or not os.path.isfile(file):
        return Module(facts="")
    owner, root = owner_of(file), str(_root(name, place, file))
    facts: list[object] = ["module", name, _edited(loaded) or file_digest(Path(file))]
    if owner is not None and owner.distribution.is_plugin:
        facts.append(digest_of(owner.distribution.content()))
        if owner.distribution.record is None or owner.editable:
            facts.append(folder_digest(Path(root, name.split(".")[0])))
    package = getattr(loaded, "__package__", None) or (
        name if place.folders is not None else name.rpartition(".")[0]
    )
    named = _imported(file, package, file_digest(Path(file))) | _held(loaded)
    imports = {each for each in named if _exists(each, root)}
    return Module(facts=json.dumps(facts), imports=tuple(sorted(imports)), file=file, root=root)


def _is_in_library(name: str, file: str | None) -> bool:
    if name.split(".")[0] == TORCH:
        return True
    owner = owner_of(file) if file is not None else None
    return owner is not None and not owner.editable and not owner.distribution.is_plugin


def _release(name: str, file: str | None) -> list[str]:
    owner = owner_of(file) if file is not None else None
    if owner is not None:
        return owner.distribution.release
    return [name.split(".")[0], str(getattr(sys.modules.get(TORCH), "__version__", ""))]


@cache
def _imported(file: str, package: str, _digest: str) -> set[str]:
    """The names that the text of a module imports."""
    try:
        return imported_names(Path(file).read_bytes(), package) if file.endswith(".py") else set()
    except OSError:
        return set()


def _held(loaded: ModuleType | None) -> set[str]:
    """The modules of what a module holds, however it came by it; its own submodules are there by chance.

    Libraries are left out: what is theirs may come from others of them, and not every process has loaded it.
    """
    if loaded is None:
        return set()
    found = set()
    for value in list(vars(loaded).values()):
        if isinstance(value, ModuleType):
            found.add(value.__name__)
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            found.add(str(value.__module__))
    own = {name for name in found if not name.startswith(f"{loaded.__name__}.")}
    return {name for name in own if (place := _place(name, "")) and not _is_in_library(name, place.file)}


def _exists(name: str, near: str) -> bool:
    place = _place(name, near)
    return place is not None and not _is_standard(name, place.file)


def _place(name: str, near: str) -> Place | None:
    """Where a module would be loaded from; None where there is none. Nothing is executed."""
    parts = name.split(".")
    place = Place(file=None, folders=[near, *sys.path] if near else sys.path)
    for end in range(1, len(parts) + 1):
        full = ".".join(parts[:end])
        if place.folders is None:
            return None
        if (loaded := sys.modules.get(full)) is not None:
            place = _loaded_place(loaded)
            continue
        try:
            spec = PathFinder.find_spec(full, place.folders)
        except Exception:  # whatever a finder does with a name that is none
            spec = None
        if spec is None:
            return None
        within = spec.submodule_search_locations
        place = Place(file=spec.origin, folders=None if within is None else list(within))
    return place


def _loaded_place(loaded: ModuleType) -> Place:
    file, folders = getattr(loaded, "__file__", None), getattr(loaded, "__path__", None)
    return Place(
        file=file if isinstance(file, str) else None, folders=None if folders is None else list(folders)
    )


def _root(name: str, place: Place, file: str) -> Path:
    """The folder that the first part of a module's name is in."""
    depth = name.count(".") + (1 if place.folders is not None else 0)
    folders = Path(os.path.abspath(file)).parents
    return folders[min(depth, len(folders) - 1)]


def _is_standard(name: str, file: str | None) -> bool:
    """Whether a module is Python's own; one of the same name in another place is not."""
    if name.split(".")[0] not in sys.stdlib_module_names or name == "__main__":
        return False
    return file is None or os.path.realpath(file).startswith(_standard_folders())


@cache
def _standard_folders() -> tuple[str, ...]:
    return tuple(os.path.realpath(sysconfig.get_path(key)) + os.sep for key in ("stdlib", "platstdlib"))


def _edited(loaded: ModuleType | None) -> str | None:
    """A mark that fits no other process where the file of a module is not what was loaded, as far as that can be told.

    Python keeps beside a compiled module when its source was written, and how long it was.
    """
    spec = getattr(loaded, "__spec__", None)
    if spec is None or type(spec.loader) is not SourceFileLoader or sys.dont_write_bytecode:
        return None
    try:
        with open(spec.cached, "rb") as compiled:
            head = compiled.read(16)
        now = os.stat(spec.origin)
        if not os.access(os.path.dirname(spec.cached), os.W_OK):
            return None
    except (OSError, TypeError):
        return None
    kept = [int.from_bytes(head[place : place + 4], "little") for place in (4, 8, 12)]
    loaded_from = [0, int(now.st_mtime) & 0xFFFFFFFF, now.st_size & 0xFFFFFFFF]
    return None if kept[0] != 0 or kept == loaded_from else digest_of(["edited", spec.name, _process()])


@cache
def _process() -> str:
    return secrets.token_hex(16)
