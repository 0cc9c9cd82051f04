"""The weights file that a path names: there, a file, and not empty."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sparserobust.errors import ModelError, did_you_mean
from sparserobust.storage.modelfile import MODEL_FILE

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar", ".th")
"""Under which weights usually go; what a file is, its content says."""
LONGEST_NAME = 80


def weights_file(path: str | os.PathLike[str]) -> Path:
    """The file that the path names.

    Raises:
        ModelError: there is none, it is a folder, empty, or cannot be read.
    """
    if not isinstance(path, str | os.PathLike):
        raise ModelError(
            f"weights are loaded from a file, got {type(path).__name__}; a dict goes into model.load_state_dict"
        )
    file = Path(path)
    try:
        file.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ModelError(
            f"{str(file)[:100]} cannot be opened ({error.strerror}); name a weights file"
        ) from None
    if file.is_dir():
        raise ModelError(f"{file} is a folder, expected a weights file; {_in_folder(file)}")
    if not file.is_file():
        raise ModelError(f"{file} is not there; weights are a safetensors file or a state_dict{_near(file)}")
    try:
        size = file.stat().st_size
        with file.open("rb"):
            pass
    except OSError as error:
        raise ModelError(
            f"{file} cannot be opened ({error.strerror}); name a file that you may read"
        ) from None
    if size == 0:
        raise ModelError(f"{file} is empty (0 bytes), expected a weights file; save or download it again")
    return file


def _near(file: Path) -> str:
    try:
        return did_you_mean(file.name, (own.name for own in file.parent.iterdir()))
    except OSError:
        return ""


def _in_folder(folder: Path) -> str:
    """What to do instead, by what lies in the folder."""
    try:
        names = sorted(own.name for own in folder.iterdir())
    except OSError as error:
        return f"it cannot be looked into ({error.strerror})"
    if MODEL_FILE in names:
        return f"it holds {MODEL_FILE}, a saved model: load_subject({str(folder)!r}) gives it back"
    if any(name.endswith(".distcp") for name in names):
        return (
            "it is a distributed checkpoint: torch.distributed.checkpoint.format_utils.dcp_to_torch_save "
            f"({str(folder)!r}, 'weights.pth') makes one file of it"
        )
    if any(name.endswith(".index.json") for name in names):
        return (
            "its weights are split over several files: load them in a function of your own, and save "
            "model.state_dict() in one"
        )
    found = [name for name in names if name.lower().endswith(SUFFIXES)]
    if found:
        return f"name {listed(found)} in it"
    return "there is none in it: name a safetensors file or a state_dict"


def plain(name: str) -> str:
    """A name from a file as it may stand in a line: printable, and not longer than 80 characters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in name)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 3]}..."


def listed(names: Iterable[str]) -> str:
    """At most three of the names, and how many more there are."""
    shown = [plain(name) for name in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
