"""Whose weights a subject has: those that were drawn, by us or by chance, or trained ones."""

from __future__ import annotations

from typing import Literal, Protocol

from torch import Tensor, nn

from sparserobust.origin import origin_of
from sparserobust.records import History
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.others import as_drawn
from sparserobust.weights.plan import sha256_of
from sparserobust.weights.slots import value_in


class HasWeights(Protocol):
    """What must be known of a `Subject`; see there."""

    model: nn.Module
    weights: SparseWeights
    parent: dict[str, Tensor] | None
    history: History | None
    drawn: bool


def initial_sha256(subject: HasWeights) -> str | None:
    """sha256 of the prunable weights of the parent, None without one."""
    if subject.parent is None:
        return None
    return sha256_of({name: value_in(subject.parent, name) for name in subject.weights.slots})


def drawn_by_us(subject: HasWeights) -> bool:
    """Whether `create_model` drew the parent's weights, so that its seed brings them back on every machine."""
    return bool(origin_of(subject.model, "repeatable")) and _drawn(subject, initial_sha256(subject))


def _drawn(subject: HasWeights, initial: str | None) -> bool:
    """Whether the parent's weights, whose sha256 is `initial`, are those that `create_model` drew here or elsewhere."""
    drawn = origin_of(subject.model, "sha256")
    return drawn is not None and bool(drawn == initial)


def _as_created(subject: HasWeights) -> bool:
    """Whether a network without a parent has the weights that `create_model` drew, and trained nothing else.

    Training moves biases and the weights of norms, which start constant.
    """
    weights = {name: slot.values for name, slot in subject.weights.slots.items()}
    return _drawn(subject, sha256_of(weights)) and all(
        parameter.ndim != 1 or bool((parameter == parameter[:1]).all())
        for parameter in subject.model.parameters()
    )


def training_of(
    subject: HasWeights, initial: str | None
) -> Literal["none", "recorded", "elsewhere", "unknown"]:
    """What is known of a subject's training; see `SubjectRecord`."""
    if subject.history is not None and subject.history.epochs:
        return "recorded"
    if subject.parent is None:
        return "none" if subject.drawn or _as_created(subject) else "unknown"
    if not as_drawn(subject.model, subject.weights.slots, subject.weights.masks, subject.parent):
        return "elsewhere" if subject.history is None else "unknown"
    return "none" if _drawn(subject, initial) else "unknown"
