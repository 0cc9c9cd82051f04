"""Storage: what a file of this model must hold, in every format, and the papers' own figures beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.drawn import drawn_by_us
from sparserobust.records import Outcome, ScoreSpec, Table
from sparserobust.scoring import Context, Evaluator, Measurement
from sparserobust.storage.codecs import bitmask_bytes, csr32_bytes, dense_bytes, snipit_bits
from sparserobust.subject import Subject
from sparserobust.uses import Uses
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.others import others_of
from sparserobust.weights.plan import as_matrix

SEED_BYTES = 8
GAMMA_BYTES = 8


@dataclass(frozen=True)
class _Layer:
    name: str
    prunable: int
    kept: int
    nonzero: int
    dense: int
    csr32: int
    bitmask: int
    values: int
    snipit_bits: int

    @property
    def best(self) -> tuple[int, str]:
        """The smallest of the formats, and its name."""
        return min((self.dense, "dense"), (self.csr32, "csr32"), (self.bitmask, "bitmask"))


@dataclass(frozen=True, kw_only=True)
class Storage(Evaluator):
    """Bytes of the dense model and of the sparse one in three formats.

    A conv is the matrix (out, in * k * k). What cannot be sparse (biases, normalisation parameters and
    buffers) is in every total, and so is a seed for a frozen offset and one alpha per DCT layer or one gamma per
    layer whose frozen weights decay. Positions
    are stored; where the support was drawn from a seed, `best_bytes` at "seeded" counts the seed instead.
    A frozen offset that our initialisers did not draw is counted whole.
    """

    name: ClassVar[str] = "storage"
    title: ClassVar[str] = "storage"
    source: ClassVar[str] = "definitions of this library; papers' figures: FreezeNet Table 2, SNIP-it Table 1"
    sees_data: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(name="trainable_fraction", unit="fraction", about="kept weights / prunable weights"),
        ScoreSpec(
            name="zero_fraction",
            unit="fraction",
            about="exact zeros in the effective weights / prunable weights",
        ),
        ScoreSpec(
            name="stored_parameters",
            unit="count",
            higher_is_better=False,
            about="numbers that a file must hold",
        ),
        ScoreSpec(
            name="q_beta",
            unit="fraction",
            about="1 - (kept + biases) / (prunable + biases), without norm layers (FreezeNet's real freezing rate)",
        ),
        ScoreSpec(name="dense_bytes", unit="bytes", about="every weight"),
        ScoreSpec(name="csr32_bytes", unit="bytes", higher_is_better=False, about="CSR with 32-bit indices"),
        ScoreSpec(
            name="bitmask_bytes",
            unit="bytes",
            higher_is_better=False,
            about="kept values and one bit per weight",
        ),
        ScoreSpec(
            name="best_bytes",
            unit="bytes",
            higher_is_better=False,
            axis="positions",
            headline=True,
            about="the smallest format, layer by layer",
        ),
        ScoreSpec(
            name="compression",
            unit="x",
            higher_is_better=True,
            axis="positions",
            about="dense_bytes / best_bytes",
        ),
        ScoreSpec(
            name="values_only_bytes",
            unit="bytes",
            about="4 * (kept + biases), no positions: FreezeNet, Table 2",
        ),
        ScoreSpec(
            name="snipit_bytes",
            unit="bytes",
            about="32-bit values and 2-bit indices: SNIP-it; not attainable",
        ),
    )

    def begin(self, context: Context) -> Measurement:
        """Skipped for a model without weights that could be sparse."""
        context.require_prunable()
        return _Counting(self, context)


class _Counting(Measurement):
    def __init__(self, evaluator: Storage, context: Context) -> None:
        self.evaluator = evaluator
        self.subject = context.subject
        self.uses = context.uses

    def finish(self) -> Outcome:
        score, subject = self.evaluator.score, self.subject
        layers = [_layer(subject, name) for name in subject.weights.masks]
        prunable, kept = sum(x.prunable for x in layers), sum(x.kept for x in layers)
        slots, uses = subject.weights.slots, self.uses()
        biases = _biases(subject, uses)
        whole_weights = sum(own.numel for own in subject.outside or () if own.is_weight)  # excluded, say
        others = [t for name, t in others_of(subject.model, slots).items() if name not in uses.own_masks]
        other_bytes = sum(t.numel() * t.element_size() for t in others)
        alphas = sum(dct_offset_of(slot) is not None for slot in slots.values())
        frozen = subject.weights.kind == "frozen"
        seeds = int(frozen and drawn_by_us(subject))
        whole = (
            sum(x.prunable - x.kept for x in layers) if frozen and not seeds else 0
        )  # no seed gives it back
        gammas = len(layers) if subject.weights.decay is not None else 0
        fixed = other_bytes + SEED_BYTES * seeds + 4 * (alphas + whole) + GAMMA_BYTES * gammas
        dense = sum(x.dense for x in layers) + other_bytes
        best = sum(x.best[0] for x in layers) + fixed
        all_numbers = prunable + whole_weights + biases
        scores = [
            score("trainable_fraction", kept / prunable, n=prunable),
            score("zero_fraction", 1 - sum(x.nonzero for x in layers) / prunable, n=prunable),
            score(
                "stored_parameters", kept + sum(t.numel() for t in others) + alphas + gammas + seeds + whole
            ),
            score("q_beta", 1 - (kept + whole_weights + biases) / all_numbers, n=all_numbers),
            score("dense_bytes", dense),
            score("csr32_bytes", sum(x.csr32 for x in layers) + fixed),
            score("bitmask_bytes", sum(x.bitmask for x in layers) + fixed),
            score("best_bytes", best, at="stored"),
            score("compression", dense / best, at="stored"),
        ]
        if subject.positions == "seeded":
            seeded = sum(x.values for x in layers) + fixed + SEED_BYTES
            scores.append(score("best_bytes", seeded, at="seeded", headline=False))
            scores.append(score("compression", dense / seeded, at="seeded"))
        scores.append(score("values_only_bytes", 4 * (kept + whole_weights + biases)))
        scores.append(score("snipit_bytes", sum(x.snipit_bits for x in layers) / 8 + 4 * whole_weights))
        rows = tuple((x.name, x.prunable, x.kept, x.dense, x.csr32, x.bitmask, x.best[1]) for x in layers)
        columns = ("layer", "prunable", "kept", "dense_bytes", "csr32_bytes", "bitmask_bytes", "best")
        return self.evaluator.outcome(
            scores=tuple(scores), tables={"layers": Table(columns=columns, rows=rows)}
        )


def _layer(subject: Subject, name: str) -> _Layer:
    mask, slot = subject.weights.masks[name], subject.weights.slots[name]
    values = slot.values
    rows, columns = as_matrix(mask).shape
    kept, width = int(mask.count_nonzero()), values.element_size()
    return _Layer(
        name=name,
        prunable=mask.numel(),
        kept=kept,
        nonzero=int(slot.effective.count_nonzero()),
        dense=dense_bytes(rows, columns, width),
        csr32=csr32_bytes(rows, kept, width),
        bitmask=bitmask_bytes(rows, columns, kept, width),
        values=kept * width,
        snipit_bits=snipit_bits(rows, columns, kept),
    )


def _biases(subject: Subject, uses: Uses) -> int:
    """Entries of the biases of layers whose weights can be sparse; shifts of their own are none of a layer."""
    owners = {name.rpartition(".")[0].split(".parametrizations.")[0] for name in subject.weights.slots}
    biases = [name for name in uses.added if name.rpartition(".")[0] in owners]
    parameters = dict(subject.model.named_parameters())  # a scripted module has no get_parameter
    return sum(parameters[name].numel() for name in biases)
