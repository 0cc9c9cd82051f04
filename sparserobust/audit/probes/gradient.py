"""Probes of the gradient itself: whether there is one, and whether it is that of the function."""

from __future__ import annotations

import numpy as np

from sparserobust.audit.evidence import Evidence
from sparserobust.audit.probes.probe import Answer, graded


def is_there(found: Evidence) -> Answer:
    """G1: a gradient reaches the images. Source: Pintor et al. 2022; Croce and Hein 2020."""
    return graded(found.share("zero_gradient"), 0.0, 0.05)


def is_the_functions(found: Evidence) -> Answer:
    """G10: the gradient is that of the function, along drawn directions. Source: ours."""
    errors = found.arrays["gradient_error"][found.correct]
    if np.isnan(errors).any():
        return Answer("not-run", None, 0.01, 0.1, detail="no-float64")
    return graded(float(np.median(errors)), 0.01, 0.1)
