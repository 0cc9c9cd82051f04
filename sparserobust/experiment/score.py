"""Scoring one network with a group of evaluators: what its record holds stays, the rest is measured and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparserobust.errors import ConfigError, SparseRobustError
from sparserobust.experiment.held import holds, same_network
from sparserobust.experiment.plan import Planned
from sparserobust.experiment.prepared import Prepared
from sparserobust.records import Outcome, Run, load_run
from sparserobust.records.files import RUN_FILE, set_aside
from sparserobust.runner import environment_of, evaluate
from sparserobust.scoring import Evaluator
from sparserobust.scoring.attack.optimality import with_optimality
from sparserobust.scoring.code import outcome_codes
from sparserobust.scoring.run import DEFAULT_BATCH_SIZE
from sparserobust.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The record of a network, and what was done for it now.

    Attributes:
        measured: labels of the evaluators that were run; `cached`: those of which attacks came from the cache.
    """

    run: Run
    measured: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()


def score_network(
    prepared: Prepared,
    planned: Planned,
    subject: Subject,
    *,
    evaluators: Sequence[Evaluator] | None = None,
    dense: Run | None = None,
    dense_model: Subject | None = None,
    cache: Path | None = None,
    progress: bool = False,
) -> Scored:
    """The record of a network, which its folder holds from then on.

    What an earlier call measured stays where weights, examples, settings, code, versions, device and threads are the
    same and nothing had failed; without a cache all is measured again.

    Args:
        prepared: the experiment.
        planned: which network; `subject`: the network.
        evaluators: some of the experiment's, all by default.
        dense: the record of its dense reference; `dense_model`: that network.
        cache: folder of the attacks that were run before.
        progress: a bar on the terminal.
    """
    if planned.made_from and subject.made_from != planned.made_from:
        raise ConfigError(
            f"{subject.label} is not the network that is planned, {planned.label}; make_network returns it"
        )
    wanted = list(prepared.evaluators if evaluators is None else evaluators)
    found = _comparable(prepared, planned.folder, subject, dense)
    missing = wanted if found is None or cache is None else _missing(found, subject, wanted)
    if found is not None and not missing:
        return Scored(run=found)
    experiment = prepared.experiment
    run = evaluate(
        subject,
        prepared.data,
        missing,
        dense=dense,
        dense_model=dense_model,
        cache=cache,
        seed=experiment.seeds[0],
        device=prepared.device,
        batch_size=experiment.batch_size,
        limit=experiment.limit,
        progress=progress,
    )
    measured = tuple(run.outcomes)
    cached = tuple(name for name, outcome in run.outcomes.items() if outcome.cached)
    if found is not None:
        run = _merged(found, run, [evaluator.label for evaluator in prepared.evaluators])
    return Scored(run=keep(run, prepared, planned), measured=measured, cached=cached)


def keep(run: Run, prepared: Prepared, planned: Planned) -> Run:
    """Saves a record with its experiment in it; returns it as the file holds it, as any later reader sees it.

    That a result was there before is no part of it: passes and seconds are those of the first time anyway.
    """
    outcomes = {name: outcome.model_copy(update={"cached": 0}) for name, outcome in run.outcomes.items()}
    update: dict[str, Any] = {
        "experiment": prepared.experiment.to_toml(),
        "made_from": planned.made_from or run.made_from,
        "outcomes": outcomes,
    }
    whole = run.model_copy(update=update)
    file = planned.folder / RUN_FILE
    if file.exists() and not _holds_all_of(whole, file):
        _set_aside(file)
    saved = load_run(whole.save(planned.folder))
    for earlier in planned.folder.glob("replaced-*.json"):
        if _holds_all_of(saved, earlier):
            earlier.unlink()
    return saved


def _set_aside(file: Path) -> None:
    """Gives a record another name; one that says no more than it does gives up its own."""
    try:
        record = load_run(file)
    except SparseRobustError:
        set_aside(file)
        return
    earlier = file.parent.glob("replaced-*.json")
    same = next((other for other in earlier if _holds_all_of(record, other)), None)
    if same is None:
        set_aside(file)
    else:
        file.replace(same)


def _holds_all_of(new: Run, file: Path) -> bool:
    """Whether a record says again all that the one in the file says: of the same examples, under the same settings."""
    try:
        old = load_run(file)
    except SparseRobustError:
        return False  # whatever it is, it stays
    if (old.data.sha256, old.seed, old.subject.weights_sha256) != (
        new.data.sha256,
        new.seed,
        new.subject.weights_sha256,
    ):
        return not old.outcomes
    told = [name for name, outcome in old.outcomes.items() if outcome.status == "ok"]
    return all(_says_again(new.outcomes.get(name), old.outcomes[name]) for name in told)


def _says_again(new: Outcome | None, old: Outcome) -> bool:
    return new is not None and new.status == "ok" and new.settings == old.settings


def _comparable(prepared: Prepared, folder: Path, subject: Subject, dense: Run | None) -> Run | None:
    """The folder's record, if what it holds and what is measured now can stand in one."""
    try:
        run = load_run(folder)
    except SparseRobustError:
        return None
    experiment, now = prepared.experiment, environment_of(prepared.device, 0, 0.0, None)
    circumstances = ("sparserobust", "packages", "device", "threads")
    same = (
        run.integrity == "measured"
        and all(getattr(run.environment, name) == getattr(now, name) for name in circumstances)
        and run.environment.batch_size == (experiment.batch_size or DEFAULT_BATCH_SIZE)
        and run.seed == experiment.seeds[0]
        and (dense is None or run.dense == dense.id)
        and same_network(run.subject, subject.record())
    )
    return run if same and run.data.sha256 == prepared.examples_sha256 else None


def _missing(found: Run, subject: Subject, wanted: Sequence[Evaluator]) -> list[Evaluator]:
    """The evaluators whose outcome the record does not hold as they would measure it now."""
    codes = outcome_codes(subject.model, {own.label: own for own in wanted})

    def is_there(evaluator: Evaluator) -> bool:
        outcome = found.outcomes.get(evaluator.label)
        return holds(outcome, evaluator) and outcome is not None and outcome.code == codes[evaluator.label]

    return [own for own in wanted if not is_there(own)]


def _merged(found: Run, new: Run, order: Sequence[str]) -> Run:
    """One record of both: what is new goes before what was found, in the order of the experiment's evaluators."""
    outcomes = {**found.outcomes, **new.outcomes}
    first = {name: outcomes[name] for name in order if name in outcomes}
    grown = found.outcomes.keys() - new.outcomes.keys()
    seconds = round(found.environment.seconds + new.environment.seconds, 3)
    return new.model_copy(
        update={
            "outcomes": with_optimality({**first, **outcomes}),
            "passes": dict(Counter(found.passes) + Counter(new.passes)) if grown else new.passes,
            "environment": found.environment.model_copy(update={"seconds": seconds})
            if grown
            else new.environment,
            "dense": new.dense or found.dense,
            "made_from": found.made_from,
        }
    )
