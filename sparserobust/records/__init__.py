"""What was measured, as immutable pydantic models that need no torch: facts, and no sentence but a plugin's own."""

from sparserobust.records.base import SCHEMA_VERSION, ExampleArray, Record
from sparserobust.records.history import ChosenBecause, EpochRecord, History
from sparserobust.records.load import load_run, load_runs
from sparserobust.records.outcome import (
    ACCESS,
    ROUNDING,
    AttackFacts,
    AuditFacts,
    AuditState,
    Norm,
    Outcome,
    Picture,
    Table,
)
from sparserobust.records.remark import RAISED, SAID, Remark, raised, remark, said
from sparserobust.records.run import DataRecord, Environment, Run
from sparserobust.records.score import DIFFERENCE, FRACTION, Score, ScoreSpec
from sparserobust.records.subject import (
    ChangedParameter,
    LayerRecord,
    Normalization,
    OutsideParameter,
    PartRecord,
    SubjectRecord,
    share_outside,
)

__all__ = [
    "ACCESS",
    "DIFFERENCE",
    "FRACTION",
    "RAISED",
    "ROUNDING",
    "SAID",
    "SCHEMA_VERSION",
    "AttackFacts",
    "AuditFacts",
    "AuditState",
    "ChangedParameter",
    "ChosenBecause",
    "DataRecord",
    "Environment",
    "EpochRecord",
    "ExampleArray",
    "History",
    "LayerRecord",
    "Norm",
    "Normalization",
    "Outcome",
    "OutsideParameter",
    "PartRecord",
    "Picture",
    "Record",
    "Remark",
    "Run",
    "Score",
    "ScoreSpec",
    "SubjectRecord",
    "Table",
    "load_run",
    "load_runs",
    "raised",
    "remark",
    "said",
    "share_outside",
]
