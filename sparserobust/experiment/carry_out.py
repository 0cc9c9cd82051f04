"""`run`: an experiment carried out in a folder, by whichever process; what is there already is not done again."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from sparserobust.errors import ConfigError, ModelError, SparseRobustError, said_by
from sparserobust.experiment.events import Event, What
from sparserobust.experiment.make import Made, make_network, untrained_networks
from sparserobust.experiment.places import (
    AUTO,
    cache_folder,
    made_folder,
    new_folder,
    numbered,
    require_folder,
)
from sparserobust.experiment.plan import Planned, plan_networks
from sparserobust.experiment.prepared import Prepared, prepare
from sparserobust.experiment.runtime import keep_freed_memory
from sparserobust.experiment.score import Scored, keep, score_network
from sparserobust.experiment.spec import Experiment
from sparserobust.records import Run
from sparserobust.records.files import EXPERIMENT_FILE, remove_leftovers
from sparserobust.runner import failed_run
from sparserobust.subject import Subject


def run(
    experiment: Experiment,
    out: str | os.PathLike[str] | None = None,
    *,
    progress: bool = False,
    on_run: Callable[[Run], None] | None = None,
    on_event: Callable[[Event], None] | None = None,
    cache: str | os.PathLike[str] | None = AUTO,
) -> list[Run]:
    """Makes, trains, saves and scores every network of an experiment; goes on where an earlier call was.

    The folder gets `experiment.toml`, and for each network `<method>-<sparsity>-<seed>/model.sparse` and `run.json`.
    Every file is whole or absent and says what it was made from, so that any process can go on from any moment: from
    Python, from `sparserobust evaluate` or from the stored file, to the same records but for times and host. Nothing
    is lost to another experiment on the same folder: its networks go beside, and a record whose outcomes are measured
    anew on other examples, under other settings or by other versions stays as `replaced-1.json`. `sr.load_runs(out)`
    reads all that the folder holds.

    While it runs, torch's threads are as the experiment says, and glibc keeps freed memory for the next step.

    Args:
        experiment: which networks, and what is measured on them.
        out: the folder, made where it is missing; by default a new one under runs/.
        progress: bars on the terminal.
        on_run: is called with the record of each network as soon as it is there.
        on_event: is called with each step.
        cache: folder in which results of attacks are kept by content, by default ("auto") the user's own; None keeps
            nothing and measures everything again.

    Returns:
        The records, in the order of the plan. A network that could not be made has one too, which says why.

    Raises:
        SparseRobustError: what cannot be, before anything is computed or written.
        ModelError: the dense reference cannot be trained; without it nothing can be compared.
    """
    for name, called in (("on_run", on_run), ("on_event", on_event)):
        if called is not None and not callable(called):
            raise ConfigError(f"{name} must be a function, got a {type(called).__name__}")
    if out is not None:
        require_folder(out, "out")
    prepared = prepare(experiment)
    attacks = cache_folder(cache)
    folder = made_folder(new_folder(experiment.stem) if out is None else out, "out")
    keep_freed_memory()
    with prepared.threads():
        plan = plan_networks(prepared, folder)
        keep_experiment(experiment, folder)
        records: list[Run] = []
        steps = _Steps(prepared, plan, attacks, progress, on_event or _nobody)
        for record in tqdm(steps, "networks", len(plan), leave=False, disable=None if progress else True):
            records.append(record)
            if on_run is not None:
                on_run(record)
    return records


def keep_experiment(experiment: Experiment, folder: Path) -> Path:
    """The folder's file of this experiment, written unless it is there; others stay, and it goes beside them."""
    files = numbered(folder / EXPERIMENT_FILE)
    file = next(file for file in files if not file.exists() or _is_of(experiment, file))
    return file if file.exists() else experiment.save(file)


def _is_of(experiment: Experiment, file: Path) -> bool:
    """Whether a file, however it is written, is of this experiment."""
    try:
        return Experiment.load(file) == experiment
    except SparseRobustError:
        return False


def _nobody(event: Event) -> None:
    """Nobody listens."""


