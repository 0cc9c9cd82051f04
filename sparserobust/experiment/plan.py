"""The plan: which networks, in which order, in which folder each, and what of them is there already."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sparserobust.data import AnySet
from sparserobust.data.digest import digest_of
from sparserobust.data.own import code_of_own
from sparserobust.data_names import is_own_data
from sparserobust.errors import OtherVersion, RecordError, SparseRobustError
from sparserobust.experiment.bound import Bound
from sparserobust.experiment.held import holds, same_network
from sparserobust.experiment.places import folder_stem, network_folder, numbered, safe
from sparserobust.experiment.prepared import Prepared
from sparserobust.one_line import OneLine
from sparserobust.records import SubjectRecord, load_run
from sparserobust.records.files import RUN_FILE
from sparserobust.source_code import code_digest
from sparserobust.storage.modelfile import MODEL_FILE, read_header
from sparserobust.subject import Subject
from sparserobust.weights.fingerprint import fingerprint

SOMEBODY = "not made by an experiment"
"""In place of what a network was made from: it is another program's, an earlier version's, a script's."""
State: TypeAlias = Literal["missing", "begun", "made", "scored"]
"""Of a network: nothing is there, a training that was cut off, the network, the network and a record of it."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Planned(OneLine):
    """One network of a plan.

    Attributes:
        label: its name in one line.
        folder: of its files.
        method: that makes it; None where it is finished.
        finished: the network itself where no method makes it.
        sparsity: that is asked for.
        seed: of all that is drawn.
        made_from: sha256 of all that decides what the network comes to; "" where it is finished.
        dense: folder of the dense reference, None where there is none or this is one.
        wanted: the folder that it would have had, where that holds another network; else None.
        state: of its folder when the plan was made.
    """

    label: str
    folder: Path
    method: Bound | None
    finished: Subject | None
    sparsity: float
    seed: int | None
    made_from: str
    dense: Path | None
    wanted: Path | None
    state: State

    def _shown(self) -> Iterator[str]:
        yield from (self.label, f"seed={self.seed}", str(self.folder), self.state)

    @property
    def is_dense(self) -> bool:
        """Whether it is a dense reference."""
        return self.method is not None and self.method.dense


def plan_networks(prepared: Prepared, out: Path) -> list[Planned]:
    """Every network of an experiment in the order in which it is made, the dense reference of each seed first.

    Nothing is written over: where a folder holds another network (of other data, settings, weights or code) the place
    is the next of `folder-2`, `folder-3` ... that does not. The same experiment on the same folder has the same plan.

    Args:
        prepared: the experiment.
        out: its folder, which need not be there.
    """
    out = Path(out)
    if prepared.finished:
        return _finished(prepared, out)
    train, val = _digests(prepared.data.train, prepared.data.val)
    name = prepared.experiment.data
    own = [{"data": code_of_own(name)}] if is_own_data(name) else []
    taken: set[Path] = set()
    plan: list[Planned] = []
    for seed in prepared.experiment.seeds:
        network, dense = fingerprint(prepared.network(seed)), None
        for bound in prepared.methods:
            recipe = prepared.recipe_of(bound)
            how = {key: value for key, value in recipe.settings().items() if key not in ("name", "source")}
            drawn = [network, seed, train, val, how, *own]
            if prepared.experiment.exclude:
                drawn.append({"exclude": sorted(prepared.experiment.exclude)})
            if prepared.experiment.output is not None:
                drawn.append({"output": prepared.experiment.output})
            for sparsity in [0.0] if bound.dense else prepared.experiment.sparsities:
                made_from = _made_from(bound, sparsity, drawn)
                stem = folder_stem(bound.variant.name, bound.variant.params)
                wanted = out / network_folder(stem, sparsity, seed)
                place = _place(wanted, made_from, taken)
                held = place != wanted and not _may_hold(wanted, made_from)
                taken.add(place)
                plan.append(
                    Planned(
                        label=bound.method.label(sparsity),
                        folder=place,
                        method=bound,
                        finished=None,
                        sparsity=sparsity,
                        seed=seed,
                        made_from=made_from,
                        dense=dense,
                        wanted=wanted if held else None,
                        state=_state(place, made_from, prepared),
                    )
                )
                dense = place if bound.dense else dense
    return plan


def _finished(prepared: Prepared, out: Path) -> list[Planned]:
    """The networks that are scored as they are: dense ones first, which the others are compared with."""
    taken: set[Path] = set()
    dense: dict[int | None, Path] = {}
    plan: list[Planned] = []
    for subject in sorted(prepared.finished, key=lambda subject: subject.method != "dense"):
        wanted, record = out / _folder_of(subject), subject.record()
        free = (p for p in numbered(wanted) if p not in taken)
        place = next(p for p in free if _record_may_be_of(p, record))
        taken.add(place)
        is_dense = subject.method == "dense"
        plan.append(
            Planned(
                label=subject.label,
                folder=place,
                method=None,
                finished=subject,
                sparsity=subject.sparsity,
                seed=subject.seed,
                made_from="",
                dense=None if is_dense else dense.get(subject.seed),
                wanted=None,
                state="scored" if _is_scored(place, prepared) else "made",
            )
        )
        if is_dense:
            dense.setdefault(subject.seed, place)
    return plan


def _folder_of(subject: Subject) -> str:
    """What the folder of a finished subject is called: its label where no method is known to have made it."""
    if subject.method is None:
        return safe(subject.label) or "subject"
    stem = folder_stem(subject.method, {changed.name: changed.value for changed in subject.changed})
    return network_folder(stem, subject.target_sparsity or 0.0, subject.seed)


def _digests(*splits: AnySet | None) -> list[str]:
    return [digest_of(split) for split in splits]


def _made_from(bound: Bound, sparsity: float, drawn: Sequence[object]) -> str:
    """All that decides what a network comes to, as one number; where it is computed does not count."""
    method = bound.method
    facts = [method.name, method.params(), code_digest(type(method)), sparsity, *drawn]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def checkpoint_file(folder: Path, made_from: str) -> Path:
    """Where the training of a network keeps what it goes on from; another one cannot mistake it."""
    return folder / f"training-{made_from[:12]}.checkpoint"


def _place(wanted: Path, made_from: str, taken: set[Path]) -> Path:
    """The folder that holds a network already, else the first that can."""
    free = (path for path in numbered(wanted) if path not in taken)
    there = [wanted, *sorted(wanted.parent.glob(f"{glob.escape(wanted.name)}-[0-9]*"))]
    owners = ((path, _owner(path)) for path in there if path not in taken)
    found = next((path for path, owner in owners if owner and made_from.startswith(owner)), None)
    return found or next(path for path in free if _may_hold(path, made_from))


def _may_hold(folder: Path, made_from: str) -> bool:
    """Whether a network can be in this folder: it is there, or nothing is that could be lost."""
    return made_from.startswith(_owner(folder))


def _owner(folder: Path) -> str:
    """What the network of a folder was made from, or the beginning of that; "" where none is, or only damaged files."""
    model, record = folder / MODEL_FILE, folder / RUN_FILE
    if any(place.is_symlink() and not place.exists() for place in (folder, model, record)):
        return SOMEBODY
    if (folder.exists() and not folder.is_dir()) or model.is_dir() or record.is_dir():
        return SOMEBODY
    for file in (model, record):
        if file.is_file():
            try:
                made_from = read_header(file).get("made_from") if file is model else load_run(file).made_from
                return made_from or SOMEBODY
            except OtherVersion:
                return SOMEBODY
            except SparseRobustError:
                pass  # damaged
    begun = next(folder.glob("training-*.checkpoint"), None)
    return "" if begun is None else begun.name.removeprefix("training-").removesuffix(".checkpoint")


def _record_may_be_of(folder: Path, subject: SubjectRecord) -> bool:
    """Whether the record of a finished network can be in this folder: it is there, or that of no other is."""
    if (folder / MODEL_FILE).is_file():
        return False
    try:
        return same_network(load_run(folder).subject, subject)
    except SparseRobustError:
        return True


def _state(folder: Path, made_from: str, prepared: Prepared) -> State:
    try:
        made = read_header(folder / MODEL_FILE).get("made_from") == made_from
    except RecordError:
        made = False
    if made:
        return "scored" if _is_scored(folder, prepared) else "made"
    return "begun" if checkpoint_file(folder, made_from).is_file() else "missing"


def _is_scored(folder: Path, prepared: Prepared) -> bool:
    """Whether the folder's record holds what the experiment measures; whether it still would, scoring finds out."""
    try:
        outcomes = load_run(folder).outcomes
    except SparseRobustError:
        return False
    return all(holds(outcomes.get(own.label), own) for own in prepared.evaluators)
