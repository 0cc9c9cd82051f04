"""A sparse network beside dense in several norms and on clean images, each with its own direction."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Norm, Outcome, Run

from .attack_factory import budgeted
from .factory import accuracy, fgsm, first, run

LARGE = (0.25, 0.5, 1.0)
NORM_BUDGETS: dict[Norm, tuple[tuple[float, ...], float]] = {
    "l2": (LARGE, 0.5),
    "l1": ((2.0, 8.0), 8.0),
    "l0": ((1.0, 5.0), 5.0),
}


def sides(
    *,
    clean: tuple[int, int] = (195, 180),
    linf: tuple[int, int] = (100, 130),
    l2: tuple[int, int] | None = (160, 100),
    l1: tuple[int, int] | None = None,
    audits: Sequence[Outcome | None] = (None, None),
    zero: float = 0.0,
) -> list[Run]:
    """Dense and SNIP at 0.9: how many of 200 images are right, and stay so under FGSM and under PGD in other norms.

    Each pair is (dense, SNIP); `zero` is the share of images on which SNIP has no gradient.
    """
    runs = []
    for k, (method, sparsity) in enumerate((("dense", 0.0), ("snip", 0.9))):
        right = first(clean[k])
        outcomes = [accuracy(right), fgsm(right, [first(linf[k])] * 3, zero=zero * k)]
        for norm, kept in (("l2", l2), ("l1", l1)):
            if kept is not None:
                eps, headline = NORM_BUDGETS[norm]
                robust = [first(kept[k])] * len(eps)
                outcomes.append(budgeted(right, robust, f"pgd-{norm}", norm=norm, eps=eps, headline=headline))
        outcomes += [own for own in (audits[k],) if own is not None]
        runs.append(run(method, sparsity, *outcomes))
    return runs
