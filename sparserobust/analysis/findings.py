"""`analyse`: everything that follows from runs, typed: rows, trust, differences, worst cases, a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sparserobust.analysis.attacks import NORMS
from sparserobust.analysis.claims import Verdict
from sparserobust.analysis.differences import Difference, compare_all
from sparserobust.analysis.estimates import RowEstimate, clean_accuracy, primary_estimate
from sparserobust.analysis.frame import rows_frame
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.analysis.trust import Trust, judge
from sparserobust.analysis.verdict import conclude
from sparserobust.analysis.worst_case import Robustness, robustness_in
from sparserobust.one_line import OneLine, shown, spaced
from sparserobust.records import Run

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Compared(OneLine):
    """One quantity of every row, and its difference to dense.

    Attributes:
        robust: what robust accuracy means; None for clean accuracy.
        values: of every row by its place in the line-up; `differences`: of the sparse rows.
    """

    robust: Robustness | None
    values: Mapping[int, RowEstimate]
    differences: Mapping[int, Difference]

    def _shown(self) -> Iterator[str]:
        yield "clean" if self.robust is None else shown(self.robust) or ""
        yield f"values={spaced(found.value for found in self.values.values())}"


@dataclass(frozen=True, repr=False)
class Findings(OneLine):
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

    def _shown(self) -> Iterator[str]:
        yield f"rows={len(self.lineup.groups)}"
        yield f"runs={len(self.runs)}"
        yield "clean" if self.primary.robust is None else shown(self.primary.robust) or ""
        states = Counter(found.state for found in self.trust.values())
        yield f"trust={spaced(f'{state}:{count}' for state, count in states.items())}"

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

    def to_frame(self) -> DataFrame:
        """One row per row of the report's main table, in its order, with the numbers of the table.

        What the row is: label, method, title, changed and tag (as name=value), model, data, dense (whether it is a
        reference), sparsity (realised), target_sparsity, seeds, networks (those that could be made), trust. Then as
        fractions, with `_low` and `_high` the ends of the 95 % interval: clean_accuracy, and robust_accuracy under
        `attacks` in `norm` at `eps`; clean_difference and robust_difference to dense, with `_p_holm` and the code
        `_result`; median_l2. Then stored_bytes, dense_bytes, executed_macs, dense_macs.

        What was not measured is missing, and so is the robustness of a row that collapsed or was not trained.

        Raises:
            ConfigError: pandas is not installed.
        """
        return rows_frame(self.lineup, self.trust, self.primary, self.clean)


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
