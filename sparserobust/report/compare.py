"""Difference to dense, paired: by image for one network, by seed for several, and the word for it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sparserobust.records import Run
from sparserobust.report.attacks import Robustness
from sparserobust.report.estimates import CLAIM_SEEDS
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.readings import correct
from sparserobust.report.soundness import no_reference
from sparserobust.stats import (
    holm,
    newcombe_paired,
    paired_t,
    smallest_difference_examples,
    smallest_difference_seeds,
)

ALPHA = 0.05
HIGHER, LOWER = "higher", "lower"
ALIKE, NOT_AFTER_HOLM, NOT_RANKED = "not distinguishable", "not after Holm", "not ranked"


@dataclass(frozen=True)
class Difference:
    """A row minus its dense reference.

    Attributes:
        value, low, high: as fractions; None where nothing could be paired, and `reason` says why.
        p: of the paired test, None where none is possible; `p_holm`: adjusted over the table.
        n: of `unit`, "images" or "seeds".
        smallest: the smallest difference that this n could have shown.
        only_row, only_dense: images that one has right and the other wrong (one network only).
        discordant: the same two counts for every pair of networks.
        word: higher, lower, not distinguishable, not after Holm, or that no claim is possible.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    n: int = 0
    unit: str = ""
    smallest: float | None = None
    only_row: int | None = None
    only_dense: int | None = None
    discordant: tuple[tuple[int, int], ...] = ()
    word: str = ""
    reason: str = ""

    @property
    def excludes_zero(self) -> bool:
        """Whether the unadjusted interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def outcomes_of(run: Run, robust: Robustness | None) -> NDArray[np.bool_] | None:
    """What is compared: right under attack, or on clean images without one."""
    return correct(run) if robust is None else robust.images(run)


def difference(group: Group, robust: Robustness | None) -> Difference:
    """The group minus dense, before any correction for many comparisons.

    A dense network that collapsed or whose training diverged is no reference: its seed is left out.
    """
    if group.not_made or group.unpaired:
        return Difference(None, reason=group.not_made or group.unpaired)
    pairs: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    unfit: list[str] = []
    for run, reference in zip(group.runs, group.references, strict=True):
        if reference is None:
            continue
        if why := no_reference(reference):
            unfit.append(why)
            continue
        own, dense = outcomes_of(run, robust), outcomes_of(reference, robust)
        if own is not None and dense is not None and len(own) == len(dense):
            pairs.append((own, dense))
    if not pairs:
        reason = f"{NOT_RANKED}: {unfit[0]}" if unfit else "not measured per image on both"
        return Difference(None, reason=reason, word=NOT_RANKED if unfit else "")
    return _by_image(*pairs[0]) if len(group.runs) == 1 else _by_seed(pairs)


def _by_image(own: NDArray[np.bool_], dense: NDArray[np.bool_]) -> Difference:
    d = newcombe_paired(own, dense)
    smallest = smallest_difference_examples(d.n, (d.only_a + d.only_b) / d.n)
    return Difference(
        d.difference, d.low, d.high, d.p, n=d.n, unit="images", smallest=smallest,
        only_row=d.only_a, only_dense=d.only_b, discordant=((d.only_a, d.only_b),),
    )  # fmt: skip


def _by_seed(pairs: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> Difference:
    d = paired_t([float(own.mean()) for own, _ in pairs], [float(dense.mean()) for _, dense in pairs])
    apart = tuple((int((own & ~dense).sum()), int((~own & dense).sum())) for own, dense in pairs)
    if d.n < CLAIM_SEEDS:
        return Difference(d.difference, d.low, d.high, n=d.n, unit="seeds", discordant=apart)
    smallest = smallest_difference_seeds(d.sd, d.n) if d.sd is not None else None
    return Difference(
        d.difference, d.low, d.high, d.p, n=d.n, unit="seeds", smallest=smallest, discordant=apart
    )


def compare_all(lineup: Lineup, excluded: Set[int], robust: Robustness | None) -> dict[int, Difference]:
    """The difference of every sparse group by its place in the line-up, Holm over those that count.

    Args:
        lineup: all groups.
        excluded: places that are shown but neither counted nor ranked (collapsed, artefacts).
        robust: what is compared; None for clean accuracy.
    """
    places = [i for i, group in enumerate(lineup.groups) if not group.dense]
    found = {i: difference(lineup.groups[i], robust) for i in places}
    counted = [i for i in places if i not in excluded]
    adjusted = dict(zip(counted, holm([found[i].p for i in counted]), strict=True))
    return {i: _worded(found[i], adjusted.get(i), ranked=i not in excluded) for i in places}


def _worded(d: Difference, p_holm: float | None, *, ranked: bool) -> Difference:
    if d.value is None:
        return d
    if not ranked:
        word = NOT_RANKED
    elif d.p is None:
        word = f"no claim: {d.n} seed{'s' if d.n > 1 else ''}"
    elif d.p < ALPHA and d.excludes_zero:
        after = p_holm is not None and p_holm < ALPHA
        word = (HIGHER if d.value > 0 else LOWER) if after else NOT_AFTER_HOLM
    else:
        word = ALIKE
    return replace(d, word=word, p_holm=p_holm)


def comparisons(differences: dict[int, Difference]) -> int:
    """How many tests the correction was made over."""
    return sum(d.p_holm is not None for d in differences.values())
