"""How the tensors of a file fit a network's names and shapes, under every prefix that one side may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sparserobust.weight_files.candidates import Candidate
from sparserobust.weight_files.merge import Source, sources_of
from sparserobust.weight_files.names import bare_names, heads
from sparserobust.weight_files.own import COUNTER, Own

PROFILED = frozenset({"total_ops", "total_params"})
"""What profilers (thop) leave beside the weights as buffers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A candidate of a file beside a network, under one prefix on either side. Names are those of the two sides.

    Attributes:
        candidate: of the file.
        prefix: of the file's names, without wrappers, that is left away; "" or with a dot at its end.
        head: of the network's names that the file's lack.
        sources: the network's name -> what it is made of.
        kept: the network's names that the file lacks and need not have.
        tied: the network's names that the file has under the name of the same memory -> that name.
        missing: the network's names that the file should have.
        unexpected: the file's names under the prefix for which the network has no use.
        ignored: those that mean nothing: counters, what profilers left, what the network computes itself.
        outside: the file's tensors that lie beside the prefix.
        differing: the network's names -> the shape in the file.
    """

    candidate: Candidate
    prefix: str
    head: str
    sources: Mapping[str, Source]
    kept: tuple[str, ...]
    tied: Mapping[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...]
    outside: tuple[str, ...]
    differing: Mapping[str, tuple[int, ...]]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, left over or of another shape."""
        return bool(self.sources) and not (self.missing or self.unexpected or self.differing)

    @property
    def near(self) -> int:
        """How many of the network's names the file has."""
        return len(self.sources) + len(self.differing)

    @property
    def name(self) -> str:
        """Where in the file it lies: dict and prefix, with dots; "" for the names as they are."""
        return ".".join(part for part in (self.candidate.name, self.prefix.removesuffix(".")) if part)


