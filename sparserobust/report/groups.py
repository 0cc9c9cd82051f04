"""Runs arranged for comparison: one group per method, sparsity and set-up, its seeds inside it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sparserobust.errors import ConfigError
from sparserobust.records import Run
from sparserobust.report.attacks import (
    Robustness,
    WorstCase,
    comparable,
    main_attack,
    robustness,
    worst_case,
)
from sparserobust.report.marks import INK, Mark, assign, mark_key, runs_dense, with_offset
from sparserobust.report.names import mask_name, subject_name
from sparserobust.report.numbers import target
from sparserobust.report.readings import ok
from sparserobust.report.references import is_dense, reference
from sparserobust.report.tags import alike, tag
from sparserobust.report.unmade import is_made, why_not_made


@dataclass(frozen=True)
class Group:
    """The networks of one row: same method, sparsity, model, data, recipe and parameters.

    Attributes:
        name: what a reader sees (see `names`); `tag` tells it from another group of that name.
        target: target sparsity, the realised one where none was asked for.
        dense: whether this is a dense reference.
        runs: one per seed, by seed.
        references: the dense run of each run's seed on the same images, None without one.
        unpaired: why there is no reference, "" when there is one for at least one run.
    """

    name: str
    tag: str
    mark: Mark
    target: float
    dense: bool
    runs: tuple[Run, ...]
    references: tuple[Run | None, ...] = ()
    unpaired: str = ""

    @property
    def first(self) -> Run:
        """The run of the lowest seed that has a network, which stands for what all seeds share."""
        return next((run for run in self.runs if is_made(run)), self.runs[0])

    @property
    def sparsity(self) -> float:
        """Realised sparsity, the mean over the networks that were made; else that which was asked for."""
        made = [run.subject.sparsity for run in self.runs if is_made(run)] or [self.first.subject.sparsity]
        return math.fsum(made) / len(made)

    @property
    def not_made(self) -> str:
        """Why there is no network of any seed, in short; "" where there is one."""
        return why_not_made(self.runs)

    @property
    def mask(self) -> str:
        """The name of what chose the mask, the same for every offset."""
        return mask_name(self.first.subject)

    @property
    def runs_dense(self) -> bool:
        """Whether it has a frozen or DCT offset and so saves no multiply-add."""
        return runs_dense(self.first.subject)

    @property
    def title(self) -> str:
        """Name, tag and sparsity in one line."""
        parts = [self.name, self.tag, "" if self.dense else target(self.target)]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Lineup:
    """All groups: the dense references first, then by sparsity and method."""

    groups: tuple[Group, ...]

    @property
    def dense(self) -> list[Group]:
        """The dense references."""
        return [group for group in self.groups if group.dense]

    @property
    def sparse(self) -> list[Group]:
        """Everything else."""
        return [group for group in self.groups if not group.dense]

    @property
    def runs(self) -> list[Run]:
        """Every run, group by group."""
        return [run for group in self.groups for run in group.runs]

    @property
    def sparsities(self) -> list[float]:
        """Target sparsities from low to high, the dense references left out."""
        return sorted({group.target for group in self.sparse})

    def at(self, sparsity: float) -> list[Group]:
        """The groups of one target sparsity."""
        return [group for group in self.sparse if group.target == sparsity]

    def methods(self) -> list[tuple[str, Mark, list[Group]]]:
        """(name, mark, groups by sparsity) of each variant; groups of one name and tag stay together.

        Groups without a network are left out: they have nothing to draw.
        """
        found: dict[tuple[str, str], list[Group]] = {}
        for group in self.sparse:
            if not group.not_made:
                found.setdefault((group.name, group.tag), []).append(group)
        return [
            (" ".join(key).strip(), groups[0].mark, sorted(groups, key=lambda g: g.target))
            for key, groups in found.items()
        ]

    def dense_of(self, group: Group) -> Group | None:
        """The dense group that this one's references belong to."""
        wanted = {id(run) for run in group.references if run is not None}
        return next((dense for dense in self.dense if any(id(run) in wanted for run in dense.runs)), None)

    @property
    def seeds(self) -> int:
        """The largest number of seeds in a group."""
        return max(len(group.runs) for group in self.groups)

    @cached_property
    def attack(self) -> tuple[str, float] | None:
        """(evaluator, budget) of the attack that leads, see `attacks.main_attack`."""
        return main_attack(self.runs)

    @cached_property
    def robustness(self) -> Robustness | None:
        """What robust accuracy means here; None where no attack was scored."""
        return robustness(self.runs)

    @cached_property
    def other_attacks(self) -> list[str]:
        """Attacks beside the one that leads, in its norm and at its budget."""
        return comparable(self.runs, self.attack) if self.attack is not None else []

    @cached_property
    def near(self) -> WorstCase | None:
        """The minimum-norm attacks in l2 as one; None where no network was attacked so."""
        found = worst_case(self.runs, "l2")
        nearest = [name for name in found.attacks if self._measures_distance(name)] if found else []
        return WorstCase("l2", tuple(nearest)) if nearest else None

    def worst(self, norm: str) -> WorstCase | None:
        """All attacks of a norm as one."""
        return worst_case(self.runs, norm, self.attack[0] if self.attack else "")

    def _measures_distance(self, attack: str) -> bool:
        return any("distance" in o.per_example for run in self.runs if (o := ok(run, attack)) is not None)


