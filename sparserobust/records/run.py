"""One subject, all that was measured on it and under which circumstances: the content of a run.json."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from sparserobust.errors import RecordError
from sparserobust.records.base import SCHEMA_VERSION, Record
from sparserobust.records.history import History
from sparserobust.records.outcome import Outcome

RUN_FILE = "run.json"
_KIND: Literal["sparserobust run"] = "sparserobust run"


class LayerRecord(Record):
    """One prunable weight tensor: how many entries it has, keeps, and was given back by a rescue."""

    name: str
    shape: tuple[int, ...]
    numel: int
    kept: int
    rescued: int = 0


class SubjectRecord(Record):
    """A model under evaluation and what is known of it.

    Attributes:
        label: the name a reader sees; method and sparsity unless the user gave another.
        model: architecture or import path. `parameters`: trainable and buffers left out, all of the dense model.
        method: "dense", "snip" ..., None for a model that no method made.
        offset: what stands where the mask is False: "zero", "frozen" or "dct".
        positions: "stored", or "seeded" when the support can be drawn again from the seed.
        target_sparsity: what was asked for; `sparsity` is the realised one, 1 - kept / prunable.
        decay_towards: where weight decay pulls the effective weights: "zero" or "offset".
        initial_sha256: of the weights the mask was found on; `weights_sha256`: of the weights evaluated, ""
            where there are none.
        not_made: why there is no such network: its method could not choose, or an error. Sparsity and kept
            are then what was asked for, and every outcome is skipped or failed for that reason.
    """

    label: str
    model: str
    parameters: int
    method: str | None = None
    method_source: str = ""
    params: dict[str, JsonValue] = {}
    offset: Literal["zero", "frozen", "dct"] = "zero"
    positions: Literal["stored", "seeded"] = "stored"
    target_sparsity: float | None = None
    sparsity: float
    kept: int
    prunable: int
    rescued: int = 0
    seed: int | None = None
    score_samples: int | None = None
    decay_towards: Literal["zero", "offset"] = "zero"
    layers: tuple[LayerRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    initial_sha256: str | None = None
    weights_sha256: str
    not_made: str | None = None


class DataRecord(Record):
    """The examples that were evaluated. `subset` is the sha256 of their indices, None for the whole split."""

    name: str
    split: str
    n: int
    num_classes: int
    input_shape: tuple[int, ...]
    majority_share: float
    sha256: str
    limit: int | None = None
    subset: str | None = None
    train_n: int | None = None


class Environment(Record):
    """Where and how it was run; `packages` are versions, `command` how to repeat it."""

    sparserobust: str
    python: str
    packages: dict[str, str]
    device: str
    device_name: str
    threads: int
    batch_size: int
    created: str
    seconds: float
    command: str | None = None


class Run(Record):
    """Everything about one subject that a report needs."""

    kind: Literal["sparserobust run"] = _KIND
    schema_version: int = SCHEMA_VERSION
    subject: SubjectRecord
    data: DataRecord
    seed: int
    outcomes: dict[str, Outcome]
    history: History | None = None
    environment: Environment
    passes: dict[str, int] = {}
    dense: str | None = None

    @property
    def id(self) -> str:
        """12 hex digits that follow from weights, label, seed and data: names this run."""
        import hashlib

        key = f"{self.subject.weights_sha256}|{self.subject.label}|{self.subject.seed}|{self.data.sha256}"
        return hashlib.sha256(key.encode()).hexdigest()[:12]

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes `folder/run.json` (made if missing), complete or not at all; returns its path."""
        path = Path(folder) / RUN_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, self.model_dump_json().encode())
        return path


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


def load_run(path: str | os.PathLike[str]) -> Run:
    """The run in a run.json or in the folder that holds one.

    Raises:
        RecordError: not there, not JSON, not a run of this library, or of a newer schema.
    """
    file = Path(path)
    if file.is_dir():
        file = file / RUN_FILE
    try:
        raw = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise RecordError(
            f"{file} cannot be read ({error.strerror}); name a run.json or its folder"
        ) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{file} is not JSON ({error}); it may be damaged") from None
    if not isinstance(raw, dict) or raw.get("kind") != _KIND:
        raise RecordError(f"{file} is not a record of this library (kind is not {_KIND!r})")
    version = raw.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{file} has schema version {version!r}, expected {SCHEMA_VERSION}; "
            "read it with the sparserobust that wrote it"
        )
    try:
        return Run.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecordError(
            f"{file} is damaged: {place}: {first['msg']} ({error.error_count()} problems)"
        ) from None
