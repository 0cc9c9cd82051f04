"""sparserobust: is a sparse network still accurate, still robust, what did it save, and can that be believed?

Public names are imported when first used; `import sparserobust` loads no torch.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparserobust.apply import list_methods as list_methods
    from sparserobust.apply import sparsify as sparsify
    from sparserobust.data import Data as Data
    from sparserobust.data import list_data as list_data
    from sparserobust.data import load_data as load_data
    from sparserobust.models import create_model as create_model
    from sparserobust.models import list_models as list_models
    from sparserobust.records import Outcome as Outcome
    from sparserobust.records import Run as Run
    from sparserobust.records import Score as Score
    from sparserobust.records import load_run as load_run
    from sparserobust.report import write_report as write_report
    from sparserobust.restore import load_subject as load_subject
    from sparserobust.runner import evaluate as evaluate
    from sparserobust.runner import list_evaluators as list_evaluators
    from sparserobust.subject import Subject as Subject
    from sparserobust.training import list_recipes as list_recipes
    from sparserobust.training import train as train

_HOME = {
    "load_data": "data",
    "list_data": "data",
    "Data": "data",
    "create_model": "models",
    "list_models": "models",
    "sparsify": "apply",
    "list_methods": "apply",
    "train": "training",
    "list_recipes": "training",
    "evaluate": "runner",
    "list_evaluators": "runner",
    "Subject": "subject",
    "load_subject": "restore",
    "Run": "records",
    "Outcome": "records",
    "Score": "records",
    "load_run": "records",
    "write_report": "report",
}
__all__ = list(_HOME)
__version__ = metadata.version("sparserobust")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
