"""`load_subject`: a saved model back as it was, with bit-identical logits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from sparserobust.apply import build_method
from sparserobust.drawn import initial_sha256
from sparserobust.errors import ModelError, RecordError
from sparserobust.made_by import made_by
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.models.create import create_model, is_model
from sparserobust.origin import ModelOrigin
from sparserobust.outputs import OutputOf, require_output
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.records import SCHEMA_VERSION, History, OutsideParameter, SubjectRecord
from sparserobust.records.migrations import migrated_history, migrated_subject
from sparserobust.registry import methods
from sparserobust.storage.codecs import unpack_mask
from sparserobust.storage.modelfile import file_sha256, model_file, read_model
from sparserobust.subject import STARTS_FULL, Subject
from sparserobust.uses import CannotTrace, Thirds, weights_of
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.others import dense_state, others_of
from sparserobust.weights.plan import sha256_of
from sparserobust.weights.slots import slots_of, value_in

ONCE_SHARED: dict[str, tuple[str | bool | None, ...]] = {
    "allocation": ("global", "uniform"),
    "offset": ("zero",),
    "rescue": (None,),
    "control": (None,),
    "initialisation": (None,),
    "trainable_alpha": (True,),
    "initial_alpha": ("auto",),
    "ties": ("draw",),
}
"""Parameters that earlier versions wrote for every method, with the values at which they did nothing."""


def load_subject(
    path: str | os.PathLike[str], *, model: nn.Module | None = None, output: OutputOf = None
) -> Subject:
    """The subject that `Subject.save` or `sparserobust evaluate` wrote.

    A frozen offset that one of our initialisers drew is drawn again from its seed and checked by its sha256.
    No code that a file names is ever imported: for a network of one's own, give `model`.

    Args:
        path: the file, or the folder of a run, which holds it as `model.sparse`.
        model: a fresh instance of the same architecture; needed unless `create_model` made the saved one.
            It is changed in place.
        output: where the logits lie in what it returns, as in `sparsify`; needed where a function took them out, which
            no file keeps.

    Raises:
        RecordError: the file is unreadable, damaged, or the offset does not match its sha256.
        ModelError: the architecture is another one, or is not known and `model` is not given; or `output` is missing.
    """
    require_output(output)
    path = model_file(path)
    header, tensors = read_model(path)
    try:
        record, history = _records(header, path)
        origin = _origin(header["origin"])
        recipe: str | None = header["recipe"]
        pruning = bool(header.get("pruning", False))
        prune_at_end = bool(header.get("prune_at_end", False))
        thirds = {
            name: Thirds(int(axis), tuple((str(part), int(many)) for part, many in runs))
            for name, (axis, runs) in header.get("thirds", {}).items()
        }
        types = {name: str(own) for name, own in header.get("types", {}).items()}
        place = header.get("output")
        require_output(place)
        dtype = header["dtype"]
        if dtype not in ("float16", "bfloat16", "float32", "float64"):
            raise ValueError(f"dtype {dtype!r}")
        shapes = {name: tuple(shape) for name, shape in header["shapes"].items()}
        masks = {name: unpack_mask(tensors[f"{name}:mask"], shape) for name, shape in shapes.items()}
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{path} is damaged: its header cannot be read ({str(error).splitlines()[0]})"
        ) from None
    if output is None and place is None and record.output is not None:
        raise ModelError(
            f"{path}: its logits were taken out by {record.output}, a function, which no file keeps; give it again: "
            "load_subject(path, model=..., output=...)"
        )
    base = model if model is not None else _drawn_again(origin, record, path)
    _check_shapes(base, shapes, path)
    base.to(getattr(torch, dtype))
    for name, tensor in base.state_dict(keep_vars=True).items():
        if name in types:
            tensor.data = tensor.data.to(getattr(torch, types[name]))
    subject = Subject(
        model=base,
        parent=None if model is not None else dense_state(base),
        weights=SparseWeights(base, masks, "zero"),
        name=record.model,
        **made_by(record),
        label_given=record.label_given,
        rescued={layer.name: layer.rescued for layer in record.layers if layer.rescued},
        recipe=recipe,
        pruning=_pruning(record) if pruning else None,
        prune_at_end=prune_at_end,
        made_from=header.get("made_from"),
        exclude=record.exclude,
        outside=record.outside_parameters,
        thirds=thirds,
        untraced=record.untraced,
        output=place if output is None else output,
        output_found=record.output_found,
        warnings=tuple(warning for warning in record.warnings if warning != STARTS_FULL),
        notes=record.notes,
        history=history,
    )
    if record.outside_parameters is None and record.untraced is None:
        _trace(subject)
    if initial_sha256(subject) != record.initial_sha256:
        subject.parent = None
    _fill(subject, record, tensors, path)
    _put_in_order(base, header.get("order"))
    if sha256_of(base.state_dict()) != record.weights_sha256:
        raise RecordError(f"{path} is damaged: its weights do not match their sha256")
    subject.saved = (file_sha256(path), record.weights_sha256)
    return subject


def _records(header: dict[str, Any], path: str | os.PathLike[str]) -> tuple[SubjectRecord, History | None]:
    """The records in a header; files of the first version do not say which version they are."""
    version = header.get("schema_version", 1)
    if version not in range(1, SCHEMA_VERSION + 1):
        raise RecordError(
            f"{path} has schema version {version!r}, expected at most {SCHEMA_VERSION}; "
            "load it with the sparserobust that wrote it"
        )
    raw = migrated_history(header["history"] or None, version=version)
    subject = migrated_subject(header["subject"], header["history"], version=version)
    return SubjectRecord.model_validate(subject), None if raw is None else History.model_validate(raw)


def _trace(subject: Subject) -> None:
    """Finds what stands outside the masks of a subject whose file does not say it: it is of an earlier version."""
    try:
        own = weights_of(subject.model)
    except CannotTrace:
        return
    masks, sizes = subject.weights.masks, dict(subject.model.named_parameters())
    more = [name for name in own.prunable if name not in masks and name in sizes]
    subject.outside = tuple(one for one in own.outside if one.name not in masks) + tuple(
        OutsideParameter(name=name, numel=sizes[name].numel(), why="excluded", is_weight=True)
        for name in more
    )
    subject.thirds = {name: thirds for name, thirds in own.thirds.items() if name in masks}


def _pruning(record: SubjectRecord) -> Callable[[TrainingState], Pruner]:
    """What the method of a subject that was saved before its training does in it."""
    assert record.method is not None
    taken = {own.name for own in fields(methods.load(record.method))}
    params = {
        key: value
        for key, value in record.params.items()
        if key in taken or value not in ONCE_SHARED.get(key, ())
    }
    method = build_method(record.method, params)
    assert isinstance(method, PruneDuringTraining)
    return method.pruner


def _origin(raw: dict[str, Any] | None) -> ModelOrigin | None:
    """The header's origin; files of earlier versions do not name the initialisation, which had no choice then."""
    if raw is None:
        return None
    listed: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()
    }
    origin = ModelOrigin(**listed)
    if not all(isinstance(name, str) for name in (origin.name, origin.initialisation)):
        raise ValueError("the origin's names are not text")
    return origin


