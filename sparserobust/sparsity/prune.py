"""Pruning in events: score at the present sparse point, keep the best, go there, score again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparserobust.errors import DegenerateScores
from sparserobust.records import Remark, remark
from sparserobust.sparsity.allocation import allocate
from sparserobust.sparsity.scores import ScoreFunction
from sparserobust.sparsity.scoring_model import ScoringModel, flat
from sparserobust.sparsity.select import Ties, select


@dataclass(frozen=True)
class Pruned:
    """The masks after all events, name -> bool on the CPU, and what a reader should know of the way there."""

    masks: dict[str, Tensor]
    notes: tuple[Remark, ...] = ()


def prune(
    model: ScoringModel,
    score: ScoreFunction,
    counts: Sequence[int],
    *,
    allocation: str,
    revive: bool,
    generator: torch.Generator,
    ties: Ties = "draw",
    prepare: Callable[[ScoringModel], None] | None = None,
) -> Pruned:
    """Keeps counts[0] weights of the dense network, then counts[1] of that one, and so on.

    The score of the dense network is taken once per scoring model, so that a grid of sparsities shares it. There an
    event that is not the last one keeps fewer than its count when fewer weights have a usable score. Later
    on, weights whose score has become zero (a part of the network is cut off) rank below all others and
    among themselves by their score at the event before; a note says how many of them were kept at last.

    Args:
        model: the network; it ends at the last point but one.
        score: how important each weight is at a sparse point, larger is kept.
        counts: how many weights each event keeps, never rising (see `schedule`).
        allocation: by name, see `allocation.allocate`.
        revive: whether a weight that is pruned at this point is ranked again by its dense value (FORCE);
            otherwise it stays pruned.
        generator: for ties.
        ties: see `select.topk_mask`.
        prepare: changes the scoring model once, before the first score.

    Raises:
        DegenerateScores: an event cannot choose; says which, and what no gradient passes.
    """
    masks: dict[str, Tensor] = {}
    scores: dict[str, Tensor] = {}
    notes: tuple[Remark, ...] = ()
    for event, k in enumerate(counts):
        if event and k == counts[event - 1] and not revive:
            continue  # nothing to prune: `halving` below one half, or more events than weights that fall
        before, standing = scores, masks
        per_layer = allocate(allocation, model.shapes, k)
        try:
            scores = _scores(model, score, prepare, event, masks, revive, several=len(counts) > 1)
            try:
                masks = select(
                    scores,
                    k,
                    counts=per_layer,
                    generator=generator,
                    ties=ties,
                    at_least=counts[-1] if event == 0 else k,
                )
                notes = ()
            except DegenerateScores:
                if event == 0:
                    raise
                ranks = _ranked(scores, before, standing)
                masks = select(
                    ranks, k, counts=per_layer, generator=generator, ties=ties, at_least=counts[-1]
                )
                notes = (_note(masks, scores),)
                scores = ranks  # at the next event they may have no score again
        except DegenerateScores as error:
            raise _explained(error, model, event, len(counts)) from None
    return Pruned(masks, notes)


def _scores(
    model: ScoringModel,
    score: ScoreFunction,
    prepare: Callable[[ScoringModel], None] | None,
    event: int,
    masks: dict[str, Tensor],
    revive: bool,
    *,
    several: bool,
) -> dict[str, Tensor]:
    """Scores at the point of these masks; those of the dense network are kept for the next sparsity.

    Raises:
        DegenerateScores: after the first event, when no weight has a score.
    """
    if event == 0:
        if model.first is None:
            if prepare is not None:
                prepare(model)
            model.move(0, None)
            first = score(model)  # of several events the later ones would overwrite it
            model.first = {name: own.clone() for name, own in first.items()} if several else first
            model.first_dtype = model.weights[0].dtype
        elif model.first_dtype is not None and model.first_dtype != model.weights[0].dtype:
            model.change(torch.clone, model.first_dtype)  # another sparsity needed a wider range on its way
        return model.first
    if event == 1 and model.first is not None:
        model.first = {name: own.clone() for name, own in model.first.items()}  # later scores overwrite it
    model.move(event, flat(masks), revive=revive)
    scores = score(model)
    if not bool(flat(scores).any()):
        raise DegenerateScores("all scores are zero", tuple(scores))
    return scores


def _ranked(
    scores: dict[str, Tensor], before: dict[str, Tensor], masks: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Ranks from 1 up by score, below them by the score before where it is zero now and the mask stands."""
    now, then = flat(scores).cpu(), flat(before).cpu()
    first = torch.isfinite(now) & (now != 0)
    second = ~first & flat(masks) & torch.isfinite(then) & (then != 0)
    ranks = torch.zeros(len(now), dtype=torch.float64)
    lowest = 1.0
    for group, values in ((second, then), (first, now)):
        if bool(group.any()):
            ranks[group] = torch.unique(values[group], return_inverse=True)[1].double() + lowest
            lowest = float(ranks.max()) + 1
    parts = torch.split(ranks, [score.numel() for score in scores.values()])
    return {name: part.view(score.shape) for (name, score), part in zip(scores.items(), parts, strict=True)}


def _note(masks: dict[str, Tensor], scores: dict[str, Tensor]) -> Remark:
    """How many kept weights had no score at the last pruning event: they lie in parts that are cut off."""
    return remark("kept-without-score", weights=int((flat(masks) & (flat(scores).cpu() == 0)).sum()))


def _explained(error: DegenerateScores, model: ScoringModel, event: int, events: int) -> DegenerateScores:
    """The error with its event and the layers that nothing passes at this point."""
    dead = [name for name, weight in model.dense.items() if not bool(weight.any())]
    message, blocked = str(error), model.empty_layers() if event else dead
    if events > 1:
        message = f"event {event + 1} of {events}: {message}"
    if blocked:
        named = ", ".join(blocked[:3]) + (f" and {len(blocked) - 3} more" if len(blocked) > 3 else "")
        why = "the flow has collapsed there" if event else "initialised with zeros"
        message += f". Nothing passes {named}: {why}"
    return DegenerateScores(message, tuple(blocked) or error.layers)
