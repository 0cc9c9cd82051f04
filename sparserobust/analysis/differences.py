"""Difference to dense, paired: by image for one network, by seed for several, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sparserobust.analysis.estimates import CLAIM_SEEDS
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import no_reference
from sparserobust.analysis.readings import correct
from sparserobust.analysis.worst_case import Robustness
from sparserobust.one_line import OneLine
from sparserobust.records import Remark, Run, remark
from sparserobust.stats import (
    holm,
    newcombe_paired,
    paired_t,
    smallest_difference_examples,
    smallest_difference_seeds,
)

ALPHA = 0.05
Result = Literal[
    "higher", "lower", "not-distinguishable", "ns-after-holm", "not-ranked", "no-claim", "not-compared"
]


@dataclass(frozen=True, repr=False)
class Difference(OneLine):
    """A row minus its dense reference.

    Attributes:
        value, low, high: as fractions; None where nothing could be paired, and `reason` says why.
        p: of the paired test, None where none is possible; `p_holm`: adjusted over the table.
        n: of `unit`, "images" or "seeds".
        smallest: the minimum detectable difference: what would be significant on its own with this n.
        discordant: for every pair of networks how many images are (sparse correct and dense wrong, dense correct and
            sparse wrong).
        result: "higher", "lower", "not-distinguishable" (p or the interval allows 0), "ns-after-holm" (different on
            its own, not once all comparisons count), "not-ranked" (one of the two cannot stand for anything),
            "no-claim" (too few seeds), "not-compared".
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    n: int = 0
    unit: Literal["", "images", "seeds"] = ""
    smallest: float | None = None
    discordant: tuple[tuple[int, int], ...] = ()
    result: Result = "not-compared"
    reason: Remark | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the unadjusted interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def outcomes_of(run: Run, robust: Robustness | None) -> NDArray[np.bool_] | None:
    """What is compared: right under attack, or on clean images without one."""
    return correct(run) if robust is None else robust.images(run)


def difference(group: Group, robust: Robustness | None) -> Difference:
    """The group minus dense, before any correction for many comparisons.

    A dense network that collapsed, was not trained or whose training diverged is no reference: its seed is left out.
    """
    if not group.made:
        return Difference(None, reason=group.first.subject.not_made)
    if group.unpaired:
        return Difference(None, reason=group.unpaired)
    pairs: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    unfit: list[Remark] = []
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
        if unfit:
            return Difference(None, reason=unfit[0], result="not-ranked")
        return Difference(None, reason=remark("not-per-image-on-both"))
    return _by_image(*pairs[0]) if len(group.runs) == 1 else _by_seed(pairs)


def _by_image(own: NDArray[np.bool_], dense: NDArray[np.bool_]) -> Difference:
    d = newcombe_paired(own, dense)
    smallest = smallest_difference_examples(d.n, (d.only_a + d.only_b) / d.n)
    return Difference(
        d.difference, d.low, d.high, d.p, n=d.n, unit="images", smallest=smallest,
        discordant=((d.only_a, d.only_b),),
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
    return {i: _concluded(found[i], adjusted.get(i), ranked=i not in excluded) for i in places}


def _concluded(d: Difference, p_holm: float | None, *, ranked: bool) -> Difference:
    if d.value is None:
        return d
    result: Result
    if not ranked:
        result = "not-ranked"
    elif d.p is None:
        result = "no-claim"
    elif d.p < ALPHA and d.excludes_zero:
        after = p_holm is not None and p_holm < ALPHA
        result = ("higher" if d.value > 0 else "lower") if after else "ns-after-holm"
    else:
        result = "not-distinguishable"
    return replace(d, result=result, p_holm=p_holm)


def comparisons(differences: dict[int, Difference]) -> int:
    """How many tests the correction was made over."""
    return sum(d.p_holm is not None for d in differences.values())
