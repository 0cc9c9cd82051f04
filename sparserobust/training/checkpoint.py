"""A training under way as a file: what one that was killed goes on from, to the same weights bit for bit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from sparserobust.data import AnySet
from sparserobust.data.digest import digest_of
from sparserobust.errors import ConfigError, RecordError
from sparserobust.source_code import code_digest
from sparserobust.storage.modelfile import read_model, write_model
from sparserobust.storage.tree import pack, unpack
from sparserobust.subject import Subject
from sparserobust.training.recipe import Recipe
from sparserobust.weights.fingerprint import fingerprint
from sparserobust.weights.plan import sha256_of

KIND = "training"


def identity(subject: Subject, recipe: Recipe, seed: int, train_set: AnySet, val_set: AnySet | None) -> str:
    """What a training starts from, as sha256: model, masks, method, recipe, seed and examples.

    The code of the model counts, and that of a method that prunes while it trains; another method is in its masks.
    """
    facts = [subject.label, subject.params, subject.seed, recipe.settings(), seed]
    facts += [fingerprint(subject.model), sha256_of(subject.weights.masks)]
    facts += [] if subject.pruning is None else [code_digest(subject.pruning)]
    facts += [digest_of(train_set), digest_of(val_set)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def write_checkpoint(path: Path, start: str, state: dict[str, Any]) -> None:
    """Writes the file, complete or not at all."""
    tensors: dict[str, torch.Tensor] = {}
    header = {"kind": KIND, "start": start, "state": pack(state, "state", tensors)}
    write_model(path, header, tensors)


def read_checkpoint(path: Path, start: str) -> dict[str, Any]:
    """The state that `write_checkpoint` was given, on the CPU.

    Raises:
        RecordError: unreadable. ConfigError: it is of another training.
    """
    header, tensors = read_model(path)
    if header.get("kind") != KIND:
        raise RecordError(f"{path} is no checkpoint of a training; name another file")
    if header["start"] != start:
        raise ConfigError(
            f"checkpoint {path} is of another training (other weights, code, method, recipe, seed or data); make the "
            "subject as it was before training, delete the file to start anew, or name another"
        )
    state: dict[str, Any] = unpack(header["state"], tensors)
    return state
