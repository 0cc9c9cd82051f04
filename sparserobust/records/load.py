"""`load_run`: a record from its file, checked, and brought from an earlier version to this one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sparserobust.errors import OtherVersion, RecordError, SparseRobustError
from sparserobust.records.base import SCHEMA_VERSION
from sparserobust.records.files import EXPERIMENT_FILE, RUN_FILE, SEAL, content_sha256
from sparserobust.records.migrations import OLDEST, migrated
from sparserobust.records.run import KIND, Run

SEALED_SINCE = 2
"""The first schema version whose files carry the sha256 of their content."""


def load_run(path: str | os.PathLike[str], *, accept_edited: bool = False) -> Run:
    """The run in a run.json or in the folder that holds one.

    Args:
        path: of the file or its folder.
        accept_edited: whether a record whose content is not what was written is taken all the same; its
            `integrity` is then "edited", and reports say so.

    Raises:
        RecordError: not there, not JSON, not a run of this library, of a newer schema, damaged, or edited.
    """
    file = Path(path)
    if file.is_dir():
        file = file / RUN_FILE
    raw = _read(file)
    version = raw.get("schema_version")
    if type(version) is not int or not OLDEST <= version <= SCHEMA_VERSION:
        raise OtherVersion(
            f"{file} has schema version {version!r}, expected {OLDEST} to {SCHEMA_VERSION}; "
            "read it with the sparserobust that wrote it"
        )
    try:
        if version >= SEALED_SINCE:
            _check_seal(raw, file, accept_edited=accept_edited)
            raw.pop("code", None)  # of a whole run, as it was kept for a while: now each outcome has its own
        raw = migrated(raw)
        return Run.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecordError(
            f"{file} is damaged: {place}: {first['msg']} ({error.error_count()} problems)"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:  # of a migration
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise RecordError(f"{file} is damaged: it cannot be read as schema {version}: {why}") from None


def load_runs(
    *paths: str | os.PathLike[str], accept_edited: bool = False, complain: Callable[[str], None] | None = None
) -> list[Run]:
    """All runs in files and folders, at any depth, in the order they were made in.

    A record that names no experiment has that of the nearest folder above it, within the path given, that holds one.

    Args:
        paths: run.json files, or folders that hold some.
        accept_edited: as for `load_run`.
        complain: is called with a line for each file that `load_run` refuses, which is then left out.

    Raises:
        RecordError: a folder without any; a file that `load_run` refuses, where nobody listens to complaints.
    """
    found = []
    for path in map(Path, paths):
        for file in _run_files(path):
            try:
                run = load_run(file, accept_edited=accept_edited)
            except SparseRobustError as error:
                if complain is None:
                    raise
                complain(f"{error}; left out")
            else:
                found.append(_with_experiment(run, file, path))
    return sorted(found, key=lambda run: run.environment.created)


def _run_files(path: Path) -> list[Path]:
    """The file itself, or every run.json below the folder, sorted."""
    if not path.is_dir():
        return [path]
    files = sorted(path.rglob(RUN_FILE))
    if not files:
        raise RecordError(f"{path} holds no {RUN_FILE}; name a folder that `sparserobust evaluate` wrote")
    return files


def _with_experiment(run: Run, file: Path, top: Path) -> Run:
    if run.experiment is not None:
        return run
    folders = [folder for folder in file.parents if folder == top or top in folder.parents]
    for folder in folders:
        try:
            return run.model_copy(update={"experiment": (folder / EXPERIMENT_FILE).read_text("utf-8")})
        except (OSError, UnicodeDecodeError):
            pass
    return run


def _read(file: Path) -> dict[str, Any]:
    try:
        raw = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise RecordError(
            f"{file} cannot be read ({error.strerror}); name a run.json or its folder"
        ) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{file} is not JSON ({error}); it may be damaged") from None
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise OtherVersion(f"{file} is not a record of this library (kind is not {KIND!r})")
    return raw


def _check_seal(raw: dict[str, Any], file: Path, *, accept_edited: bool) -> None:
    """Takes the seal off; a record that does not match it is refused, or marked as edited."""
    seal = raw.pop(SEAL, None)
    if seal == content_sha256(raw):
        return
    if not accept_edited:
        how = "was edited after writing: its content does not match its sha256" if seal else "has no sha256"
        raise RecordError(f"{file} {how}; measure again, or accept it with --accept-edited")
    raw["integrity"] = "edited"
