"""The code that results come from, as sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from torch import nn

from sparserobust.source_code import code_digest, folder_digest
from sparserobust.weights.fingerprint import code_of

OURS = ("attacks", "scoring", "audit")
"""The folders of this package that decide what any evaluator finds."""


def evaluator_code(*kinds: type) -> str:
    """The code of evaluators of these classes: our own of attacks and scoring, theirs, and libraries by version."""
    own = code_digest(*kinds, libraries=True)
    return hashlib.sha256((_our_code() + own).encode()).hexdigest()


def outcome_codes(model: nn.Module, evaluators: Mapping[str, object]) -> dict[str, str]:
    """Label -> the code that an evaluator's outcome comes from: the model's and its own.

    Args:
        evaluators: by label.
    """
    own = code_of(model)
    return {
        label: hashlib.sha256((own + evaluator_code(type(evaluator))).encode()).hexdigest()
        for label, evaluator in evaluators.items()
    }


@cache
def _our_code() -> str:
    """As it was when this process first asked: nothing of it is loaded anew."""
    package = Path(__file__).parent.parent
    return "".join(folder_digest(package / name) for name in OURS)
