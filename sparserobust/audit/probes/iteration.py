"""Probes of the search: whether more steps and larger budgets do what they should. Source: Carlini et al. 2019."""

from __future__ import annotations

from sparserobust.audit.evidence import ITERATED, Evidence
from sparserobust.audit.probes.probe import Answer, graded


def one_step_is_no_better(found: Evidence) -> Answer:
    """G5: iterating breaks what one step does."""
    return graded(found.most_alone(found.reported, found.union(*ITERATED)) / found.m, 0.02, 0.05)


def twice_the_steps_find_no_more(found: Evidence) -> Answer:
    """G6: more steps and restarts break nothing new."""
    before = found.union("reported", *found.repairs, *ITERATED)
    return graded(found.most_alone(found.arrays["pgd, twice the steps"], before) / found.m, 0.02, 0.1)


def nothing_survives_everything(found: Evidence) -> Answer:
    """G7: with eps 1 no example is left."""
    return graded(found.share("survives_everything"), 0.01, 0.1)
