"""One file per paper or family; each names its parts (score, allocation, offset) and the paper's twist.

What the author of a method derives from and meets stands here, imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from sparserobust.methods.base import ChosenMasks as ChosenMasks
    from sparserobust.methods.base import Method as Method
    from sparserobust.methods.base import PruneBeforeTraining as PruneBeforeTraining
    from sparserobust.methods.base import PruneDuringTraining as PruneDuringTraining
    from sparserobust.methods.by_score import PruneByScore as PruneByScore
    from sparserobust.methods.by_score import PruneInEvents as PruneInEvents
    from sparserobust.methods.by_score import ScoreInEvents as ScoreInEvents
    from sparserobust.methods.by_score import ScoreOnExamples as ScoreOnExamples
    from sparserobust.methods.during import StartsFull as StartsFull
    from sparserobust.methods.during import StartsSparse as StartsSparse
    from sparserobust.methods.during import keep_highest as keep_highest
    from sparserobust.methods.during import magnitudes as magnitudes
    from sparserobust.pruner import Pruner as Pruner
    from sparserobust.pruner import TrainingState as TrainingState
    from sparserobust.sparsity.scoring_model import ScoringModel as ScoringModel

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": [
            "ChosenMasks",
            "Method",
            "PruneBeforeTraining",
            "PruneDuringTraining",
            "Pruner",
            "ScoringModel",
            "TrainingState",
        ],
        "by_score": ["PruneByScore", "PruneInEvents", "ScoreInEvents", "ScoreOnExamples"],
        "during": ["StartsFull", "StartsSparse", "keep_highest", "magnitudes"],
    },
)
