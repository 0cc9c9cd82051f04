"""The l2 attack of Carlini and Wagner, our own: warm start, one trade-off constant for each example, no tanh."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sparserobust.attacks.closest import Closest
from sparserobust.attacks.ddn import BISECTIONS, search
from sparserobust.attacks.losses import soft_margin
from sparserobust.attacks.nearest import look_around
from sparserobust.attacks.oracle import Oracle

SHARPNESS = 64.0


def carlini_wagner(
    oracle: Oracle,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    steps: int,
    warm_start: int,
    confidence: float = 0.0,
    stop_below: float = 0.0,
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, " n"]]:
    """(closest adversarial images, their distance; the clean image and infinity where none was found).

    Minimises |change|^2 + c * max(0, confidence - margin) as the paper does, with four differences that
    make it faster, blind to the scale of the logits and independent of the batch:

    - it starts at what a minimum-norm attack (DDN) found. There c is known, because the gradients of the two
      terms cancel at the optimum: no search from 0.001 upwards is needed. From then on c of each example falls
      while the example is adversarial and grows while it is not;
    - the margin is a smooth maximum over the other classes, each in units of how near it is;
    - the box is kept by clipping (the paper's projected gradient descent, sec. V-B) and not by tanh, whose
      slope at a black or white pixel is so small that published implementations cannot move it;
    - an example whose distance has stopped falling is left alone.

    Args:
        images: in [0, 1].
        steps: of Adam after the warm start, each a forward and a backward pass.
        warm_start: steps of DDN.
        confidence: logit margin that an adversarial image must exceed.
        stop_below: examples found within this distance are not improved any further.

    Source: Carlini and Wagner 2017, arXiv:1608.04644, sec. V and VI-A (f6).
    """
    closest = Closest(images, labels, "l2", confidence)
    views, radius = look_around(oracle, images, labels, "l2")
    search(oracle, closest, views, radius, steps=warm_start, stop_below=stop_below)
    _descend(oracle, closest, views[1], steps, stop_below)
    closest.shrink(oracle, BISECTIONS)
    return closest.images, closest.distance


PATIENCE = 0.4
"""An example is left alone when its distance has not fallen by 0.1 % for this share of the steps."""
LEARNING_RATE = (2.0, 0.1)
"""Of Adam, first and last, in units of the distance that all pixels would have if they moved alike."""


def _descend(
    oracle: Oracle, closest: Closest, units: Float[Tensor, "n k"], steps: int, stop_below: float
) -> None:
    """Adam on the objective, from the closest images on; examples without one are not taken along."""
    (which,) = (closest.found & (closest.distance > stop_below)).nonzero(as_tuple=True)
    clean = closest.clean[which]
    state = _Adam(closest.images[which] - clean)
    pixels = clean[:1].numel() ** 0.5
    mark = closest.distance[which].clone()
    still = torch.zeros_like(which)
    constant: Tensor | None = None
    for step in range(steps):
        if not len(which):
            return
        done = step / steps
        change = state.value
        objective = soft_margin(units[which], SHARPNESS)
        logits, _, gradient = oracle.gradient(clean + change, closest.labels[which], objective)
        fooled = closest.take(which, clean + change, logits)
        if constant is None:  # the gradients of both terms cancel: 2 |change| = c |gradient of the margin|
            size = gradient.flatten(1).norm(dim=1).clamp_min(1e-6)  # about 1 / distance in its units, or 0
            constant = 2 * change.flatten(1).norm(dim=1) / size
        else:
            rate = 0.1 * 0.1**done
            constant = constant * torch.where(fooled, 1 - rate, 1 + rate).to(clean.dtype)
        pull = torch.where(fooled, 0.0, constant).view(-1, 1, 1, 1)
        rate = LEARNING_RATE[0] * (LEARNING_RATE[1] / LEARNING_RATE[0]) ** done
        sizes = (rate * closest.distance[which] / pixels).to(clean.dtype).view(-1, 1, 1, 1)
        state.step(2 * change - pull * gradient, sizes)
        state.value = (clean + state.value).clamp(0, 1) - clean

        best = closest.distance[which]
        better = best < mark * 0.999
        mark = torch.where(better, best, mark)
        still = torch.where(better, 0, still + 1)
        keep = (still <= PATIENCE * steps) & (best > stop_below)
        if not bool(keep.all()):
            which, clean, constant, mark, still = (
                values[keep] for values in (which, clean, constant, mark, still)
            )
            state.keep(keep)
    if len(which):
        closest.take(which, clean + state.value, oracle.logits(clean + state.value))


class _Adam:
    """Adam with a step size for each example (Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1)."""

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self.first = torch.zeros_like(value)
        self.second = torch.zeros_like(value)
        self.count = 0

    def step(self, gradient: Tensor, sizes: Tensor) -> None:
        self.count += 1
        self.first.mul_(0.9).add_(gradient, alpha=0.1)
        self.second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        first = self.first / (1 - 0.9**self.count)
        second = self.second / (1 - 0.999**self.count)
        self.value = self.value - sizes * first / (second.sqrt() + 1e-8)

    def keep(self, which: Tensor) -> None:
        self.value, self.first, self.second = self.value[which], self.first[which], self.second[which]
