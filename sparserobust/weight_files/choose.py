"""Which of the dicts in a file are the weights: the one that fits the network best, by the usual order."""

from __future__ import annotations

import torch
from torch import Tensor

from sparserobust.errors import ModelError
from sparserobust.weight_files.candidates import Candidate, Rank, candidates, joint_candidates, rank
from sparserobust.weight_files.fit import Fit, Fitting
from sparserobust.weight_files.own import Own
from sparserobust.weight_files.place import listed
from sparserobust.weight_files.read import Contents
from sparserobust.weight_files.refusals import holds_nothing, misfit, no_such_key


def choose(contents: Contents, own: Own, key: str | None) -> tuple[Fit, tuple[str, ...]]:
    """The fit that is loaded, and the names of what else in the file would have fitted.

    Args:
        contents: of the file.
        own: the network's state.
        key: the place in the file, or the prefix of names, that is to be taken; None for the usual order.

    Raises:
        ModelError: nothing fits, or two things fit equally well that are not the same.
    """
    single = candidates(contents.tree)
    fits = _fits(single, own, key)
    if not any(fit.complete for fit in fits):
        joint = joint_candidates(contents.tree)
        if not single and not joint:
            raise holds_nothing(contents)
        fits += [fit for fit in _fits(joint, own, key) if fit.complete]
    if not fits:
        places = [fit.name for fit in _fits(single, own, None) if fit.complete]
        raise no_such_key(contents.file, key, places)
    by_name: dict[str, Fit] = {}  # the dict "a" and the prefix "a." are the same: the dict says it better
    for fit in sorted((fit for fit in fits if fit.complete), key=lambda fit: len(fit.prefix)):
        by_name.setdefault(fit.name, fit)
    complete = sorted(by_name.values(), key=_rank)
    if not complete:
        raise misfit(contents, max(fits, key=lambda fit: (fit.near, len(fit.candidate.values))), own)
    first, *others = complete
    alike = [fit for fit in others if _rank(fit) == _rank(first) and not _same_numbers(first, fit)]
    if alike:
        names = listed(repr(fit.name) for fit in (first, *alike))
        raise ModelError(
            f"{contents.file} holds several weights that fit {own.network}: {names}; name one by "
            f"key= or --weights-key, for instance {first.name!r}"
        )
    return first, tuple(fit.name for fit in others)


def _fits(found: list[Candidate], own: Own, key: str | None) -> list[Fit]:
    """Of every candidate what fits, or is nearest to it; with a key only what lies under it."""
    if key is None:
        return [fit for one in found for fit in Fitting(one, own).fits()]
    fits: list[Fit] = []
    for one in found:
        above = f"{one.name}." if one.name else ""
        if above.startswith(f"{key}."):
            fits += Fitting(one, own).fits()
        elif f"{key}.".startswith(above):
            below = f"{key}.".removeprefix(above)
            if any(name.startswith(below) for name in Fitting(one, own).theirs):
                fits += Fitting(one, own).fits(below)
    return fits


def _rank(fit: Fit) -> Rank:
    return rank(fit.candidate.place, fit.prefix)


def _same_numbers(one: Fit, other: Fit) -> bool:
    """Whether the two take equal tensors, bit for bit."""
    if one.sources.keys() != other.sources.keys():
        return False
    pairs = zip(_values(one), _values(other), strict=False)
    return all(a is b or (isinstance(a, Tensor) and isinstance(b, Tensor) and _equal(a, b)) for a, b in pairs)


def _values(fit: Fit) -> list[object]:
    return [fit.candidate.values[part] for name in fit.sources for part in fit.sources[name].names]


def _equal(one: Tensor, other: Tensor) -> bool:
    plain = one.layout == other.layout == torch.strided and one.dtype == other.dtype
    return plain and not one.is_quantized and torch.equal(one, other)
