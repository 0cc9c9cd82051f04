"""The audit of gradient masking: attacks on one batch, probes as a table of questions, and the verdict.

`measurement` attacks every batch in many ways (`attacks`) and notes what each gradient looks like (`clean_facts`);
`probes` asks one question each of what came out, one file for each family; `verdict` comes to a state.
"""

from sparserobust.audit.attacks import AuditSettings
from sparserobust.audit.measurement import AuditMeasurement
from sparserobust.audit.verdict import Audit, audit

__all__ = ["Audit", "AuditMeasurement", "AuditSettings", "audit"]
