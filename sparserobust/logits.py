"""What a network returns, read in one place: logits (n, classes), one logit per image, and auxiliary heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparserobust.arguments import require_known_labels
from sparserobust.errors import ModelError, ShapeError
from sparserobust.outputs import OutputOf, described, parts_of, taken_from

AUXILIARY_WEIGHT = 0.3
"""What the loss of each auxiliary head counts in training (Szegedy et al. 2014, GoogLeNet, arXiv:1409.4842, sec. 5)."""


def as_logits(returned: object, images: Tensor) -> Tensor:
    """The logits (n, classes) that a model returned, in the floating type of its images.

    Half precision under autocast is widened. One logit z per image, (n, 1), is a model of two classes whose
    sigmoid is the probability of class 1: it counts as the logits (-z/2, z/2), whose softmax is
    (1 - sigmoid(z), sigmoid(z)). (0, z) has that softmax too, but its first logit has no gradient, so that a
    saliency map of class 0 would be empty; halving is exact.

    Args:
        returned: by the model.
        images: that it was given, or any tensor of as many rows and their type.

    Raises:
        ShapeError: no tensor (n, classes). ModelError: whole numbers or truth values.
    """
    logits = one_tensor(returned, images)
    return torch.cat([logits / -2, logits / 2], dim=1) if logits.shape[1] == 1 else logits


def one_tensor(returned: object, images: Tensor) -> Tensor:
    """What a model returned, one number per image and output, (n, outputs), in the floating type of the images.

    (n,) is one number per image, and (n, outputs, 1, 1) what a network without a flattening layer returns.

    Raises:
        As `as_logits`.
    """
    n = len(images)
    if not isinstance(returned, Tensor):
        raise ShapeError(f"the model must return logits ({n}, classes), got {described(returned)}")
    if not returned.is_floating_point():
        raise ModelError(f"the model must return logits as floating-point numbers, got {returned.dtype}")
    if returned.shape == (n,) or (n == 1 and returned.dim() < 2):  # of one image squeezed, (classes,)
        returned = returned.reshape(n, -1)
    elif returned.dim() > 2 and all(size == 1 for size in returned.shape[2:]):
        returned = returned.flatten(1)
    if returned.dim() != 2 or len(returned) != n or not returned.shape[1]:
        raise ShapeError(f"the model must return logits ({n}, classes), got {described(returned)}")
    return returned.to(images.dtype)


def with_auxiliary(returned: object, images: Tensor, place: OutputOf = None) -> tuple[Tensor, list[Tensor]]:
    """(logits, those of auxiliary heads) of a model in training mode.

    A tuple, list or mapping, as torchvision's GoogLeNet and Inception return while they train, holds the logits
    first, then those of auxiliary heads, of the same shape, or None for a head that is not there.

    Raises:
        As `as_logits`.
    """
    logits, _ = taken_from(returned, len(images), place)
    parts = [part for _, part in parts_of(returned) if part is not None]
    others = parts[1:] if parts and logits is parts[0] else []
    if hasattr(returned, "_fields") or not isinstance(
        returned, tuple | list
    ):  # then their names say what they are
        others = [part for name, part in parts_of(returned)[1:] if part is not None and "aux" in name.lower()]
    if not all(isinstance(part, Tensor) and part.shape == logits.shape for part in others):
        others = []  # what lies beside the logits are no logits
    return as_logits(logits, images), [as_logits(part, images) for part in others]


def training_loss(logits: Tensor, auxiliary: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats, plus `AUXILIARY_WEIGHT` times that of each auxiliary head.

    Raises:
        ShapeError: a label is none of the model's classes (on the CPU; elsewhere torch says so).
    """
    require_labels_of(logits, labels, wait=False)
    loss = F.cross_entropy(logits, labels)
    for other in auxiliary:
        loss = loss + AUXILIARY_WEIGHT * F.cross_entropy(other, labels)
    return loss


def require_labels_of(logits: Tensor, labels: Tensor, *, wait: bool = True) -> None:
    """Raises ShapeError when a label is none of the model's classes.

    Args:
        logits: (n, classes).
        labels: (n,).
        wait: False: only where looking at a label waits for no other computation, on the CPU.
    """
    if wait or labels.device.type == "cpu":
        require_known_labels(int(labels.max()), logits.shape[1])
