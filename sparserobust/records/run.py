"""One subject, all that was measured on it and under which circumstances: the content of a run.json."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sparserobust.one_line import shown
from sparserobust.records.base import SCHEMA_VERSION, Record
from sparserobust.records.files import RUN_FILE, sealed, write_atomic
from sparserobust.records.frame import score_frame
from sparserobust.records.history import History
from sparserobust.records.lookup import Lookup
from sparserobust.records.outcome import Outcome
from sparserobust.records.subject import SubjectRecord

if TYPE_CHECKING:
    from pandas import DataFrame

KIND: Literal["sparserobust run"] = "sparserobust run"


class DataRecord(Record):
    """The examples that were evaluated. `subset` is the sha256 of their indices, None for the whole split.

    `title` is the data set's name as it is usually written, `majority_share` the share of the commonest class,
    `image_size` the side that the shorter side of every image was resized to before the middle square was cut out,
    None where none was asked for.
    """

    name: str
    title: str = ""
    split: str
    n: int = Field(ge=1)
    num_classes: int = Field(ge=0)
    input_shape: tuple[int, ...]
    majority_share: float = Field(ge=0, le=1)
    sha256: str
    limit: int | None = None
    subset: str | None = None
    train_n: int | None = None
    image_size: int | None = Field(default=None, ge=1)

    @model_serializer(mode="wrap")
    def _without_unknowns(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records from before there was an image size keep their bytes."""
        raw: dict[str, Any] = dump(self)
        return raw if self.image_size is not None else {k: v for k, v in raw.items() if k != "image_size"}


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
    seconds: float = Field(ge=0)
    command: str | None = None


class Run(Record):
    """Everything about one subject that a report needs.

    Attributes:
        integrity: "measured" (as `evaluate` made it; a file of it carries the sha256 of its content), "unverified"
            (from a version that kept no sha256) or "edited" (its content was changed after writing, and whoever
            read it accepted that). It goes along when the record is saved again.
        experiment: the text of the experiment.toml that it was made and scored for; None where it was by a script of
            one's own.
        made_from: sha256 of all that an experiment made the network from; None where it did not make it.
    """

    kind: Literal["sparserobust run"] = KIND
    schema_version: int = SCHEMA_VERSION
    integrity: Literal["measured", "unverified", "edited"] = "measured"
    subject: SubjectRecord
    data: DataRecord
    seed: int
    outcomes: dict[str, Outcome]
    history: History | None = None
    environment: Environment
    passes: dict[str, int] = {}
    dense: str | None = None
    experiment: str | None = None
    made_from: str | None = None

    @model_validator(mode="after")
    def _outcomes_are_of_these_examples(self) -> Run:
        for name, outcome in self.outcomes.items():
            if outcome.evaluator != name:
                raise ValueError(f"outcome {name!r} is that of {outcome.evaluator!r}")
            for key, array in outcome.per_example.items():
                if array.shape[-1] != self.data.n:
                    raise ValueError(
                        f"{name}: results per example {key!r} are of {array.shape[-1]} examples, the data has "
                        f"{self.data.n}"
                    )
        label = self.subject.label
        self.__dict__["outcomes"] = Lookup(self.outcomes, of=f"run of {label}", what="outcome")
        return self

    @model_serializer(mode="wrap")
    def _without_unknowns(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records from before there were experiments keep their bytes."""
        raw: dict[str, Any] = dump(self)
        unknown = [key for key in ("experiment", "made_from") if raw.get(key) is None]
        return {key: value for key, value in raw.items() if key not in unknown}

    def _shown(self) -> Iterator[str]:
        yield f"{shown(self.subject.label)}"
        if self.subject.seed is not None:
            yield f"seed={self.subject.seed}"
        yield f"{self.data.name} {self.data.split} n={self.data.n}"
        if self.subject.not_made is not None:
            yield f"not_made={shown(self.subject.not_made)}"
        failed_first = sorted(self.outcomes.values(), key=lambda outcome: outcome.status != "failed")
        yield from (outcome.in_short for outcome in failed_first)

    @property
    def id(self) -> str:
        """12 hex digits that follow from weights, label, seed and data: names this run."""
        key = f"{self.subject.weights_sha256}|{self.subject.label}|{self.subject.seed}|{self.data.sha256}"
        return hashlib.sha256(key.encode()).hexdigest()[:12]

    def to_frame(self) -> DataFrame:
        """One row per score, beside what identifies the network: frames of several runs can be concatenated.

        Columns: label, method, sparsity (realised), target_sparsity, seed, model, data; evaluator, score, at, value,
        unit, n, ci_low, ci_high, higher_is_better, headline, status and reason, a code. An evaluator that was skipped
        or failed has one row without a score. What is not known is missing, never 0.

        Raises:
            ConfigError: pandas is not installed.
        """
        return score_frame(self.subject, self.data.name, self.outcomes)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes `folder/run.json` (made if missing) with the sha256 of its content, complete or not at all.

        Returns:
            Its path.
        """
        path = Path(folder) / RUN_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, sealed(self.model_dump_json()))
        return path