class _Steps:
    """The steps of one plan in this process: iterating takes them, network by network."""

    def __init__(
        self,
        prepared: Prepared,
        plan: Sequence[Planned],
        cache: Path | None,
        progress: bool,
        say: Callable[[Event], None],
    ) -> None:
        self.prepared = prepared
        self.plan = plan
        self.cache = cache
        self.progress = progress
        self.say = say
        self.begun = time.time()
        self.dense: dict[Path, tuple[Subject, Run]] = {}

    def __iter__(self) -> Iterator[Run]:
        """The record of each network, as soon as it is there."""
        for _, group in itertools.groupby(self.plan, lambda planned: (planned.seed, planned.method)):
            yield from self._group(list(group))

    def _group(self, group: list[Planned]) -> Iterator[Run]:
        """The networks of one method and seed, which share a scoring; it is done when the first is to be made."""
        if group[0].is_dense:
            self.dense.clear()  # another seed has another one
        untrained: dict[Path, Subject | Exception] = {}
        for planned in group:
            start = time.perf_counter()
            if planned.wanted is not None:
                self._say("beside", planned)
            try:
                made = self._made(planned, group, untrained)
            except (Exception, SystemExit) as error:  # a plugin may raise anything; the others go on
                record = self._not_made(planned, error)
                self._say("not-made", planned, run=record, seconds=time.perf_counter() - start)
                yield record
                continue
            if planned.method is not None:
                what: What = "trained-before" if made.before else "trained"
                self._say(what, planned, seconds=made.seconds, epochs=made.epochs, resumed=made.resumed)
            yield self._scored(planned, made.subject).run
            remove_leftovers(planned.folder, before=self.begun)

    def _made(
        self, planned: Planned, group: list[Planned], untrained: dict[Path, Subject | Exception]
    ) -> Made:
        if (
            planned.method is not None
            and planned.state not in ("made", "scored")
            and planned.folder not in untrained
        ):
            left = [own for own in group if own.state not in ("made", "scored")]
            networks = untrained_networks(self.prepared, left)
            untrained |= {own.folder: made for own, made in zip(left, networks, strict=True)}
        network = untrained.pop(planned.folder, None)
        if isinstance(network, Exception):
            raise network
        return make_network(self.prepared, planned, untrained=network, progress=self.progress)

    def _scored(self, planned: Planned, subject: Subject) -> Scored:
        start = time.perf_counter()
        dense_model, dense = self.dense.get(planned.dense, (None, None)) if planned.dense else (None, None)
        scored = score_network(
            self.prepared,
            planned,
            subject,
            dense=dense,
            dense_model=dense_model,
            cache=self.cache,
            progress=self.progress,
        )
        what: What = "scored" if scored.measured else "scored-before"
        seconds = time.perf_counter() - start
        self._say(what, planned, run=scored.run, seconds=seconds, cached=scored.cached)
        if planned.dense is None:
            self.dense[planned.folder] = (subject, scored.run)
        return scored

    def _not_made(self, planned: Planned, error: BaseException) -> Run:
        """The record of a network that could not be made; without a dense one there is nothing to go on with."""
        if planned.method is None or planned.dense not in self.dense:
            if isinstance(error, SparseRobustError):
                raise error
            text = f"{type(error).__name__}: {said_by(error)}"
            raise ModelError(f"{planned.label}, seed {planned.seed}, cannot be made: {text}") from error
        _, dense = self.dense[planned.dense]
        return keep(failed_run(dense, planned.method.method, planned.sparsity, error), self.prepared, planned)

    def _say(
        self,
        what: What,
        planned: Planned,
        *,
        seconds: float = 0.0,
        epochs: int = 0,
        resumed: bool = False,
        cached: tuple[str, ...] = (),
        run: Run | None = None,
    ) -> None:
        self.say(
            Event(
                what=what,
                label=planned.label,
                seed=planned.seed,
                folder=planned.folder,
                wanted=planned.wanted,
                seconds=seconds,
                epochs=epochs,
                resumed=resumed,
                cached=cached,
                run=run,
            )
        )
