"""Stand-ins for the classes that a pickle names: what they would hold is passed over, and no code of theirs is run.

A checkpoint holds often enough an `argparse.Namespace` or a number of numpy's beside its tensors, and torch's
`weights_only` reader takes neither. It is given an empty class of the same name for each of them here; nothing that
the file names is imported.
"""

from __future__ import annotations

import pickletools
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

Name = tuple[str, str]
"""A module and what it is called in it."""


def names_in(file: Path) -> list[Name]:
    """What a file of torch.save names, in the order of the file, without unpickling it; [] where it is damaged."""
    try:
        if not zipfile.is_zipfile(file):
            with file.open("rb") as opened:
                return [
                    name for _ in range(4) for name in _named(opened)
                ]  # three pickles stand before the one
        with zipfile.ZipFile(file) as archive:
            inner = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(inner) as opened:
                return list(_named(opened))
    except (ValueError, OSError, StopIteration, zipfile.BadZipFile):
        return []


def _named(opened: IO[bytes]) -> list[Name]:
    """The names in one pickle of the protocol that torch.save and its reader have, 2."""
    names = (str(argument) for opcode, argument, _ in pickletools.genops(opened) if opcode.name == "GLOBAL")
    return list(dict.fromkeys(_renamed(*name.split(" ", 1)) for name in names))


def is_foreign(name: Name) -> bool:
    """Whether a name is of neither torch nor the containers that every state_dict is made of."""
    return name[0].split(".")[0] not in ("torch", "collections", "_codecs")


def _renamed(module: str, name: str) -> Name:
    """By the name of today: pickles of torch.save have those of Python 2."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def stand_ins(names: list[Name], used: list[str]) -> list[Any]:
    """One empty class per name.

    Args:
        names: module and name of each.
        used: gets the name of each class that the file asks an object of, when it does.
    """
    return [_stand_in(module, name, used) for module, name in names]


def _stand_in(module: str, name: str, used: list[str]) -> type:
    """A class that makes empty objects: dicts, which torch's reader can fill, but for numpy's, which have no keys."""

    def make(cls: type, *_: object, **__: object) -> object:
        used.append(f"{module}.{name}")
        return object.__new__(cls) if module.split(".")[0] == "numpy" else OrderedDict()

    def pass_over(self: object, state: object) -> None:
        pass

    members = {"__new__": make, "__setstate__": pass_over, "__module__": module, "__qualname__": name}
    return type(name, (), members)