def arrange(runs: Sequence[Run]) -> Lineup:
    """The runs as groups with their dense references.

    Seeds of one method, sparsity and set-up share a group; the same record given twice counts once.

    Raises:
        ConfigError: no runs.
    """
    unique = list({run.model_dump_json(): run for run in runs}.values())
    if not unique:
        raise ConfigError("expected at least one run to report on, got none; give run.json files or folders")
    referenced = {run.dense for run in unique if run.dense is not None}
    marks = assign(run.subject for run in unique)
    dense_runs = [run for run in unique if is_dense(run, referenced)]
    groups = [_group(bucket, dense_runs, referenced, marks) for bucket in _rows(unique)]
    first_seen = {subject_name(run.subject): place for place, run in reversed(list(enumerate(runs)))}
    groups.sort(key=lambda g: (not g.dense, g.target, first_seen[g.name]))
    tags = [tag(group, [other for other in groups if alike(group, other)]) for group in groups]
    return Lineup(tuple(replace(group, tag=own) for group, own in zip(groups, tags, strict=True)))


def _rows(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs of each row, by seed. What was not made has no recipe and stands with the seeds that could be."""
    rows: dict[tuple[str, str, int], list[Run]] = {}
    for run in sorted(runs, key=lambda r: (not is_made(r), *_seed(r))):
        variant, recipe, copy = _variant(run), _recipe(run), 0
        if not is_made(run):
            recipe = next((other for own, other, _ in rows if own == variant), recipe)
        while any(other.subject.seed == run.subject.seed for other in rows.get((variant, recipe, copy), [])):
            copy += 1
        rows.setdefault((variant, recipe, copy), []).append(run)
    return [sorted(row, key=_seed) for row in rows.values()]


def _seed(run: Run) -> tuple[bool, int]:
    return run.subject.seed is None, run.subject.seed or 0


def _variant(run: Run) -> str:
    s = run.subject
    of_subject = [s.label, s.model, s.method, s.target_sparsity, s.params, s.offset]
    return json.dumps([*of_subject, run.data.name, run.data.sha256], sort_keys=True)


def _recipe(run: Run) -> str:
    return json.dumps([run.history.recipe, run.history.settings] if run.history else None, sort_keys=True)


def _group(bucket: list[Run], dense_runs: list[Run], referenced: set[str], marks: dict[str, Mark]) -> Group:
    subject = bucket[0].subject
    dense = is_dense(bucket[0], referenced)
    found = [reference(run, dense_runs) for run in bucket]
    reasons = [reason for _, reason in found if reason]
    return Group(
        name=subject_name(subject),
        tag="",
        mark=INK if dense else with_offset(marks[mark_key(subject)], subject),
        target=round(subject.sparsity, 4) if subject.target_sparsity is None else subject.target_sparsity,
        dense=dense,
        runs=tuple(bucket),
        references=() if dense else tuple(run for run, _ in found),
        unpaired="" if dense or len(reasons) < len(found) else reasons[0],
    )
