"""One file per evaluator; `from evaluators import FGSM` imports that one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from evaluators.accuracy import Accuracy as Accuracy
    from evaluators.autoattack import AutoAttack as AutoAttack
    from evaluators.carlini_wagner import CarliniWagner as CarliniWagner
    from evaluators.connectivity import Connectivity as Connectivity
    from evaluators.fgsm import FGSM as FGSM
    from evaluators.flops import FLOPs as FLOPs
    from evaluators.gradient_masking import GradientMasking as GradientMasking
    from evaluators.gradient_norm import GradientNorm as GradientNorm
    from evaluators.minimum_norm import MinimumNorm as MinimumNorm
    from evaluators.pgd import PGD as PGD
    from evaluators.saliency import Saliency as Saliency
    from evaluators.square import Square as Square
    from evaluators.storage import Storage as Storage
    from evaluators.transfer import Transfer as Transfer

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accuracy": ["Accuracy"],
        "fgsm": ["FGSM"],
        "carlini_wagner": ["CarliniWagner"],
        "saliency": ["Saliency"],
        "connectivity": ["Connectivity"],
        "gradient_norm": ["GradientNorm"],
        "gradient_masking": ["GradientMasking"],
        "autoattack": ["AutoAttack"],
        "square": ["Square"],
        "minimum_norm": ["MinimumNorm"],
        "pgd": ["PGD"],
        "flops": ["FLOPs"],
        "storage": ["Storage"],
        "transfer": ["Transfer"],
    },
)
