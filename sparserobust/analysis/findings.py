"""`analyse`: everything that follows from runs, typed: rows, trust, differences, worst cases, a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sparserobust.analysis.attacks import NORMS
from sparserobust.analysis.claims import Verdict
from sparserobust.analysis.differences import Difference, compare_all
from sparserobust.analysis.estimates import RowEstimate, clean_accuracy, primary_estimate
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.analysis.trust import Trust, judge
from sparserobust.analysis.verdict import conclude
from sparserobust.analysis.worst_case import Robustness, robustness_in
from sparserobust.records import Run


@dataclass(frozen=True)
class Compared:
    """One quantity of every row, and its difference to dense.

    Attributes:
        robust: what robust accuracy means; None for clean accuracy.
        values: of every row by its place in the line-up; `differences`: of the sparse rows.
    """

    robust: Robustness | None
    values: Mapping[int, RowEstimate]
    differences: Mapping[int, Difference]


@dataclass(frozen=True)
class Findings:
    """What follows from the runs of one comparison; rows are named by their place in `lineup.groups`.

    Attributes:
        lineup: the rows, what attacked them, and the dense references.
        trust: whether each row is reliable, and why not.
        primary: robust accuracy of the main table, or clean accuracy where no attack was run.
        clean: clean accuracy.
        other_norms: the worst case of every norm that is not that of the main table.
    """

    lineup: Lineup
    trust: Mapping[int, Trust]
    primary: Compared
    clean: Compared
    other_norms: tuple[Compared, ...]

    @property
    def runs(self) -> list[Run]:
        """Every run, row by row."""
        return self.lineup.runs

    @property
    def differences(self) -> Mapping[int, Difference]:
        """To dense, in the quantity of the main table."""
        return self.primary.differences

    @cached_property
    def verdict(self) -> Verdict:
        """What a reader should take home."""
        return conclude(self.lineup, self.trust, self.primary, self.clean, self.other_norms)

    def place(self, group: Group) -> int:
        """The number of a row."""
        return self.lineup.place(group)


def analyse(runs: Sequence[Run]) -> Findings:
    """What follows from these runs.

    Args:
        runs: what was measured, of one or several methods, sparsities and seeds; seeds of one method and sparsity are
            one row, dense runs are the references.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    trust = {i: judge(group, lineup) for i, group in enumerate(lineup.groups)}
    excluded = frozenset(i for i, found in trust.items() if not found.ranked)

    def compared(robust: Robustness | None) -> Compared:
        values = {i: primary_estimate(group, robust) for i, group in enumerate(lineup.groups)}
        return Compared(robust, values, compare_all(lineup, excluded, robust))

    clean = Compared(
        None,
        {i: clean_accuracy(group) for i, group in enumerate(lineup.groups)},
        compare_all(lineup, frozenset(), None),
    )
    main = lineup.robustness
    others = [
        found
        for norm in NORMS
        if (main is None or norm != main.norm) and (found := robustness_in(lineup.runs, norm)) is not None
    ]
    return Findings(lineup, trust, compared(main), clean, tuple(compared(robust) for robust in others))
