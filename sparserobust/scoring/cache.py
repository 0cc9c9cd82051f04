"""Results of attacks by content: what was measured once on the same model and images is not measured again."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from sparserobust.errors import ConfigError
from sparserobust.records.files import write_atomic
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.code import evaluator_code
from sparserobust.weights.plan import bytes_of


@dataclass(frozen=True)
class Entry:
    """One batch as it was measured: arrays over its examples, and what that cost.

    Attributes:
        passes: the evaluator's own; `asked`: the shared gradients that it asked for.
    """

    arrays: dict[str, np.ndarray]
    passes: dict[str, int]
    asked: list[str]
    seconds: float


class Keyed(Protocol):
    """What the name of a file must know of an evaluator."""

    sees_dense_model: ClassVar[bool]

    @property
    def label(self) -> str: ...
    def params(self) -> dict[str, Any]: ...
    def resolved(self) -> dict[str, Any]: ...


class Cache:
    """A folder with one small file for each batch that was attacked.

    The name of a file follows from everything that decides its content: weights, structure, attributes and code
    of the model, the logits it returned, images and labels, the evaluator's settings and seed, our own code of
    attacks, all code of the evaluator with what it imports (of a plugin its whole distribution) and the versions of
    the libraries behind them. So nothing in it is ever out of date, and it can be deleted at any time.

    Args:
        folder: made when first written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._code = functools.cache(evaluator_code)  # one run has one code
        if self.folder.exists() and not self.folder.is_dir():
            raise ConfigError(f"the cache must be a folder, {self.folder} is a file")

    def key(
        self,
        evaluator: Keyed,
        batch: Batch,
        *,
        fingerprint: str,
        dense_fingerprint: str,
        seed: int,
        number: int,
    ) -> str:
        """The name of a batch under an evaluator.

        Args:
            evaluator: with its settings.
            batch: on the device that it is measured on.
            fingerprint: of the model; `dense_fingerprint`: of the dense one.
            seed: of the run.
            number: of the batch in the run.
        """
        settings = [evaluator.params(), evaluator.resolved()]
        digest = hashlib.sha256(self._code(type(evaluator)).encode())
        digest.update(json.dumps([evaluator.label, settings, seed, number], sort_keys=True).encode())
        dense = dense_fingerprint if evaluator.sees_dense_model else ""
        for text in (fingerprint, dense, str(batch.images.device.type)):
            digest.update(text.encode())
        for tensor in (batch.images, batch.labels, batch.logits):
            digest.update(bytes_of(tensor))
        return digest.hexdigest()

    def get(self, key: str) -> Entry | None:
        """What is kept under this name; None when there is nothing, or nothing readable."""
        try:
            content = io.BytesIO(self._path(key).read_bytes())
            with np.load(content, allow_pickle=False) as stored:
                facts = json.loads(str(stored["facts"]))
                arrays = {name: stored[name] for name in stored.files if name != "facts"}
            return Entry(arrays, facts["passes"], facts["asked"], float(facts["seconds"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, key: str, entry: Entry) -> None:
        """Keeps a batch, complete or not at all: on a full disk it is measured again another time."""
        buffer = io.BytesIO()
        facts = {"passes": entry.passes, "asked": entry.asked, "seconds": entry.seconds}
        np.savez_compressed(buffer, facts=np.array(json.dumps(facts)), **entry.arrays)  # type: ignore[arg-type]
        path = self._path(key)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, buffer.getvalue())

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"
