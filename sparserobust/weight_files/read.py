"""A weights file as nested plain objects: dicts, lists, numbers, text and tensors.

No class that a file names is imported.
"""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch.serialization import safe_globals

from sparserobust.errors import ModelError, said_by
from sparserobust.storage.modelfile import FORMAT
from sparserobust.weight_files.kind import kind_of, objects, unreadable
from sparserobust.weight_files.stand_ins import is_foreign, names_in, stand_ins


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a file holds.

    Attributes:
        file: which one.
        tree: nested dicts and lists, with tensors on the CPU.
        passed_over: classes of objects that stand in the file and are empty in the tree, in its order.
    """

    file: Path
    tree: object
    passed_over: tuple[str, ...] = ()


def read(file: Path) -> Contents:
    """The contents of a safetensors file or one of torch.save.

    Raises:
        ModelError: of another kind, damaged, or of objects that cannot be passed over.
    """
    return _read_safetensors(file) if kind_of(file) == "safetensors" else _read_torch(file)


def _read_safetensors(file: Path) -> Contents:
    try:
        with safe_open(file, framework="pt") as opened:
            metadata: dict[str, str] = opened.metadata() or {}
            if metadata.get("format") == FORMAT:
                raise unreadable(
                    file,
                    "it is a saved model of this library",
                    "load_subject('FILE') gives it back, and `sparserobust evaluate FILE` scores it",
                )
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise _damaged(file, error) from None
    # safetensors.torch.save_model keeps one name of tied weights and says the others beside them
    aliases = {name: tensors[kept] for name, kept in metadata.items() if kept in tensors}
    return Contents(file=file, tree={**aliases, **tensors})


def _read_torch(file: Path) -> Contents:
    try:
        return Contents(file=file, tree=_load(file))
    except pickle.UnpicklingError:
        names = names_in(file)  # of classes that torch does not read, if that was the reason
    except Exception as error:  # whatever a damaged pickle makes torch's reader raise
        raise _damaged(file, error) from None
    used: list[str] = []
    try:
        with safe_globals(stand_ins(names, used)):
            tree = _load(file)
    except Exception:  # of objects that neither a dict nor nothing can stand for
        raise _not_passed_over(file, used or [".".join(name) for name in names if is_foreign(name)]) from None
    return Contents(file=file, tree=tree, passed_over=tuple(dict.fromkeys(used)))


def _load(file: Path) -> object:
    with warnings.catch_warnings(), file.open("rb") as opened:  # by a path torch would go by the suffix
        warnings.simplefilter("ignore")  # about protocols and storages; what is refused is said by its error
        return torch.load(opened, map_location="cpu", weights_only=True)


def _damaged(file: Path, error: Exception) -> ModelError:
    text = said_by(error)[:100] or type(error).__name__
    return unreadable(file, f"it is truncated or damaged ({text})", "save or download it again")


def _not_passed_over(file: Path, classes: list[str]) -> ModelError:
    if not classes:
        return unreadable(
            file,
            "it is pickled in another way than torch.save does it by itself (pickle_protocol 2)",
            "save it again with torch.save(model.state_dict(), path)",
        )
    what, do = objects(classes)
    return unreadable(file, f"it holds {what}", do)
