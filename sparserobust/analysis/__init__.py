"""From runs to typed findings: which rows there are, how they compare, and how reliable they are.

No torch, and no English: findings hold codes, numbers and records. `sparserobust.report` puts them into words.
"""

from sparserobust.analysis.attacks import NORMS, broken_at, is_attack, norm_of, scored_attacks
from sparserobust.analysis.audits import audited
from sparserobust.analysis.claims import Claim, Verdict
from sparserobust.analysis.concerns import Concern
from sparserobust.analysis.differences import Difference, compare_all
from sparserobust.analysis.estimates import RowEstimate, clean_accuracy, combine, estimate, estimate_by
from sparserobust.analysis.findings import Compared, Findings, analyse
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.analysis.mistakes import by_margin, conditions
from sparserobust.analysis.readings import Reading, clean, correct, read
from sparserobust.analysis.trust import Trust
from sparserobust.analysis.worst_case import Robustness, WorstCase, robustness_in, worst_case

__all__ = [
    "NORMS",
    "Claim",
    "Compared",
    "Concern",
    "Difference",
    "Findings",
    "Group",
    "Lineup",
    "Reading",
    "Robustness",
    "RowEstimate",
    "Trust",
    "Verdict",
    "WorstCase",
    "analyse",
    "arrange",
    "audited",
    "broken_at",
    "by_margin",
    "clean",
    "clean_accuracy",
    "combine",
    "compare_all",
    "conditions",
    "correct",
    "estimate",
    "estimate_by",
    "is_attack",
    "norm_of",
    "read",
    "robustness_in",
    "scored_attacks",
    "worst_case",
]
