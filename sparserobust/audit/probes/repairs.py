"""Probes of the loss: whether the attack gains by changes that leave every decision as it is."""

from __future__ import annotations

from sparserobust.audit.evidence import REPAIRED, Evidence
from sparserobust.audit.probes.probe import SUPPORTED, Answer, graded
from sparserobust.stats import newcombe_paired


def none_gains(found: Evidence) -> Answer:
    """G3: no repair of the same attack breaks more. Source: Gupta and Ajanthan 2022."""
    reported, how = found.reported, None
    gain = newcombe_paired(reported[0], reported[0])
    for name, broken in found.repairs.items():
        for row in range(len(reported)):
            more = newcombe_paired(broken[row], reported[row])
            if more.difference > gain.difference:
                gain, how = more, name.removeprefix(REPAIRED)
    state = "pass" if gain.difference <= SUPPORTED else "fail" if gain.low > SUPPORTED else "warn"
    return Answer(state, gain.difference, SUPPORTED, SUPPORTED, gain.low, how)


def margin_finds_no_more(found: Evidence) -> Answer:
    """G4: PGD on the margin finds no more than on the cross-entropy. Source: Pintor et al. 2022."""
    more = found.arrays["pgd margin"].sum(axis=1) - found.arrays["pgd cross-entropy"].sum(axis=1)
    return graded(float(more.max() / found.m), 0.05, 0.3)