class Fitting:
    """A candidate beside a network: `fits` gives every prefix under which all fits, or else the nearest."""

    def __init__(self, candidate: Candidate, own: Own) -> None:
        self.candidate, self.own = candidate, own
        self.theirs, self.ours = bare_names(candidate.values, own.state)
        self.sources = sources_of({bare: candidate.values[name] for bare, name in self.theirs.items()})

    def fits(self, below: str = "") -> list[Fit]:
        """The complete fits, or the one that is nearest to it; of the prefixes that begin with `below`."""
        found: list[Fit] = []
        nearest: tuple[int, Fit] | None = None
        for head in self._heads():
            ours = {
                bare.removeprefix(head): name for bare, name in self.ours.items() if bare.startswith(head)
            }
            served = self._served(ours, below)
            most = max(served.values(), default=0)
            for prefix, number in served.items():
                if number >= self._fewest and not (head and self._is_elsewhere(prefix, head)):
                    fit = self._fit(prefix, head, ours)
                    found += [fit] if fit.complete else []
            if nearest is None or most > nearest[0]:
                best = next((key for key, number in served.items() if 2 * number > len(ours)), below)
                nearest = most, self._fit(best, head, ours)
        return found or ([] if nearest is None else [nearest[1]])

    @cached_property
    def _fewest(self) -> int:
        """How many names a file must have to fit."""
        own = self.own
        trained = sum(name not in own.buffers and name not in own.ties for name in own.state)
        return trained or 1

    def _heads(self) -> list[str]:
        """The prefixes that all of the network's parameters have; buffers may stand beside, as a normalisation's do."""
        trained = [bare for bare, name in self.ours.items() if name not in self.own.buffers]
        return heads(trained or self.ours)

    def _is_elsewhere(self, prefix: str, head: str) -> bool:
        """Whether the file has names with the head after all: under this prefix, or beside it where they are not taken.

        Layer "1" of a file is not layer "0" of a network, although each is all that stands under its prefix.
        """
        above = ["", *(own for own, _ in _splits(prefix) if own and own != prefix)]
        beside = [name for name in self.theirs if not name.startswith(prefix)]
        return prefix.endswith(head) or any(name.startswith(own + head) for own in above for name in beside)

    def _served(self, ours: Mapping[str, str], below: str) -> Counter[str]:
        """Prefix of the file's names -> how many of the network's it has; shorter prefixes first."""
        found = Counter[str]()
        for name in self.sources:
            for prefix, rest in _splits(name):
                if rest in ours and prefix.startswith(below):
                    found[prefix] += 1
        return Counter({prefix: found[prefix] for prefix in sorted(found, key=len)})

    def _fit(self, prefix: str, head: str, ours: Mapping[str, str]) -> Fit:
        own, theirs = self.own, self.theirs
        taken: dict[str, Source] = {}
        differing: dict[str, tuple[int, ...]] = {}
        lacking: list[str] = []
        used: set[str] = set()
        for bare, name in ours.items():
            source = self.sources.get(prefix + bare)
            if source is None or not self._is_of_kind(name, source):
                lacking.append(name)
                continue
            used |= set(source.names)
            shape, expected = self._shape(source), own.shape(name)
            if expected is None or shape == expected:
                taken[name] = source
            else:
                differing[name] = shape
        left = [
            bare for bare in theirs if bare.startswith(prefix) and bare not in used and self._is_tensor(bare)
        ]
        idle = [bare for bare in left if self._means_nothing(bare, prefix, head)]
        named = set(ours.values())
        constant = [name for name in own.state if name not in named and own.is_constant(name)]
        lacking += [name for name in own.state if name not in named and not own.is_constant(name)]
        tied = self._tied(lacking, taken)
        return Fit(
            candidate=self.candidate,
            prefix=prefix,
            head=head,
            sources={
                name: Source(names=tuple(theirs[part] for part in source.names), how=source.how)
                for name, source in taken.items()
            },
            kept=(*constant, *(name for name in lacking if own.is_counter(name))),
            tied=tied,
            missing=tuple(name for name in lacking if name not in tied and not own.is_counter(name)),
            unexpected=tuple(theirs[bare] for bare in left if bare not in idle),
            ignored=tuple(theirs[bare] for bare in idle),
            outside=tuple(
                name for bare, name in theirs.items() if not bare.startswith(prefix) and self._is_tensor(bare)
            ),
            differing=differing,
        )

    def _tied(self, lacking: list[str], taken: Mapping[str, Source]) -> dict[str, str]:
        """What lacks a name of its own in the file but not one of the same memory."""
        first = {name: self.own.ties.get(name, name) for name in self.own.state}
        known = {first[name]: name for name in taken}
        return {name: known[first[name]] for name in lacking if first[name] in known}

    def _is_tensor(self, bare: str) -> bool:
        return isinstance(self.candidate.values[self.theirs[bare]], Tensor)

    def _is_of_kind(self, name: str, source: Source) -> bool:
        """Tensors for tensors; where the network keeps something else, whatever the file has there."""
        return not isinstance(self.own.state[name], Tensor) or all(
            self._is_tensor(part) for part in source.names
        )

    def _shape(self, source: Source) -> tuple[int, ...]:
        value = self.candidate.values[self.theirs[source.names[0]]]
        return tuple(value.shape) if isinstance(value, Tensor) else ()

    def _means_nothing(self, bare: str, prefix: str, head: str) -> bool:
        last = bare.rpartition(".")[2]
        if last == COUNTER or last in PROFILED:
            return True
        value = self.candidate.values[self.theirs[bare]]
        passing = self._passing.get(head + bare.removeprefix(prefix))
        return isinstance(value, Tensor) and passing is not None and torch.equal(value, passing.cpu())

    @cached_property
    def _passing(self) -> dict[str, Tensor]:
        (bare,) = bare_names(self.own.passing)
        return {own: self.own.passing[name] for own, name in bare.items()}


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Every way to read a name as a prefix, with its dot, and the rest."""
    yield "", name
    for place, letter in enumerate(name):
        if letter == ".":
            yield name[: place + 1], name[place + 1 :]
