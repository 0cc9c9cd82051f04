"""Subject: a model under evaluation with what is known of it."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sparserobust.device import dtype_of
from sparserobust.made_by import made_by
from sparserobust.one_line import OneLine, short, shown
from sparserobust.origin import ModelOrigin, origin_of
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.records import (
    SCHEMA_VERSION,
    ChangedParameter,
    History,
    LayerRecord,
    Remark,
    SubjectRecord,
    remark,
)
from sparserobust.storage.codecs import pack_mask
from sparserobust.storage.modelfile import file_sha256, write_model
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.others import as_drawn, others_of, outside
from sparserobust.weights.plan import (
    Plan,
    check_finite,
    plain_copy,
    prunable_modules,
    require_module,
    sha256_of,
    values_of,
    weight_of,
)

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
        warnings: what a reader should know of how it was made.
        history: of its last training.
        made_from: sha256 of all that an experiment made it from, kept in its file; None elsewhere.
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
    history: History | None = None
    made_from: str | None = None
    saved: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        self._label = self.label

    def _shown(self) -> Iterator[str]:
        yield f"{shown(self.label)}"
        yield self.name
        yield f"sparsity={short(self.sparsity)}"
        yield f"kept={self.kept} of {self.prunable}"
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
        cls, model: nn.Module | Subject, *, name: str | None = None, train_zero_layers: bool = False
    ) -> Subject:
        """The subject itself, or one around a bare model, which is not copied: masks are read off its zeros.

        Args:
            model: any module, or a subject.
            name: of the architecture.
            train_zero_layers: a layer that is zero everywhere was initialised so rather than pruned, and
                is kept whole.

        Raises:
            ModelError: no torch module, or a weight or buffer is NaN or infinite.
        """
        if isinstance(model, Subject):
            return model
        require_module(model)
        check_finite(model)
        modules, masks = prunable_modules(model), {}
        for key, module in modules.items():
            support = weight_of(module).detach() != 0
            masks[key] = ~support if train_zero_layers and not bool(support.any()) else support
        name = name or origin_of(model, "name") or type(model).__name__
        return cls(model, SparseWeights(model, masks, "zero", enforce=False, modules=modules), name, name)

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
        initial = copy.deepcopy(self)
        initial.weights.load(self.parent)
        initial.history = None
        return initial

    def dense_parent(self) -> nn.Module | None:
        """A plain copy of the network with the dense weights that the mask was found on, if they are known."""
        if self.parent is None:
            return None
        dense = plain_copy(self.model)
        dense.load_state_dict(self.parent)
        return dense

    def record(self) -> SubjectRecord:
        """All of this that a report needs."""
        layers = tuple(
            LayerRecord(
                name=name,
                shape=tuple(mask.shape),
                numel=mask.numel(),
                kept=int(mask.sum()),
                rescued=self.rescued.get(name, 0),
            )
            for name, mask in self.weights.masks.items()
        )
        parameters = self.parent if self.parent is not None else dict(self.model.named_parameters())
        trainable = {name for name, _ in self.model.named_parameters()} | set(self.weights.modules)
        weights_sha256, initial = sha256_of(self.model.state_dict()), initial_sha256(self)
        file_sha256, of_weights = self.saved or (None, None)
        return SubjectRecord(
            **made_by(self),
            label_given=self.label_given or self.label != self._label,
            model=self.name,
            model_title=self.model_title,
            parameters=sum(tensor.numel() for name, tensor in parameters.items() if name in trainable),
            offset=self.weights.kind,
            sparsity=self.sparsity,
            kept=self.kept,
            prunable=self.prunable,
            outside=outside(self.model, self.weights.modules),
            rescued=sum(self.rescued.values()),
            decay_towards="offset" if self.weights.kind == "dct" else "zero",
            training=_training(self, initial),
            layers=layers,
            warnings=self.warnings if self.pruning is None else (*self.warnings, STARTS_FULL),
            initial_sha256=initial,
            weights_sha256=weights_sha256,
            file_sha256=file_sha256 if of_weights == weights_sha256 else None,
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a saved model: kept values, masks, all that is not prunable, and how to get the offset.

        A frozen offset that `create_model` drew is not stored: it comes from the seed again, checked by its
        sha256. Any other frozen offset is stored whole, and so is one that not every machine draws alike.
        """
        modules = self.weights.modules
        tensors: dict[str, Tensor] = {}
        for key, module in modules.items():
            mask = self.weights.masks[key]
            tensors[f"{key}:values"] = values_of(module)[mask]
            tensors[f"{key}:mask"] = pack_mask(mask)
            if (dct := dct_offset_of(module)) is not None:
                tensors[f"{key}:alpha"] = dct.alpha
                tensors[f"{key}:initial_alpha"] = torch.tensor(dct.initial_alpha, dtype=torch.float64)
            if self.weights.decay is not None:
                gamma = self.weights.decay.gamma[key]
                tensors[f"{key}:gamma"] = torch.tensor(gamma, dtype=torch.float64)
        tensors |= {f"{key}:whole": tensor for key, tensor in others_of(self.model, modules).items()}
        if self.weights.kind == "frozen" and not drawn_by_us(self):
            tensors |= {f"{key}:offset": offset for key, offset in self.weights.frozen.items()}
        origin = getattr(self.model, "origin", None)
        record = self.record().model_copy(update={"file_sha256": None})  # no file can hold its own
        header = {
            "schema_version": SCHEMA_VERSION,
            "subject": record.model_dump(mode="json"),
            "origin": vars(origin) if isinstance(origin, ModelOrigin) else None,
            "shapes": {key: list(values_of(module).shape) for key, module in modules.items()},
            "dtype": str(dtype_of(self.model)).removeprefix("torch."),
            "recipe": self.recipe,
            "pruning": self.pruning is not None,
            "prune_at_end": self.prune_at_end,
            "made_from": self.made_from,
            "history": self.history.model_dump(mode="json") if self.history else None,
        }
        file = write_model(path, header, tensors)
        self.saved = (file_sha256(file), record.weights_sha256)
        return file


def initial_sha256(subject: Subject) -> str | None:
    """sha256 of the prunable weights of the parent, None without one."""
    if subject.parent is None:
        return None
    return sha256_of({name: subject.parent[name] for name in subject.weights.modules})


def drawn_by_us(subject: Subject) -> bool:
    """Whether `create_model` drew the parent's weights, so that its seed brings them back on every machine."""
    return bool(origin_of(subject.model, "repeatable")) and _drawn(subject, initial_sha256(subject))


def _drawn(subject: Subject, initial: str | None) -> bool:
    """Whether the parent's weights, whose sha256 is `initial`, are those that `create_model` drew here or elsewhere."""
    drawn = origin_of(subject.model, "sha256")
    return drawn is not None and bool(drawn == initial)


def _training(subject: Subject, initial: str | None) -> Literal["none", "recorded", "elsewhere", "unknown"]:
    """What is known of a subject's training; see `SubjectRecord`."""
    if subject.history is not None and subject.history.epochs:
        return "recorded"
    if subject.parent is None:
        return "unknown"
    if not as_drawn(subject.model, subject.weights.modules, subject.weights.masks, subject.parent):
        return "elsewhere" if subject.history is None else "unknown"
    return "none" if _drawn(subject, initial) else "unknown"
