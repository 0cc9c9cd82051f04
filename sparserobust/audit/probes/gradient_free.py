"""Probes without the model's gradients: whether they find what gradients do not lead to."""

from __future__ import annotations

from sparserobust.audit.evidence import Evidence
from sparserobust.audit.probes.probe import BLIND, Answer, only_blind


def queries_find_nothing_new(found: Evidence) -> Answer:
    """G8: Square and noise break nothing new. Source: Carlini et al. 2019; Croce and Hein 2020."""
    return only_blind(found, found.union("square", "noise"))


def transfer_finds_nothing_new(found: Evidence) -> Answer:
    """G9: images made on the dense model break nothing new. Source: Carlini et al. 2019."""
    if not found.dense:
        return Answer("not-run", None, 0.0, BLIND, detail="no-dense-model")
    return only_blind(found, found.union("transfer"))
