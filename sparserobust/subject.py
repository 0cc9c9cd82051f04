"""Subject: a model under evaluation with what is known of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.device import dtype_of
from sparserobust.drawn import drawn_by_us, initial_sha256, training_of
from sparserobust.errors import ConfigError
from sparserobust.made_by import made_by
from sparserobust.one_line import OneLine, short, shown
from sparserobust.origin import ModelOrigin, origin_of
from sparserobust.outputs import OutputOf, output_name
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.records import (
    SCHEMA_VERSION,
    ChangedParameter,
    History,
    LayerRecord,
    Normalization,
    OutsideParameter,
    PartRecord,
    Remark,
    SubjectRecord,
    raised,
    remark,
    share_outside,
)
from sparserobust.storage.modelfile import file_sha256, write_model
from sparserobust.storage.stored import stored_tensors
from sparserobust.uses import CannotTrace, ModelWeights, Thirds, weights_of
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.copying import deep_copy
from sparserobust.weights.isolation import modes_kept
from sparserobust.weights.plan import (
    Plan,
    plain_copy,
    sha256_of,
)
from sparserobust.weights.slots import slots_of
from sparserobust.weights.usable import is_quantised, state_of, usable

STARTS_FULL = remark("starts-full")
"""Not trained yet: the method prunes while it trains, and the mask is the one it starts from."""


@dataclass(eq=False, repr=False)
class Subject(OneLine):
    """A model with its masks and offset.

    Attributes:
        model: computes with the effective weights; train and call it as any module.
        weights: the masks and the offset, bound to `model`.
        name: architecture or import path.
        label: its name in one line; `label_given`: whether the user gave it, which setting it does too.
        method, method_title, method_source, params, changed, seed: what made it; None for a model of the user's own.
        parent: dense state_dict that training starts from, on the CPU: the mask was found on it, unless the
            weights were drawn anew afterwards; None when unknown.
        positions: "seeded" when the support can be drawn again from the seed.
        rescued: weight name -> how many weights a rescue rule added.
        recipe: name of the training recipe of its method, which the recipe "own" stands for.
        pruning: what its method does while it trains, given the state of the training; None where the mask is fixed,
            and after training.
        prune_at_end: whether training ends with setting a frozen offset to zero.
        warnings: what speaks against relying on its numbers; `notes`: what else there is to know of how it was made.
        drawn: whether its weights are known to be as they were drawn, for one without a parent to tell it by.
        history: of its last training.
        made_from: sha256 of all that an experiment made it from, kept in its file; None elsewhere.
        exclude: what the user wanted to stay dense: names of parameters or modules, or patterns for them.
        outside: parameters of two or more dimensions that the masks leave out, and why; None where they are not known.
        thirds: name of a fused attention weight -> which of its units make query, key and value.
        untraced: why it is not known which of its weights can be sparse; None where it is.
        output: where the logits lie in what the model returns, see `sparserobust.outputs`; `output_found`: where they
            were found on a first image without that.
        saved: (sha256 of its file, `weights_sha256` at that time), None where it was neither saved nor loaded.
    """

    model: nn.Module
    weights: SparseWeights
    name: str
    label: str
    label_given: bool = False
    method: str | None = None
    method_title: str = ""
    method_source: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    changed: tuple[ChangedParameter, ...] = ()
    seed: int | None = None
    target_sparsity: float | None = None
    parent: dict[str, Tensor] | None = None
    positions: Literal["stored", "seeded"] = "stored"
    rescued: dict[str, int] = field(default_factory=dict)
    score_samples: int | None = None
    recipe: str | None = None
    pruning: Callable[[TrainingState], Pruner] | None = None
    prune_at_end: bool = False
    warnings: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    drawn: bool = False
    history: History | None = None
    made_from: str | None = None
    exclude: tuple[str, ...] = ()
    outside: tuple[OutsideParameter, ...] | None = None
    thirds: dict[str, Thirds] = field(default_factory=dict)
    untraced: Remark | None = None
    output: OutputOf = None
    output_found: str | None = None
    saved: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        self._label = self.label

    def _shown(self) -> Iterator[str]:
        yield f"{shown(self.label)}"
        yield self.name
        if self.untraced is None:
            yield f"sparsity={short(self.sparsity)}"
            yield f"kept={self.kept} of {self.prunable}"
        else:
            yield f"untraced={self.untraced.code!r}"
        if self.weights.kind != "zero":
            yield f"offset={self.weights.kind!r}"
        if self.seed is not None:
            yield f"seed={self.seed}"
        if self.pruning is not None:
            yield "prunes while it trains"
        if self.history is not None:
            yield f"epochs={len(self.history.epochs)}"

    @classmethod
    def of(
        cls,
        model: nn.Module | Subject,
        input_shape: Callable[[], tuple[int, ...] | None] | None = None,
        *,
        name: str | None = None,
        exclude: str | Sequence[str] = (),
        output: OutputOf = None,
        train_zero_layers: bool = False,
    ) -> Subject:
        """The subject itself, or one around a bare model, which is not copied: masks are read off its zeros.

        Args:
            model: any module, or a subject.
            input_shape: says (c, h, w) of its images, asked for a bare model: which weights can be sparse shows in a
                forward pass. Where there can be none, the subject has no weights and says why (`untraced`).
            name: of the architecture.
            exclude: of a bare model, as in `sparsify`: what its sparsity is not about.
            output: of a bare model, as in `sparsify`.
            train_zero_layers: a layer that is zero everywhere was initialised so rather than pruned, and
                is kept whole.

        Raises:
            ModelError: no torch module, or a weight or buffer is NaN or infinite.
            ConfigError: nothing has an excluded name, or everything.
        """
        if isinstance(model, Subject):
            if output is not None and output != model.output:
                raise ConfigError(
                    f"output is of a bare model, and this subject has its own ({output_name(model.output)}); set "
                    "subject.output instead"
                )
            return model
        model = usable(model)
        own, untraced = _traced(model, None if input_shape is None else input_shape(), exclude)
        masks = {}
        with modes_kept(model):
            model.eval()  # reading some weights in training mode changes them
            for key, slot in slots_of(model, own.prunable).items():
                support = slot.effective.detach() != 0
                masks[key] = ~support if train_zero_layers and not bool(support.any()) else support
        name = name or origin_of(model, "name") or type(model).__name__
        weights = SparseWeights(model, masks, "zero", enforce=False)
        outside = own.outside if untraced is None else None
        return cls(
            model,
            weights,
            name,
            name,
            exclude=own.exclude,
            outside=outside,
            thirds=dict(own.thirds),
            untraced=untraced,
            output=output,
            warnings=own.not_run,
        )

    def adapter(self) -> Adapter:
        """The model as one that takes images and returns logits of their type."""
        return Adapter(self.model, self.output, self.output_found)

    @property
    def plan(self) -> Plan:
        """Name -> mask, kind and offset of every prunable weight: a snapshot."""
        return self.weights.snapshot()

    def effective_weights(self) -> dict[str, Tensor]:
        """Name -> dense tensor that the network computes with, prunable weights only, as copies."""
        return self.weights.effective()

    @property
    def model_title(self) -> str:
        """The architecture's name for a reader; its name where nobody says it."""
        return origin_of(self.model, "title") or self.name

    @property
    def kept(self) -> int:
        """How many weights the masks keep."""
        return self.weights.kept

    @property
    def prunable(self) -> int:
        """How many weights the masks cover."""
        return self.weights.prunable

    @property
    def sparsity(self) -> float:
        """Realised sparsity, 1 - kept / prunable."""
        return 1 - self.kept / self.prunable if self.prunable else 0.0

    def at_initialisation(self) -> Subject | None:
        """A copy before training: the masks and the kind of offset that it has now, initial values.

        None without a parent.
        """
        if self.parent is None:
            return None
        initial = deep_copy(self, self.model)
        initial.weights.load(self.parent)
        initial.history = None
        return initial

    def dense_parent(self) -> nn.Module | None:
        """A plain copy of the network with the dense weights that the mask was found on, if they are known."""
        if self.parent is None:
            return None
        dense = plain_copy(self.model, [name for name in self.weights.slots if name in self.parent])
        dense.load_state_dict(self.parent)
        return dense

    def record(self) -> SubjectRecord:
        """All of this that a report needs."""
        layers = tuple(
            LayerRecord(
                name=name,
                shape=tuple(mask.shape),
                numel=mask.numel(),
                kept=int(mask.count_nonzero()),
                rescued=self.rescued.get(name, 0),
                parts=_parts(self.thirds.get(name), mask),
            )
            for name, mask in self.weights.masks.items()
        )
        parameters = self.parent if self.parent is not None else dict(self.model.named_parameters())
        trainable = {name for name, _ in self.model.named_parameters()} | set(self.weights.slots)
        weights_sha256, initial = sha256_of(state_of(self.model)), initial_sha256(self)
        file_sha256, of_weights = self.saved or (None, None)
        return SubjectRecord(
            **made_by(self),
            label_given=self.label_given or self.label != self._label,
            model=self.name,
            model_title=self.model_title,
            parameters=sum(tensor.numel() for name, tensor in parameters.items() if name in trainable),
            normalization=_normalization(self.model),
            offset=self.weights.kind,
            sparsity=self.sparsity,
            kept=self.kept,
            prunable=self.prunable,
            dtype=str(dtype_of(self.model)).removeprefix("torch."),
            output=output_name(self.output),
            output_found=self.output_found,
            exclude=self.exclude,
            outside=None if self.outside is None else share_outside(self.prunable, self.outside),
            outside_parameters=self.outside,
            untraced=self.untraced,
            rescued=sum(self.rescued.values()),
            decay_towards="offset" if self.weights.kind == "dct" else "zero",
            training=training_of(self, initial),
            layers=layers,
            warnings=self.warnings if self.pruning is None else (*self.warnings, STARTS_FULL),
            notes=self.notes,
            initial_sha256=initial,
            weights_sha256=weights_sha256,
            file_sha256=file_sha256 if of_weights == weights_sha256 else None,
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a saved model: kept values, masks, all that is not prunable, and how to get the offset.

        A frozen offset that `create_model` drew is not stored: it comes from the seed again, checked by its
        sha256. Any other frozen offset is stored whole, and so is one that not every machine draws alike.
        """
        with_offset = self.weights.kind == "frozen" and not drawn_by_us(self)
        tensors = stored_tensors(self.weights, with_offset=with_offset)
        origin = getattr(self.model, "origin", None)
        record = self.record().model_copy(update={"file_sha256": None})  # no file can hold its own
        header = {
            "schema_version": SCHEMA_VERSION,
            "subject": record.model_dump(mode="json"),
            "origin": vars(origin) if isinstance(origin, ModelOrigin) else None,
            "shapes": {key: list(values.shape) for key, values in self.weights.values.items()},
            "dtype": str(dtype_of(self.model)).removeprefix("torch."),
            "types": _other_types(self.model),
            "output": self.output if isinstance(self.output, int | str) else None,
            "recipe": self.recipe,
            "pruning": self.pruning is not None,
            "prune_at_end": self.prune_at_end,
            "made_from": self.made_from,
            "order": list(self.model.state_dict()),
            "thirds": {key: [own.axis, own.runs] for key, own in self.thirds.items()},
            "history": self.history.model_dump(mode="json") if self.history else None,
        }
        file = write_model(path, header, tensors)
        self.saved = (file_sha256(file), record.weights_sha256)
        return file


def _normalization(model: nn.Module) -> Normalization | None:
    """By what one of our networks normalises images."""
    mean, std = origin_of(model, "mean"), origin_of(model, "std")
    return None if mean is None else Normalization(mean=mean, std=std)


def _other_types(model: nn.Module) -> dict[str, str]:
    """Name -> floating type of what is of another one than the model's first parameter."""
    floating = {name: t.dtype for name, t in state_of(model).items() if t.is_floating_point()}
    return {n: str(own).removeprefix("torch.") for n, own in floating.items() if own != dtype_of(model)}


def _traced(
    model: nn.Module, input_shape: tuple[int, ...] | None, exclude: str | Sequence[str]
) -> tuple[ModelWeights, Remark | None]:
    """(which weights can be sparse, why that is not known)."""
    try:
        own = weights_of(model, input_shape, exclude=exclude)
    except CannotTrace as error:
        return ModelWeights(), raised(error)
    if own.opaque and (not own.prunable or is_quantised(model)):
        return ModelWeights(), remark("operator-without-rule", operators=list(own.opaque))
    return own, None


def _parts(thirds: Thirds | None, mask: Tensor) -> tuple[PartRecord, ...]:
    """What each third of a fused weight keeps."""
    kept = {} if thirds is None else thirds.kept(mask)
    return tuple(PartRecord(name=part, numel=numel, kept=own) for part, (numel, own) in kept.items())