def _drawn_again(
    origin: ModelOrigin | None, record: SubjectRecord, path: str | os.PathLike[str]
) -> nn.Module:
    """The network as it was before training, with the initial weights that its seed gives."""
    if origin is None or not is_model(origin.name):
        raise ModelError(
            f"{path} holds a {record.model}, which is not one of our models; give a fresh instance of it: "
            "load_subject(path, model=...), or name its package.module:callable before the file"
        )
    return create_model(
        origin.name,
        input_shape=origin.input_shape,
        num_classes=origin.num_classes,
        seed=origin.seed,
        mean=origin.mean,
        std=origin.std,
        initialisation=origin.initialisation,
    )


def _check_shapes(model: nn.Module, shapes: dict[str, tuple[int, ...]], path: str | os.PathLike[str]) -> None:
    for name, shape in shapes.items():
        try:
            own: object = tuple(slots_of(model, [name])[name].values.shape)
        except ModelError:
            own = "absent"
        if own != shape:
            raise ModelError(
                f"{path} is of another architecture: {name} is {shape} there and {own} in the model"
            )


def _put_in_order(model: nn.Module, order: object) -> None:
    """Gives each module's parameters the order that they had: torch's pruning and parametrizations change it."""
    if not isinstance(order, list) or set(order) != set(model.state_dict()):
        return
    place = {key: number for number, key in enumerate(order)}
    for name, module in model.named_modules():
        own = list(module._parameters.items())
        prefix = f"{name}." if name else ""
        own.sort(key=lambda item: place.get(prefix + item[0], -1))
        module._parameters.clear()
        module._parameters.update(own)


@torch.no_grad()
def _fill(
    subject: Subject, record: SubjectRecord, tensors: dict[str, Tensor], path: str | os.PathLike[str]
) -> None:
    """Puts the offset and the stored values into the model and binds the masks."""
    model, masks, slots = subject.model, subject.weights.masks, subject.weights.slots
    try:
        if record.offset == "frozen":
            for name, slot in slots.items():
                if f"{name}:offset" in tensors:
                    slot.values.copy_(tensors[f"{name}:offset"])
                elif subject.parent is not None:
                    slot.values.copy_(value_in(subject.parent, name))
                else:
                    raise RecordError(
                        f"{path}: the frozen offset drawn from seed {record.seed} does not match its sha256; "
                        "it was made by another version of the initialiser"
                    )
        subject.weights = SparseWeights(
            model,
            masks,
            record.offset,
            trainable_alpha=bool(record.params.get("trainable_alpha", True)),
            decay_offset=any(name.endswith(":gamma") for name in tensors),
        )
        if (decay := subject.weights.decay) is not None:
            decay.gamma = {name: float(tensors[f"{name}:gamma"]) for name in slots}
            subject.weights.restore()
        for name, slot in slots.items():
            slot.values[masks[name]] = tensors[f"{name}:values"]
            if (dct := dct_offset_of(slot)) is not None:
                dct.alpha.copy_(tensors[f"{name}:alpha"])
                dct.initial_alpha = float(tensors.get(f"{name}:initial_alpha", torch.ones(())))
        for key, tensor in others_of(model, slots).items():
            tensor.copy_(tensors[f"{key}:whole"])
    except (KeyError, RuntimeError) as error:
        raise RecordError(
            f"{path} is damaged: {str(error).splitlines()[0]} is missing or has another size"
        ) from None
