"""The saved-model file: safetensors with the kept values, packed masks, everything else, and a JSON header.

Nothing is ever unpickled and no name in a file is ever imported.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sparserobust.errors import OtherVersion, RecordError
from sparserobust.records.files import write_atomic

FORMAT = "sparserobust model"
FORMAT_VERSION = "1"
MODEL_FILE = "model.sparse"
"""In the folder of a run."""


def write_model(path: str | os.PathLike[str], header: dict[str, Any], tensors: dict[str, Tensor]) -> Path:
    """Writes the file, complete or not at all; returns its path."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "version": FORMAT_VERSION, "header": json.dumps(header)}
    write_atomic(file, save(plain, metadata))
    return file


def file_sha256(path: str | os.PathLike[str]) -> str:
    """sha256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_file(path: str | os.PathLike[str]) -> Path:
    """The saved-model file that a path names: itself, or the one in the folder of a run.

    Raises:
        RecordError: a folder without one.
    """
    place = Path(path)
    if not place.is_dir():
        return place
    if (place / MODEL_FILE).is_file():
        return place / MODEL_FILE
    inner = sorted(place.glob(f"*/{MODEL_FILE}"))
    hint = f"; did you mean {inner[0].parent}?" if inner else "; name a saved model or the folder of a run"
    raise RecordError(f"{place} is a folder without {MODEL_FILE}{hint}")


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The header of a saved model alone: what it is, without its weights.

    Raises:
        RecordError: unreadable, not a saved model of this library, or of another version.
    """
    return _read(path, tensors=False)[0]


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a saved model.

    Raises:
        RecordError: unreadable, not a saved model of this library, or of another version.
    """
    return _read(path, tensors=True)


def _read(path: str | os.PathLike[str], *, tensors: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    file = Path(path)
    if not file.is_file():
        raise RecordError(
            f"{file} is not there; name a file that Subject.save or `sparserobust evaluate` wrote"
        )
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise OtherVersion(f"{file} is a safetensors file but not a saved model of this library")
            if metadata.get("version") != FORMAT_VERSION:
                raise OtherVersion(
                    f"{file} has format version {metadata.get('version')!r}, expected {FORMAT_VERSION}; "
                    "load it with the sparserobust that wrote it"
                )
            header = json.loads(metadata["header"])
            names = opened.keys() if tensors else ()
            found = {name: opened.get_tensor(name) for name in names}
    except (SafetensorError, KeyError, ValueError) as error:
        raise RecordError(
            f"{file} is not a readable saved model ({error}); weights of a network are named by --weights"
        ) from None
    return header, found
