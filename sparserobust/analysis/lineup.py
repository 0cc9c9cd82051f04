"""Runs arranged for comparison: one group per method, sparsity and set-up, its seeds inside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sparserobust.analysis.attacks import (
    AttackTitle,
    attack_titles,
    comparable,
    main_attack,
    measures_distance,
)
from sparserobust.analysis.made import is_made
from sparserobust.analysis.readings import ok
from sparserobust.analysis.references import is_dense, reference
from sparserobust.analysis.tags import Facet, tags
from sparserobust.analysis.variants import dense_at_inference, mask_key, variant_key
from sparserobust.analysis.worst_case import Robustness, WorstCase, robustness, worst_case
from sparserobust.errors import ConfigError
from sparserobust.one_line import OneLine, short, shown, spaced
from sparserobust.records import Norm, Remark, Run


@dataclass(frozen=True, repr=False)
class Group(OneLine):
    """The networks of one row: same method, sparsity, model, data, recipe and parameters.

    Attributes:
        variant: the same for groups that a reader sees under one name; `tag` tells this one from those.
        target: target sparsity, the realised one where none was asked for.
        dense: whether this is a dense reference.
        runs: one per seed, by seed.
        references: the dense run of each run's seed on the same images, None without one.
        unpaired: why there is no reference, None when there is one for at least one run.
        mask: the same for groups whose masks were chosen alike, whatever their offset.
        mask_number: counts the masks of a comparison, those that only ever stand under a full offset by themselves.
        only_dense_at_inference: whether this mask only ever stands under a full offset here.
    """

    variant: str
    tag: tuple[Facet, ...]
    target: float
    dense: bool
    runs: tuple[Run, ...]
    references: tuple[Run | None, ...] = ()
    unpaired: Remark | None = None
    mask: str = ""
    mask_number: int = 0
    only_dense_at_inference: bool = False

    def _shown(self) -> Iterator[str]:
        yield f"{shown(self.first.subject.label)}"
        if self.dense:
            yield "dense"
        yield f"sparsity={short(self.sparsity)}" if self.made else "not-made"
        yield f"seeds={spaced(run.subject.seed for run in self.runs)}"
        if self.tag:
            yield f"tag={spaced(facet.value for facet in self.tag)}"

    @cached_property
    def first(self) -> Run:
        """The run of the lowest seed that has a network, which stands for what all seeds share."""
        return next((run for run in self.runs if is_made(run)), self.runs[0])

    @property
    def sparsity(self) -> float:
        """Realised sparsity, the mean over the networks that were made; else that which was asked for."""
        made = [run.subject.sparsity for run in self.runs if is_made(run)] or [self.first.subject.sparsity]
        return math.fsum(made) / len(made)

    @property
    def made(self) -> bool:
        """Whether there is a network of any seed."""
        return any(is_made(run) for run in self.runs)

    @property
    def dense_at_inference(self) -> bool:
        """Whether it has a frozen or DCT offset and so saves no multiply-add."""
        return dense_at_inference(self.first.subject)


@dataclass(frozen=True, repr=False)
class Lineup(OneLine):
    """All groups: the dense references first, then by sparsity and method."""

    groups: tuple[Group, ...]

    def _shown(self) -> Iterator[str]:
        yield f"rows={len(self.groups)}"
        yield from (f"{shown(group.first.subject.label)}" for group in self.groups)

    @cached_property
    def dense(self) -> list[Group]:
        """The dense references."""
        return [group for group in self.groups if group.dense]

    @cached_property
    def sparse(self) -> list[Group]:
        """Everything else."""
        return [group for group in self.groups if not group.dense]

    @cached_property
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

    def place(self, group: Group) -> int:
        """The number of its row."""
        return next(i for i, own in enumerate(self.groups) if own is group)

    def methods(self) -> list[list[Group]]:
        """The groups by sparsity of each variant; groups of one variant and tag stay together.

        Groups without a network are left out: they have nothing to draw.
        """
        found: dict[tuple[str, ...], list[Group]] = {}
        for group in self.sparse:
            if group.made:
                found.setdefault((group.variant, *(facet.key for facet in group.tag)), []).append(group)
        return [sorted(groups, key=lambda g: g.target) for groups in found.values()]

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
    def titles(self) -> dict[str, AttackTitle]:
        """What each attack and audit is called here, by evaluator."""
        return attack_titles(self.runs)

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

    def worst(self, norm: Norm) -> WorstCase | None:
        """All attacks of a norm as one."""
        return worst_case(self.runs, norm, self.attack[0] if self.attack else "")

    def _measures_distance(self, attack: str) -> bool:
        return any(measures_distance(o) for run in self.runs if (o := ok(run, attack)) is not None)


def arrange(runs: Sequence[Run]) -> Lineup:
    """The runs as groups with their dense references.

    Seeds of one method, sparsity and set-up share a group; the same record given twice counts once.

    Raises:
        ConfigError: no runs.
    """
    given: object = runs
    if not isinstance(given, Sequence) or not all(isinstance(run, Run) for run in given):
        raise ConfigError("expected a list of runs; load_runs reads those of a folder, load_run one of them")
    unique = list({run.model_dump_json(): run for run in runs}.values())
    if not unique:
        raise ConfigError("expected at least one run to report on, got none; give run.json files or folders")
    referenced = {run.dense for run in unique if run.dense is not None}
    dense_runs = [run for run in unique if is_dense(run, referenced)]
    masks = _numbered(unique)
    groups = [_group(bucket, dense_runs, referenced, masks) for bucket in _rows(unique)]
    first_seen = {variant_key(run.subject): place for place, run in reversed(list(enumerate(runs)))}
    groups.sort(key=lambda g: (not g.dense, g.target, first_seen[g.variant]))
    seen = [json.dumps([group.variant, group.target, group.dense]) for group in groups]
    found = tags([group.first for group in groups], seen)
    return Lineup(tuple(replace(group, tag=own) for group, own in zip(groups, found, strict=True)))


def _numbered(runs: Sequence[Run]) -> dict[str, tuple[int, bool]]:
    """(number, whether it only ever stands under a full offset) of each mask."""
    only_dense: dict[str, bool] = {}
    for run in runs:
        if run.subject.method != "dense":
            key = mask_key(run.subject)
            only_dense[key] = only_dense.get(key, True) and dense_at_inference(run.subject)
    found: dict[str, tuple[int, bool]] = {}
    for family in (False, True):
        keys = sorted(key for key, own in only_dense.items() if own is family)
        found |= {key: (number, family) for number, key in enumerate(keys)}
    return found


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
    of_subject = [s.label, s.model, s.method, s.target_sparsity, s.params, s.offset, s.exclude]
    return json.dumps([*of_subject, run.data.name, run.data.sha256], sort_keys=True)


def _recipe(run: Run) -> str:
    return json.dumps([run.history.recipe, run.history.settings] if run.history else None, sort_keys=True)


def _group(
    bucket: list[Run], dense_runs: list[Run], referenced: set[str], masks: dict[str, tuple[int, bool]]
) -> Group:
    subject = bucket[0].subject
    dense = is_dense(bucket[0], referenced)
    found = [reference(run, dense_runs) for run in bucket]
    reasons = [reason for _, reason in found if reason]
    number, only_dense = masks.get(mask_key(subject), (0, False))
    return Group(
        variant=variant_key(subject),
        tag=(),
        target=round(subject.sparsity, 4) if subject.target_sparsity is None else subject.target_sparsity,
        dense=dense,
        runs=tuple(bucket),
        references=() if dense else tuple(run for run, _ in found),
        unpaired=None if dense or len(reasons) < len(found) else reasons[0],
        mask=mask_key(subject),
        mask_number=number,
        only_dense_at_inference=only_dense,
    )
