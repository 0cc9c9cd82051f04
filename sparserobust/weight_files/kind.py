"""What a file is, by its first bytes and not by its suffix: one that is read here, or what else, and what to do."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from sparserobust.errors import ModelError
from sparserobust.weight_files.place import SUFFIXES, listed

Kind = Literal["safetensors", "torch"]

LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The number with which files of torch.save begin that are no zip archives, pickled."""
LONGEST_HEADER = 100_000_000  # bytes; of safetensors

_AGAIN = "download it again"
_CONVERT = "save model.state_dict() with torch.save, or a safetensors file"
_SIGNS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "it is a git-lfs pointer", "`git lfs pull` fetches the file itself"),
    (b"<", "it is a web page (HTML or XML)", _AGAIN),
    (b"\x93NUMPY", "it is a numpy array", _CONVERT),
    (b"\x89HDF", "it is HDF5, as Keras writes it", _CONVERT),
    (b"GGUF", "it is GGUF, of llama.cpp", _CONVERT),
    (b"\x1f\x8b", "it is compressed (gzip)", "unpack it and name the file inside"),
    (b"BZh", "it is compressed (bzip2)", "unpack it and name the file inside"),
    (b"\xfd7zXZ", "it is compressed (xz)", "unpack it and name the file inside"),
    (b"\x28\xb5\x2f\xfd", "it is compressed (zstd)", "unpack it and name the file inside"),
    (b"7z\xbc\xaf", "it is compressed (7z)", "unpack it and name the file inside"),
)
_SCRIPT = "save torch.jit.load('FILE').state_dict(), or return torch.jit.load('FILE') from a module:callable"
_EXPORTED = "save torch.export.load('FILE').state_dict, or return its .module() from a module:callable"


def kind_of(file: Path) -> Kind:
    """Which reader the file is for.

    Raises:
        ModelError: neither; the message says what it is as far as that shows.
    """
    with file.open("rb") as opened:
        start = opened.read(512)
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and 2 <= header <= LONGEST_HEADER:
        return "safetensors"
    if start.startswith(b"PK"):
        _require_checkpoint(file)
        return "torch"
    if start[:1] == b"\x80" and LEGACY in start[:24]:
        return "torch"
    raise unreadable(file, *_otherwise(file, start))


def unreadable(file: Path, what: str, do: str) -> ModelError:
    """The refusal of a file that holds no weights which could be read here; FILE in the advice becomes its path."""
    return ModelError(f"{file} is not a readable weights file: {what}; {do.replace('FILE', str(file))}")


def objects(classes: Sequence[str]) -> tuple[str, str]:
    """What is said of a file that holds other objects than plain ones, and what to do."""
    return (
        f"objects of {listed(dict.fromkeys(classes))}, and unpickling it could run code",
        "where you trust it, save its weights alone: model = torch.load('FILE', weights_only=False), then "
        "torch.save(model.state_dict(), 'weights.pth'), of a dict the entry that is a state_dict",
    )


def _require_checkpoint(file: Path) -> None:
    """Raises ModelError unless the zip archive is one that torch.save wrote."""
    try:
        with zipfile.ZipFile(file) as archive:
            paths = [PurePosixPath(name) for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise unreadable(file, "it is truncated or damaged", "save or download it again") from None
    names = {path.name for path in paths}
    if "constants.pkl" in names:
        raise unreadable(file, "it is a TorchScript archive, a whole network", _SCRIPT)
    if {"archive_format", "serialized_exported_program.json"} & names:
        raise unreadable(file, "it is a program of torch.export, a whole network", _EXPORTED)
    if "data.pkl" in names:
        return
    if names and all(name.endswith(".npy") for name in names):
        raise unreadable(file, "it holds numpy arrays (npz)", _CONVERT)
    inside = [str(path) for path in paths if path.suffix.lower() in SUFFIXES]
    if inside:
        raise unreadable(file, "it is a zip archive", f"unpack it and name {listed(inside)}")
    raise unreadable(file, "it is a zip archive without a checkpoint", _CONVERT)


def _otherwise(file: Path, start: bytes) -> tuple[str, str]:
    """What a file is that is neither, and what to do."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, what, do in _SIGNS:
        if text.startswith(sign):
            return what, do
    if start[257:262] == b"ustar":
        return "it is a tar archive", "unpack it and name the file inside"
    if start[:1] == b"\x80":
        return "it is a pickle that torch.save did not write, and unpickling it could run code", _CONVERT
    if file.suffix.lower() == ".onnx" or (start[:1] == b"\x08" and start[2:3] == b"\x12"):
        return "it is an ONNX network", _CONVERT
    if _is_text(start):
        return "it is text", "name a safetensors file or a state_dict"
    return "it is of no kind that is known here, or damaged", _CONVERT


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", errors="ignore")  # the last letter may be cut in two
    return len(text.encode()) >= len(start) - 3 and all(char.isprintable() or char.isspace() for char in text)
