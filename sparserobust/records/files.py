"""Files of records: written whole or not at all, and sealed with the sha256 of their content."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

RUN_FILE = "run.json"
EXPERIMENT_FILE = "experiment.toml"
SEAL = "content_sha256"


def content_sha256(raw: dict[str, Any]) -> str:
    """sha256 of a record's content: its JSON with sorted keys and without spaces, the seal itself left out."""
    content = {key: value for key, value in raw.items() if key != SEAL}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sealed(text: str) -> bytes:
    """A record's JSON with the sha256 of its content in it."""
    raw = json.loads(text)
    raw = {SEAL: content_sha256(raw), **raw}
    return json.dumps(raw, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def write_atomic(path: Path, content: bytes) -> None:
    """Writes to a temporary name beside `path` and renames, so that nothing half-written stays."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, *, before: float) -> None:
    """Removes what processes that were killed while they wrote left in a folder: temporary files of ours.

    Args:
        before: seconds since 1970; a younger file may be one that somebody is writing.
    """
    for pattern in (f".{RUN_FILE}.*", ".model.sparse.*", ".training-*.checkpoint.*", f".{EXPERIMENT_FILE}.*"):
        for file in folder.glob(pattern):
            with suppress(OSError):
                if file.stat().st_mtime < before:
                    file.unlink()


def set_aside(file: Path) -> Path:
    """Gives a file another name beside it, `replaced-1.json` or the next that is free; returns it."""
    free = next(
        p for n in itertools.count(1) if not (p := file.with_name(f"replaced-{n}{file.suffix}")).exists()
    )
    return file.rename(free)
