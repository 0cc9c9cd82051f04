"""One file per evaluator; `from evaluators import FGSM` imports that one alone."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluators.accuracy import Accuracy as Accuracy
    from evaluators.carlini_wagner import CarliniWagner as CarliniWagner
    from evaluators.connectivity import Connectivity as Connectivity
    from evaluators.fgsm import FGSM as FGSM
    from evaluators.flops import FLOPs as FLOPs
    from evaluators.gradient_norm import GradientNorm as GradientNorm
    from evaluators.saliency import Saliency as Saliency
    from evaluators.storage import Storage as Storage

_HOME = {
    "Accuracy": "accuracy",
    "FGSM": "fgsm",
    "CarliniWagner": "carlini_wagner",
    "Saliency": "saliency",
    "Connectivity": "connectivity",
    "GradientNorm": "gradient_norm",
    "FLOPs": "flops",
    "Storage": "storage",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
