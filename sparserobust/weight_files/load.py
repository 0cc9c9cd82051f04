"""`load_weights`: a checkpoint in any of its usual forms into a network, all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sparserobust.errors import ModelError, said_by
from sparserobust.records import Remark, remark
from sparserobust.weight_files.choose import choose
from sparserobust.weight_files.convert import Converted, converted
from sparserobust.weight_files.fit import Fit
from sparserobust.weight_files.hooks import refresh_hooked
from sparserobust.weight_files.names import wrappers_in
from sparserobust.weight_files.own import own_of
from sparserobust.weight_files.place import plain, weights_file
from sparserobust.weight_files.read import Contents, read

FIRST = 3  # names in a remark


def load_weights(
    model: nn.Module, path: str | os.PathLike[str], *, key: str | None = None
) -> tuple[Remark, ...]:
    """What was done to the weights of a file to fit the network, into which they are loaded in place.

    A safetensors file or one of torch.save, whatever its suffix; a state_dict, or one anywhere among an optimizer,
    numbers and text. All dicts of names and tensors are tried, and the one that fits the network's names and shapes is
    taken: of several "state_dict", "model" and the like before others and a running average last. Prefixes and the
    names of wrappers (DataParallel, torch.compile, Lightning) may stand on either side. Pairs of values and masks or of
    weight normalisation are made one where the network has the plain weight, sparse tensors are made dense, and numbers
    take the network's own type. No class that the file names is imported, and no code in it is run.

    Args:
        model: changed in place, or, where the file is refused, as it was.
        path: the file.
        key: which dict of the file, or which prefix of its names, where several would fit: "ema", "state_dict.teacher".

    Returns:
        One remark for each thing that differed from a plain state_dict of the network; () where nothing did.

    Raises:
        ModelError: the file is not there, no weights file, damaged, or of another architecture; or its numbers are not
            finite, or cannot be the network's.
    """
    own = own_of(model)
    contents = read(weights_file(path))
    fit, others = choose(contents, own, key)
    new = converted(fit, own, contents.file)
    _put(model, new.state, contents.file)
    return tuple(_remarks(contents, fit, others, new, wrappers_in(own.state)))


def _put(model: nn.Module, values: dict[str, object], file: Path) -> None:
    """Loads the values; where the network refuses them it is as before."""
    state = model.state_dict()
    own = {name: value for name, value in state.items() if isinstance(value, Tensor) and not is_lazy(value)}
    before = {name: value.clone() for name, value in own.items()}
    state.update(values)
    try:
        model.load_state_dict(state)
    except Exception as error:  # whatever a network's own loading raises
        with torch.no_grad():
            for name, old in before.items():
                if not torch.equal(own[name], old):
                    own[name].copy_(old)
        refresh_hooked(model)
        raise ModelError(
            f"{file} has the names and shapes of {type(model).__name__}, whose load_state_dict refuses it: "
            f"{type(error).__name__}: {said_by(error)}"
        ) from None
    refresh_hooked(model)


def _remarks(
    contents: Contents, fit: Fit, others: tuple[str, ...], new: Converted, own_wrappers: set[str]
) -> Iterator[Remark]:
    """What was done, in the order in which it was."""
    file = contents.file.name
    if contents.passed_over:
        yield remark("weights-passed-over", file=file, **_first(contents.passed_over))
    if fit.candidate.name:
        yield remark("weights-in-key", file=file, key=fit.candidate.name)
    if others:
        yield remark("weights-not-taken", file=file, **_first(others))
    used = [part for source in fit.sources.values() for part in source.names]
    if wrappers := sorted(wrappers_in(name.removeprefix("module.") for name in used) - own_wrappers):
        yield remark("weights-wrapped", file=file, wrappers=wrappers)
    if fit.prefix:
        yield remark("weights-prefix", file=file, prefix=fit.prefix)
    if fit.head:
        yield remark("weights-without-head", file=file, prefix=fit.head)
    hows = [source.how for source in fit.sources.values()]
    if masked := hows.count("masked"):
        yield remark("weights-masked", file=file, pairs=masked)
    if normed := hows.count("normed"):
        yield remark("weights-normed", file=file, pairs=normed)
    if new.sparse:
        yield remark("weights-were-sparse", file=file, number=new.sparse)
    for (there, here), number in sorted(new.types.items()):
        yield remark("weights-converted", file=file, number=number, there=there, here=here)
    if fit.tied:
        yield remark("weights-tied", file=file, **_first(tuple(fit.tied)))
    if fit.kept:
        yield remark("weights-kept", file=file, **_first(fit.kept))
    if left := (*fit.outside, *fit.ignored):
        yield remark("weights-ignored", file=file, **_first(left))


def _first(names: tuple[str, ...]) -> dict[str, object]:
    """The first of the names and how many there are, as facts."""
    return {"names": [plain(name) for name in names[:FIRST]], "of": len(names)}
