"""Making one network of a plan: bound to its method, trained and saved, or taken as an earlier call left it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparserobust.apply import sparsify
from sparserobust.errors import ConfigError, RecordError
from sparserobust.experiment.plan import Planned, checkpoint_file
from sparserobust.experiment.prepared import Prepared
from sparserobust.restore import load_subject
from sparserobust.storage.modelfile import MODEL_FILE, read_header
from sparserobust.subject import Subject
from sparserobust.training import started_from, train
from sparserobust.training.checkpoint import read_checkpoint
from sparserobust.weights.others import dense_state


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """A network that is there.

    Attributes:
        subject: the network, trained.
        before: whether it was there already.
        seconds: that training took now; `epochs`: of it; `resumed`: whether it went on from a checkpoint.
    """

    subject: Subject
    before: bool
    seconds: float = 0.0
    epochs: int = 0
    resumed: bool = False


def make_network(
    prepared: Prepared, planned: Planned, *, untrained: Subject | None = None, progress: bool = False
) -> Made:
    """The network of a plan, whose folder holds it from then on.

    One that is there already is loaded; a training that was cut off goes on from its checkpoint, to the same bits.

    Args:
        prepared: the experiment.
        planned: which network.
        untrained: the network as `untrained_networks` made it, where that is done.
        progress: a bar on the terminal.

    Raises:
        Exception: whatever the method or the network does.
    """
    if planned.finished is not None:
        return Made(subject=planned.finished, before=True)
    if (found := _there(prepared, planned)) is not None:
        return Made(subject=found, before=True)
    assert planned.method is not None
    assert planned.seed is not None
    if untrained is None:
        (made,) = untrained_networks(prepared, [planned])
        if isinstance(made, Exception):
            raise made
        untrained = made
    begun, recipe = time.perf_counter(), prepared.recipe_of(planned.method)
    untrained.name = prepared.experiment.model_name
    file = checkpoint_file(planned.folder, planned.made_from)
    _remove_unusable(file, started_from(untrained, prepared.data, recipe=recipe, seed=planned.seed))
    resumed = file.is_file()
    history = train(
        untrained,
        prepared.data,
        recipe=recipe,
        seed=planned.seed,
        device=prepared.device,
        checkpoint=file,
        keep_checkpoint=True,
        progress=progress,
    )
    untrained.made_from = planned.made_from
    untrained.save(planned.folder / MODEL_FILE)
    file.unlink(missing_ok=True)
    seconds = time.perf_counter() - begun
    return Made(subject=untrained, before=False, seconds=seconds, epochs=len(history.epochs), resumed=resumed)


def untrained_networks(prepared: Prepared, group: Sequence[Planned]) -> list[Subject | Exception]:
    """A network or an error for each that is planned: from one scoring where one serves all, else one by one.

    Args:
        prepared: the experiment.
        group: networks of one method and one seed, at different sparsities.
    """
    bound, seed = group[0].method, group[0].seed
    assert bound is not None
    assert seed is not None
    model = prepared.network(seed)

    def made(targets: list[float]) -> list[Subject]:
        subjects = sparsify(
            model,
            bound.variant.name,
            targets,
            prepared.data,
            seed=seed,
            device=prepared.device,
            exclude=prepared.experiment.exclude,
            output=prepared.experiment.output,
            **bound.params,
        )
        for subject in subjects:
            subject.notes = prepared.notes
        return subjects

    sparsities = [planned.sparsity for planned in group]
    if bound.method.scores_once and len(group) > 1:
        try:
            return [*made(sparsities)]
        except Exception:
            pass  # which of them it was is found out below
    results: list[Subject | Exception] = []
    for sparsity in sparsities:
        try:
            results += made([sparsity])
        except Exception as error:  # a plugin may raise anything; the others go on
            results.append(error)
    return results


def _there(prepared: Prepared, planned: Planned) -> Subject | None:
    """The network as its folder holds it; None where it does not, or the file is damaged."""
    file = planned.folder / MODEL_FILE
    assert planned.method is not None
    assert planned.seed is not None
    try:
        if read_header(file).get("made_from") != planned.made_from:
            return None
        own = prepared.experiment.own_network is not None
        found = load_subject(file, model=prepared.network(planned.seed) if own else None)
    except RecordError:
        return None
    if found.parent is None:  # the weights were drawn anew under the mask, which no file says
        network = prepared.network(planned.seed)
        planned.method.method.redraw(network, planned.seed)
        found.parent = dense_state(network)
    return found


def _remove_unusable(checkpoint: Path, start: str) -> None:
    """Removes a checkpoint that is damaged or of another training: nothing can go on from it."""
    try:
        if checkpoint.is_file():
            read_checkpoint(checkpoint, start)
    except (RecordError, ConfigError):
        checkpoint.unlink()
