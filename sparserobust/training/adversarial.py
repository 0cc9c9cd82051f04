"""Adversarial training: a step learns from the worst images that a budget allows, looked for by gradient ascent.

PGD takes the loss on those images alone; TRADES adds to the loss on the images as they are how far the
predictions move. Either changes the loss and nothing else, so the laws of masks and offsets hold as ever.

The ascent runs in evaluation mode, as in the code of TRADES: it moves no BatchNorm statistic, draws no dropout
and asks for the gradient of the images alone, so that no parameter collects any. The loss is then taken in
training mode. Perturbed images stay in [0, 1]; they start from the augmented ones.

Auxiliary heads, which some networks have while they train, add their cross-entropy to that of the logits
(`logits.AUXILIARY_WEIGHT`); no ascent follows them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.attacks.budget import project, steepest
from sparserobust.device import repeatable_kernels
from sparserobust.errors import ModelError
from sparserobust.logits import require_labels_of, training_loss
from sparserobust.seeds import generator
from sparserobust.training.accuracy import Attack
from sparserobust.training.recipe import Recipe
from sparserobust.training.threat import PGDTraining, TRADESTraining

TRADES_NOISE = 0.001
"""Standard deviation of TRADES' start in pixel units (Algorithm 1); at the image itself its gradient is zero."""


class Objective:
    """What each training step of a recipe minimises.

    Attributes:
        plan: of adversarial training, None where the recipe has none.
        robust: "robust " where the best epoch is chosen by robust accuracy, else "".
        generator: the random starts come from it, and nothing else does.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        """The objective of a recipe, its random starts drawn from the seed."""
        self.plan = recipe.adversarial
        self.robust = "" if self.plan is None else "robust "
        self.seed = seed
        self.generator = generator(seed, "adversarial start")

    def __call__(
        self, model: nn.Module, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], epoch: int
    ) -> tuple[Float[Tensor, "n classes"], Float[Tensor, ""]]:
        """(Logits of the images learnt from, perturbed if any are; mean loss), of a model in training mode.

        Args:
            model: in training mode, and so again afterwards.
            images: in [0, 1].
            labels: of the images.
            epoch: counted from 0, for the warm-up.
        """
        model = Adapter.of(model)
        if self.plan is None:
            logits, auxiliary = model.with_auxiliary(images)
            return logits, training_loss(logits, auxiliary, labels)
        plan = self.plan.in_epoch(epoch)
        model.eval()
        if isinstance(plan, PGDTraining):
            moved = pgd_images(model, images, labels, plan, self.generator)
            logits, auxiliary = model.train().with_auxiliary(moved)
            return logits, training_loss(logits, auxiliary, labels)
        moved = trades_images(model, images, plan, self.generator)
        clean, auxiliary = model.train().with_auxiliary(images)
        logits, _ = model.with_auxiliary(moved)
        loss = training_loss(clean, auxiliary, labels)
        return logits, loss + plan.beta * divergence(clean, logits) / len(labels)

    def validation_attack(self) -> Attack | None:
        """PGD with the budget, steps and step size of training, None where nothing is perturbed.

        For TRADES as well: the gain is the cross-entropy and the start random. The starts are the same each time,
        so that epochs differ by their weights alone; warm-up has no part in it.
        """
        if self.plan is None:
            return None
        plan = PGDTraining.model_validate(self.plan.model_dump(include={"norm", "eps", "steps", "step_size"}))
        return partial(pgd_images, plan=plan, stream=generator(self.seed, "adversarial validation"))


def pgd_images(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    plan: PGDTraining,
    stream: torch.Generator,
) -> Float[Tensor, "n c h w"]:
    """The images after ascent on the cross-entropy, from anywhere in the budget or from themselves.

    Source: Madry et al. 2018, arXiv:1706.06083, sec. 2.1; the last step's images, as there.
    """

    def gain(logits: Tensor) -> Tensor:
        require_labels_of(logits, labels, wait=False)
        return F.cross_entropy(logits, labels, reduction="sum")

    start = images + anywhere(images, plan, stream) if plan.random_start else images
    return ascend(model, images, start, gain, plan)


def trades_images(
    model: nn.Module, images: Float[Tensor, "n c h w"], plan: TRADESTraining, stream: torch.Generator
) -> Float[Tensor, "n c h w"]:
    """The images after ascent on the divergence from the predictions for the images themselves; no label enters.

    Source: Zhang et al. 2019, arXiv:1901.08573, Algorithm 1. The starting noise is clipped to the budget.
    """
    model = Adapter.of(model)
    with torch.no_grad():
        clean = model(images)
    start = images + TRADES_NOISE * torch.randn(images.shape, generator=stream).to(images)
    return ascend(model, images, start, partial(divergence, clean), plan)


def ascend(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    start: Float[Tensor, "n c h w"],
    gain: Callable[[Tensor], Tensor],
    plan: PGDTraining | TRADESTraining,
) -> Float[Tensor, "n c h w"]:
    """Images within the budget and [0, 1], after the plan's steps of projected gradient ascent.

    A step goes along the gradient's sign (linf) or its direction (l2), the steepest ascent in the norm.
    What has no gradient, or none that is finite, stays where it is; an overflow then shows in the loss.

    Args:
        model: in evaluation mode.
        images: the budget's centres, in [0, 1].
        start: where the ascent begins; brought into the budget first.
        gain: logits (n, classes) -> what is to grow, summed over the examples.
        plan: norm, eps, steps and step size.

    Raises:
        ModelError: no gradient reaches the images.
    """
    model, moved = Adapter.of(model), project(images, start, plan.norm, plan.eps)
    for _ in range(plan.steps):
        moved.requires_grad_(True)
        gradient = None
        with torch.enable_grad(), repeatable_kernels(model):
            value = gain(model(moved))
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value, moved, allow_unused=True)
        if gradient is None:
            raise ModelError(
                "adversarial training needs a differentiable model; no gradient reaches its input"
            )
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        step = plan.step * steepest(gradient, plan.norm)
        moved = project(images, moved.detach() + step, plan.norm, plan.eps)
    return moved


def anywhere(
    images: Float[Tensor, "n c h w"], plan: PGDTraining, stream: torch.Generator
) -> Float[Tensor, "n c h w"]:
    """A perturbation for each image, uniform in the ball of the norm with radius eps."""
    if plan.norm == "linf":
        return plan.eps * (2 * torch.rand(images.shape, generator=stream) - 1).to(images)
    direction = steepest(torch.randn(images.shape, generator=stream), "l2")
    radius = torch.rand(len(images), generator=stream) ** (1 / images[0].numel())
    return plan.eps * (radius.view(-1, 1, 1, 1) * direction).to(images)


def divergence(clean: Float[Tensor, "n k"], moved: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """Kullback-Leibler divergence KL(p || q) in nats, summed over examples; p of the clean logits, q of the moved."""
    target, other = F.log_softmax(clean, dim=1), F.log_softmax(moved, dim=1)
    return F.kl_div(other, target, reduction="sum", log_target=True)
