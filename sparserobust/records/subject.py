"""A model under evaluation, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, JsonValue, model_validator

from sparserobust.one_line import shown
from sparserobust.records.base import Record
from sparserobust.records.remark import AnyRemark


class LayerRecord(Record):
    """One prunable weight tensor: how many entries it has, keeps, and was given back by a rescue."""

    name: str
    shape: tuple[int, ...]
    numel: int = Field(ge=0)
    kept: int = Field(ge=0)
    rescued: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _keeps_what_it_has(self) -> LayerRecord:
        if not self.rescued <= self.kept <= self.numel:
            raise ValueError(
                f"layer {self.name!r}: expected rescued <= kept <= numel, "
                f"got {self.rescued}, {self.kept}, {self.numel}"
            )
        return self


class ChangedParameter(Record):
    """A parameter of a method that was given another value than its default.

    Attributes:
        words: what the method calls this choice, "EPL" for allocation="epl"; None where name and value say it.
    """

    name: str
    value: JsonValue
    words: str | None = None


class SubjectRecord(Record):
    """A model under evaluation and what is known of it.

    Attributes:
        label: its name in one line of plain text; `label_given`: whether the user gave it.
        model: architecture or import path; `model_title`: its name for a reader.
        parameters: trainable ones, buffers left out, all of the dense model.
        method: "dense", "snip" ..., None for a model that no method made; `method_title`: as its paper writes it.
        params: of the method, all of them; `changed`: those that are not at their default.
        offset: what stands where the mask is False: "zero", "frozen" or "dct".
        positions: "stored", or "seeded" when the support can be drawn again from the seed.
        target_sparsity: what was asked for; `sparsity` is the realised one, 1 - kept / prunable.
        outside: share of all weights of two or more dimensions that stand outside the mask, which every sparsity
            leaves out; None where that is not known.
        decay_towards: where weight decay pulls the effective weights: "zero" or "offset".
        training: "none" (its weights are those that were drawn), "recorded" (there is a history), "elsewhere"
            (somebody trained it, and there is no history) or "unknown".
        initial_sha256: of the weights the mask was found on; `weights_sha256`: of the weights evaluated, ""
            where there are none; `file_sha256`: of the saved model's file, None where it was not saved.
        not_made: why there is no such network: its method could not choose, or an error. Sparsity and kept
            are then what was asked for, and every outcome is skipped or failed for that reason.
    """

    label: str
    label_given: bool = False
    model: str
    model_title: str = ""
    parameters: int = Field(ge=0)
    method: str | None = None
    method_title: str = ""
    method_source: str = ""
    params: dict[str, JsonValue] = {}
    changed: tuple[ChangedParameter, ...] = ()
    offset: Literal["zero", "frozen", "dct"] = "zero"
    positions: Literal["stored", "seeded"] = "stored"
    target_sparsity: float | None = Field(default=None, ge=0, lt=1)
    sparsity: float = Field(ge=0, le=1)
    kept: int = Field(ge=0)
    prunable: int = Field(ge=0)
    outside: float | None = Field(default=None, ge=0, le=1)
    rescued: int = Field(default=0, ge=0)
    seed: int | None = None
    score_samples: int | None = None
    decay_towards: Literal["zero", "offset"] = "zero"
    training: Literal["none", "recorded", "elsewhere", "unknown"] = "unknown"
    layers: tuple[LayerRecord, ...] = ()
    warnings: tuple[AnyRemark, ...] = ()
    initial_sha256: str | None = None
    weights_sha256: str
    file_sha256: str | None = None
    not_made: AnyRemark | None = None

    def _shown(self) -> Iterator[str]:
        yield f"{shown(self.label)}"
        yield self.model
        yield f"kept={self.kept} of {self.prunable}"
        if self.offset != "zero":
            yield f"offset={self.offset!r}"
        if self.seed is not None:
            yield f"seed={self.seed}"
        yield f"training={self.training!r}" if self.not_made is None else f"not_made={shown(self.not_made)}"

    @model_validator(mode="after")
    def _keeps_what_is_prunable(self) -> SubjectRecord:
        if not self.rescued <= self.kept <= self.prunable:
            raise ValueError(
                f"expected rescued <= kept <= prunable, got {self.rescued}, {self.kept}, {self.prunable}"
            )
        if self.layers and self.not_made is None:
            totals = (sum(layer.kept for layer in self.layers), sum(layer.numel for layer in self.layers))
            if totals != (self.kept, self.prunable):
                raise ValueError(
                    f"the layers keep {totals[0]} of {totals[1]} weights, the subject {self.kept} of {self.prunable}"
                )
        return self

    @model_validator(mode="after")
    def _sparsity_is_realised(self) -> SubjectRecord:
        if self.not_made is None and self.prunable:
            realised = 1 - self.kept / self.prunable
            if abs(self.sparsity - realised) > 1e-9:
                raise ValueError(f"sparsity must be 1 - kept / prunable = {realised}, got {self.sparsity}")
        return self
