"""sparserobust: is a sparse network still accurate, still robust, what did it save, and are the numbers reliable?

Public names are imported when first used; `import sparserobust` loads no torch.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from sparserobust.analysis import Findings as Findings
    from sparserobust.analysis import analyse as analyse
    from sparserobust.apply import list_methods as list_methods
    from sparserobust.apply import sparsify as sparsify
    from sparserobust.custom_loop import attach as attach
    from sparserobust.data import Data as Data
    from sparserobust.data import list_data as list_data
    from sparserobust.data import load_data as load_data
    from sparserobust.experiment import Experiment as Experiment
    from sparserobust.experiment import run as run
    from sparserobust.models import create_model as create_model
    from sparserobust.models import list_models as list_models
    from sparserobust.presets import list_presets as list_presets
    from sparserobust.presets import load_preset as load_preset
    from sparserobust.records import Outcome as Outcome
    from sparserobust.records import Run as Run
    from sparserobust.records import Score as Score
    from sparserobust.records import load_run as load_run
    from sparserobust.records import load_runs as load_runs
    from sparserobust.report import write_report as write_report
    from sparserobust.restore import load_subject as load_subject
    from sparserobust.runner import evaluate as evaluate
    from sparserobust.runner import list_evaluators as list_evaluators
    from sparserobust.subject import Subject as Subject
    from sparserobust.training import list_recipes as list_recipes
    from sparserobust.training import train as train
    from sparserobust.weight_files import load_weights as load_weights

__getattr__, _names, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "data": ["Data", "list_data", "load_data"],
        "models": ["create_model", "list_models"],
        "apply": ["list_methods", "sparsify"],
        "custom_loop": ["attach"],
        "training": ["list_recipes", "train"],
        "runner": ["evaluate", "list_evaluators"],
        "presets": ["list_presets", "load_preset"],
        "subject": ["Subject"],
        "restore": ["load_subject"],
        "records": ["Outcome", "Run", "Score", "load_run", "load_runs"],
        "experiment": ["Experiment", "run"],
        "analysis": ["Findings", "analyse"],
        "report": ["write_report"],
        "weight_files": ["load_weights"],
    },
)
__version__ = metadata.version("sparserobust")


def __dir__() -> list[str]:
    return [*_names(), "__version__"]
