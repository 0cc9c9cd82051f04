"""The content of files as sha256; one that has not changed is read once in a process."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path


def file_digest(path: Path) -> str:
    """sha256 of a file's content, "" where it cannot be read."""
    try:
        found = path.stat()
        return _content(path, found.st_mtime_ns, found.st_size, found.st_ino)
    except OSError:
        return ""


def folder_digest(folder: Path) -> str:
    """sha256 over all files below a folder, data among them, by their names in it; what Python compiled is left out.

    A folder that is not there counts as an empty one.
    """
    found = {}
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if path.suffix != ".pyc" and not name.startswith("."):
                found[path.relative_to(folder).as_posix()] = file_digest(path)
    return digest_of(found)


def digest_of(facts: object) -> str:
    """sha256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def _content(path: Path, _mtime: int, _size: int, _inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
