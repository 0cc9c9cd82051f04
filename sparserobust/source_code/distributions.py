"""Which installed distribution a file belongs to, and what tells one state of it from another."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from sparserobust.source_code.files import digest_of, file_digest

OURS = "sparserobust"
LOADED = (".py", ".so", ".pyd")
"""The endings of what can be imported."""
PLUGIN = re.compile(rf"^Requires-Dist:\s*{OURS}(?![\w.-])|^\[{OURS}\.", re.MULTILINE | re.IGNORECASE)
"""What the metadata of a plugin say: that it needs sparserobust, or has entry points for it."""


class Distribution:
    """One distribution that is installed, editable or not.

    Attributes:
        base: the folder that it is installed in.
        record: the text of its RECORD, which lists its files; None without one.
    """

    def __init__(self, found: metadata.Distribution) -> None:
        self._found = found
        self.base = Path(os.path.realpath(str(found.locate_file(""))))
        self.record = found.read_text("RECORD")

    @cached_property
    def name(self) -> str:
        """Its name in the form that is compared."""
        return re.sub(r"[-_.]+", "-", str(self._found.metadata["Name"])).lower()

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """(path relative to `base`, hash) of its own files, without scripts and metadata, sorted."""
        rows = csv.reader((self.record or "").splitlines())
        return sorted((row[0], "".join(row[1:2])) for row in rows if _is_own(row))

    def loaded(self) -> Iterator[str]:
        """The paths of what of it can be imported; a name in quotes, with a comma in it, is none."""
        paths = (line.split(",", 1)[0] for line in (self.record or "").splitlines())
        return (os.path.join(self.base, path) for path in paths if path.endswith(LOADED) and path[0] != ".")

    @cached_property
    def is_plugin(self) -> bool:
        """Whether it depends on sparserobust or adds something to it; we ourselves are none."""
        texts = [self._found.read_text(name) or "" for name in ("METADATA", "PKG-INFO", "entry_points.txt")]
        return self.name != OURS and PLUGIN.search("\n".join(texts)) is not None

    @cached_property
    def release(self) -> list[str]:
        """Name, version and sha256 of its RECORD's rows: what a library counts by."""
        return [self.name, str(self._found.version), digest_of(self.rows)]

    def content(self) -> list[object]:
        """Name, version and sha256 of each of its files as they are now: what a plugin counts by."""
        return [*self.release[:2], {path: file_digest(self.base / path) for path, _ in self.rows}]

    def editable_from(self) -> Path | None:
        """The project's folder where it is installed in editable form, else None."""
        origin = json.loads(self._found.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return Path(os.path.realpath(url2pathname(urlparse(origin["url"]).path)))
        installed = self.record is not None or self.base.name in ("site-packages", "dist-packages")
        return None if installed else self.base

    def top_level(self) -> Iterator[Path]:
        """Where its packages are, as far as the metadata tell without a RECORD."""
        names = (self._found.read_text("top_level.txt") or self.name.replace("-", "_")).split()
        return (self.base / name for name in names)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The distribution of a file, and whether it is installed in editable form."""

    distribution: Distribution
    editable: bool


@dataclass(frozen=True, kw_only=True)
class Installed:
    """All that is installed, by where it is.

    Attributes:
        files: of which a RECORD tells; `folders`: packages of distributions without a RECORD.
        projects: the folders of editable distributions.
    """

    files: dict[str, Distribution]
    folders: dict[str, Distribution]
    projects: dict[str, Distribution]


def owner_of(file: str) -> Owner | None:
    """Who has installed a file, None where it is somebody's own.

    The distribution sparserobust owns nothing here: its modules count one by one, wherever it is installed.
    """
    found = _installed(tuple((place, _mtime(place)) for place in sys.path))
    folder, name = os.path.split(os.path.abspath(file))
    for path in (os.path.join(os.path.realpath(folder), name), os.path.realpath(file)):
        distribution = found.files.get(path) or _nearest(found.folders, path)
        editable = distribution is None
        distribution = distribution or _nearest(found.projects, path)
        if distribution is not None:
            return None if distribution.name == OURS else Owner(distribution=distribution, editable=editable)
    return None


@lru_cache(maxsize=2)
def _installed(_places: tuple[tuple[str, int], ...]) -> Installed:
    found = Installed(files={}, folders={}, projects={})
    for each in reversed(list(metadata.distributions())):  # the first on the path comes last and stays
        try:
            distribution = Distribution(each)
            project = distribution.editable_from()
        except Exception:  # broken metadata own nothing
            continue
        if project is not None:
            found.projects[str(project)] = distribution
        elif distribution.record is not None:
            found.files.update(dict.fromkeys(distribution.loaded(), distribution))
        else:
            for top in distribution.top_level():
                found.folders.update({str(top): distribution, f"{top}.py": distribution})
    return found


def _nearest(folders: dict[str, Distribution], path: str) -> Distribution | None:
    places = (str(place) for place in (Path(path), *Path(path).parents)) if folders else ()
    return next((folders[place] for place in places if place in folders), None)


def _is_own(row: list[str]) -> bool:
    """Whether a row of a RECORD is a file that came with the distribution, the same on every machine."""
    if not row or os.path.isabs(row[0]) or row[0].startswith(".."):
        return False
    return not row[0].endswith(".pyc") and not row[0].split("/")[0].endswith((".dist-info", ".data"))


def _mtime(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:
        return 0
