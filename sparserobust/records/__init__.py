"""What was measured, as immutable pydantic models that need no torch: the only thing a report reads."""

from sparserobust.records.base import SCHEMA_VERSION, ExampleArray, Record
from sparserobust.records.history import EpochRecord, History
from sparserobust.records.outcome import Outcome, Picture, Score, ScoreSpec, Table
from sparserobust.records.run import (
    DataRecord,
    Environment,
    LayerRecord,
    Run,
    SubjectRecord,
    load_run,
)

__all__ = [
    "SCHEMA_VERSION",
    "DataRecord",
    "Environment",
    "EpochRecord",
    "ExampleArray",
    "History",
    "LayerRecord",
    "Outcome",
    "Picture",
    "Record",
    "Run",
    "Score",
    "ScoreSpec",
    "SubjectRecord",
    "Table",
    "load_run",
]
