"""What a verdict is made of: claims with all their sides, how rows stand at each sparsity, artefacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from sparserobust.analysis.concerns import Concern
from sparserobust.analysis.differences import Difference
from sparserobust.analysis.estimates import RowEstimate
from sparserobust.analysis.worst_case import Robustness
from sparserobust.one_line import OneLine
from sparserobust.records import AuditState, Remark

LeadKind = Literal[
    "only-dense",
    "better",
    "none-could-choose",
    "no-fit-reference",
    "nothing-compared",
    "nothing-ranked",
    "too-few-seeds",
    "better-but-to-check",
    "none-better",
]
Standing = Literal[
    "higher",
    "not-distinguishable",
    "ns-after-holm",
    "lower",
    "undertrained",
    "untrained",
    "collapsed",
    "diverged",
    "cannot-choose",
    "not-made",
]
STANDINGS: tuple[Standing, ...] = get_args(Standing)
"""What is said of rows, in this order; of others (artefacts, no claim) nothing is said beside them."""


class Quantity(Protocol):
    """One quantity of every row and its difference to dense (`findings.Compared`)."""

    @property
    def robust(self) -> Robustness | None: ...
    @property
    def values(self) -> Mapping[int, RowEstimate]: ...
    @property
    def differences(self) -> Mapping[int, Difference]: ...


@dataclass(frozen=True, repr=False)
class Audit(OneLine):
    """How far the robustness of a row is audited in one norm.

    Attributes:
        state: the worst over its networks; None where nothing was audited in this norm.
        eps: the largest budget that was audited.
        networks: how many of the row's networks were audited; `of`: how many it has.
    """

    state: AuditState | None = None
    eps: float | None = None
    networks: int = 0
    of: int = 0


@dataclass(frozen=True, repr=False)
class Side(OneLine):
    """One side of a claim: the row beside its dense reference in one quantity.

    Attributes:
        robust: the attacks and the budget, None for clean accuracy.
        audit: how far it is audited.
    """

    robust: Robustness | None
    own: RowEstimate
    dense: RowEstimate | None
    difference: Difference
    audit: Audit = Audit()


@dataclass(frozen=True, repr=False)
class Price(OneLine):
    """What a row costs beside dense, as factors; None where that was not measured."""

    bytes: float | None
    macs: float | None


@dataclass(frozen=True, repr=False)
class Claim(OneLine):
    """What is claimed of one row.

    Attributes:
        place: of the row.
        main: the quantity of the main table; `clean`: clean accuracy, None where that is the main one; `others`: the
            other norms that were run.
        doubt: what speaks against it, where something does.
    """

    place: int
    main: Side
    clean: Side | None
    others: tuple[Side, ...]
    price: Price
    doubt: Concern | None = None


@dataclass(frozen=True, repr=False)
class Lead(OneLine):
    """The first thing to say; `claim` and `reason` where its kind has one."""

    kind: LeadKind
    claim: Claim | None = None
    reason: Remark | None = None


@dataclass(frozen=True, repr=False)
class AtSparsity(OneLine):
    """How the rows of one target sparsity stand to dense, in one quantity.

    Attributes:
        standings: (standing, places of the rows), those alone that occur, in the order of `STANDINGS`.
        places: of all rows of this sparsity.
    """

    robust: Robustness | None
    sparsity: float
    standings: tuple[tuple[Standing, tuple[int, ...]], ...]
    places: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Artefact(OneLine):
    """A row whose number is an artefact, with the number and what shows it."""

    place: int
    value: float
    concern: Concern | None


@dataclass(frozen=True, repr=False)
class Verdict(OneLine):
    """What a reader should take home, most important first.

    Attributes:
        upper_bounds: whether no network was audited, so that all robust accuracies are upper bounds.
        seeds: the fewest seeds that a sparse row has, None where there is none.
    """

    lead: Lead
    by_sparsity: tuple[AtSparsity, ...]
    artefacts: tuple[Artefact, ...]
    upper_bounds: bool
    seeds: int | None
