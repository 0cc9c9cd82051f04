"""A model under evaluation, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from sparserobust.one_line import shown
from sparserobust.records.base import Record
from sparserobust.records.remark import AnyRemark


class PartRecord(Record):
    """A part of one weight tensor that has a use of its own: "q", "k" or "v" of a fused attention weight."""

    name: str
    numel: int = Field(ge=0)
    kept: int = Field(ge=0)


class LayerRecord(Record):
    """One prunable weight tensor: how many entries it has, keeps, and was given back by a rescue.

    Attributes:
        parts: query, key and value of a fused attention weight; none of any other.
    """

    name: str
    shape: tuple[int, ...]
    numel: int = Field(ge=0)
    kept: int = Field(ge=0)
    rescued: int = Field(default=0, ge=0)
    parts: tuple[PartRecord, ...] = ()

    @model_validator(mode="after")
    def _keeps_what_it_has(self) -> LayerRecord:
        if not self.rescued <= self.kept <= self.numel:
            raise ValueError(
                f"layer {self.name!r}: expected rescued <= kept <= numel, "
                f"got {self.rescued}, {self.kept}, {self.numel}"
            )
        totals = (sum(part.kept for part in self.parts), sum(part.numel for part in self.parts))
        if self.parts and totals != (self.kept, self.numel):
            raise ValueError(
                f"layer {self.name!r}: its parts keep {totals[0]} of {totals[1]}, it keeps {self.kept} of {self.numel}"
            )
        return self


class OutsideParameter(Record):
    """A parameter of two or more dimensions that no mask covers.

    Attributes:
        why: "excluded" (by the user), "looked-up" (an embedding), "broadcast", "constant" (multiplied by what depends
            on no image), "computed" (a weight is computed from it, not entry by entry), "unused", or the name of the
            operator in which it meets the image: "add", "cat".
        is_weight: whether it is multiplied by what depends on the image, as far as that is known. Positions, tokens
            and norms are not.
    """

    name: str
    numel: int = Field(ge=0)
    why: str
    is_weight: bool


class ChangedParameter(Record):
    """A parameter of a method that was given another value than its default.

    Attributes:
        words: what the method calls this choice, "EPL" for allocation="epl"; None where name and value say it.
    """

    name: str
    value: JsonValue
    words: str | None = None


class Normalization(Record):
    """What the first layer of a network normalises images by, for every channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


LATER = ("dtype", "output", "output_found", "normalization", "notes")
"""Fields of a subject that are left out of its text where they say what is usual."""


class SubjectRecord(Record):
    """A model under evaluation and what is known of it.

    Attributes:
        label: its name in one line of plain text; `label_given`: whether the user gave it.
        model: architecture or import path; `model_title`: its name for a reader.
        parameters: trainable ones, buffers left out, all of the dense model.
        normalization: of the images, in the network's first layer; None where it is not known.
        method: "dense", "snip" ..., None for a model that no method made; `method_title`: as its paper writes it.
        params: of the method, all of them; `changed`: those that are not at their default.
        offset: what stands where the mask is False: "zero", "frozen" or "dct".
        positions: "stored", or "seeded" when the support can be drawn again from the seed.
        target_sparsity: what was asked for; `sparsity` is the realised one, 1 - kept / prunable.
        dtype: what the network computes in: "float32", "float16", "bfloat16" or "float64". Images and budgets are
            float32 whatever it is.
        output: where the user said that the logits lie in what the network returns; `output_found`: where they were
            found without that. None where the network returns them alone.
        exclude: what the user wanted to stay dense: names of parameters or modules, or patterns for them.
        outside: share of all weights that stand outside the mask, so that every sparsity is about the others: those
            that the user excluded, that are an embedding too, or that no mask can reach. Parameters that are no weights
            do not count. None where it is not known.
        outside_parameters: those weights, and what else of two or more dimensions is no weight; None where it is not
            known.
        untraced: why it is not known which weights can be sparse: there are then no layers, and sparsity says nothing.
        decay_towards: where weight decay pulls the effective weights: "zero" or "offset".
        training: "none" (its weights are those that were drawn), "recorded" (there is a history), "elsewhere"
            (somebody trained it, and there is no history) or "unknown".
        warnings: what speaks against relying on its numbers; `notes`: what else there is to know of how it was made.
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
    normalization: Normalization | None = None
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
    dtype: str = "float32"
    output: str | None = None
    output_found: str | None = None
    exclude: tuple[str, ...] = ()
    outside: float | None = Field(default=None, ge=0, le=1)
    outside_parameters: tuple[OutsideParameter, ...] | None = None
    untraced: AnyRemark | None = None
    rescued: int = Field(default=0, ge=0)
    seed: int | None = None
    score_samples: int | None = None
    decay_towards: Literal["zero", "offset"] = "zero"
    training: Literal["none", "recorded", "elsewhere", "unknown"] = "unknown"
    layers: tuple[LayerRecord, ...] = ()
    warnings: tuple[AnyRemark, ...] = ()
    notes: tuple[AnyRemark, ...] = ()
    initial_sha256: str | None = None
    weights_sha256: str
    file_sha256: str | None = None
    not_made: AnyRemark | None = None

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records from before there were these fields keep their bytes."""
        raw: dict[str, Any] = dump(self)
        known = type(self).model_fields
        usual = [key for key in LATER if getattr(self, key) == known[key].default]
        return {key: value for key, value in raw.items() if key not in usual}

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
    def _outside_is_a_share_of_all_weights(self) -> SubjectRecord:
        if self.outside_parameters is not None and self.untraced is None:
            expected = share_outside(self.prunable, self.outside_parameters)
            off = abs((self.outside or 0) - (expected or 0))
            if (self.outside is None) != (expected is None) or off > 1e-9:
                raise ValueError(
                    f"outside must be the share of the weights outside the mask, {expected}, got {self.outside}"
                )
        return self

    @model_validator(mode="after")
    def _sparsity_is_realised(self) -> SubjectRecord:
        if self.not_made is None and self.prunable:
            realised = 1 - self.kept / self.prunable
            if abs(self.sparsity - realised) > 1e-9:
                raise ValueError(f"sparsity must be 1 - kept / prunable = {realised}, got {self.sparsity}")
        return self


def share_outside(prunable: int, parameters: Iterable[OutsideParameter]) -> float | None:
    """Share of all weights that the mask does not cover, given how many it does; None where there is no weight."""
    outside = sum(parameter.numel for parameter in parameters if parameter.is_weight)
    return outside / (prunable + outside) if prunable + outside else None
