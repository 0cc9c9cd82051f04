"""Where the network looks: maps as masks, and the numbers beside noise and the same mask at initialisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

from sparserobust.analysis.estimates import RowEstimate, estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import measured
from sparserobust.records import Picture
from sparserobust.report.look.marks import Mark, mark
from sparserobust.report.sections.section import Section
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Head, heads, shown
from sparserobust.report.table.strip import Scale, nice_step
from sparserobust.report.text.names import row_name, row_tag
from sparserobust.report.text.numbers import count, fixed, percent, target

PIXELS, EFFECTIVE, ZERO = "trainable_input_pixels", "effective_pixels", "zero_maps"
OF_MAPS = ("gini", EFFECTIVE, "top1_mass", "top10_mass")
OF_EACH = ("", "_noise", "_untrained")
DENSE = "dense at inference"
MOST_ZERO = 0.05  # share of maps without any gradient
MOST_TILES = 8


@dataclass(frozen=True)
class Tile:
    """One map over its input: the ids of two masks, either may be missing."""

    input: str
    map: str
    caption: str


@dataclass(frozen=True)
class MapRow:
    """The maps of one network and its two main numbers; places are in percent of the strip."""

    name: str
    tag: str
    mark: Mark
    note: str
    tiles: tuple[Tile, ...]
    pixels: Cell
    share: float | None
    initial: float | None


@dataclass(frozen=True)
class NumberRow(Head):
    """All saliency numbers of one row."""

    note: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class SaliencyPart:
    """The section.

    Attributes:
        masks: (id, PNG in base64) of every picture shown, each once.
        inputs: the tiles of the head row; `grey` says that inputs are photographs, not strokes.
        at: the sparsity of the maps.
        has_dense: whether a network of the comparison is dense at inference.
    """

    masks: tuple[tuple[str, str], ...]
    inputs: tuple[Tile, ...]
    grey: bool
    at: str
    rows: tuple[MapRow, ...]
    noise: float | None
    noise_text: str
    numbers: tuple[NumberRow, ...]
    has_dense: bool


class SaliencySection(Section):
    """Where the network looks."""

    id: ClassVar[str] = "saliency"
    title: ClassVar[str] = "Saliency"
    place: ClassVar[float] = 70
    shows: ClassVar[Collection[str]] = frozenset(
        {PIXELS, ZERO, *(f"{n}{of}" for n, of in product(OF_MAPS, OF_EACH))}
    )
    """Those of the largest pixels say what the Gini coefficient says."""
    needs: ClassVar[Collection[str]] = frozenset({EFFECTIVE})

    def build(self, findings: Findings) -> SaliencyPart:
        """Maps and numbers."""
        lineup = findings.lineup
        having = [g for g in lineup.groups if any(measured(run, EFFECTIVE) for run in g.runs)]
        drawn, at = _drawn(lineup, having)
        noise = _noise(having)
        shares = [_share(g).value for g in drawn] + [_initial(g).value for g in drawn] + [noise]
        scale = _scale([s for s in shares if s is not None])
        masks: dict[str, str] = {}
        rows = tuple(_map_row(g, masks, scale) for g in drawn)
        inputs = next((row.tiles for row in rows if row.tiles), ())
        return SaliencyPart(
            masks=tuple((name, png) for png, name in masks.items()),
            inputs=tuple(Tile(tile.input, "", tile.caption) for tile in inputs),
            grey=having[0].first.data.input_shape[0] != 1,
            at=at,
            rows=rows,
            noise=scale.place(noise) if noise is not None else None,
            noise_text=fixed(noise, 2) if noise is not None else "",
            numbers=_numbers(having),
            has_dense=any(group.dense_at_inference for group in lineup.groups),
        )


def _drawn(lineup: Lineup, having: list[Group]) -> tuple[list[Group], str]:
    """Dense and the groups of the sparsity with the most maps, the middle one of equals."""
    counts = Counter(g.target for g in having if not g.dense)
    most = max(counts.values(), default=0)
    best = sorted(s for s, n in counts.items() if n == most)
    chosen = best[len(best) // 2] if best else None
    drawn = [g for g in having if g.dense or g.target == chosen]
    return drawn, f" at sparsity {target(chosen)}" if chosen is not None and len(
        lineup.sparsities
    ) > 1 else ""


def _share(group: Group) -> RowEstimate:
    return estimate(group, EFFECTIVE, at="logit")


def _initial(group: Group) -> RowEstimate:
    return estimate(group, f"{EFFECTIVE}_untrained")


def _noise(groups: list[Group]) -> float | None:
    values = [estimate(g, f"{EFFECTIVE}_noise").value for g in groups]
    return next((v for v in values if v is not None), None)


def _scale(values: list[float]) -> Scale:
    high = max([*values, 0.1])
    step = nice_step(high / 3)
    return Scale(0.0, high * 1.06, tuple(i * step for i in range(int(high / step) + 1)))


def _map_row(group: Group, masks: dict[str, str], scale: Scale) -> MapRow:
    outcome = next((o for run in group.runs if (o := measured(run, EFFECTIVE)) is not None), None)
    pictures = outcome.pictures if outcome is not None else ()
    share, initial = _share(group), _initial(group)
    return MapRow(
        name=row_name(group),
        tag=row_tag(group),
        mark=mark(group),
        note=_note(group),
        tiles=_tiles(pictures, masks),
        pixels=_pixels(group),
        share=scale.place(share.value) if share.value is not None else None,
        initial=scale.place(initial.value) if initial.value is not None else None,
    )


def _tiles(pictures: tuple[Picture, ...], masks: dict[str, str]) -> tuple[Tile, ...]:
    by_index: dict[int, dict[str, Picture]] = {}
    for picture in pictures:
        by_index.setdefault(picture.index, {})[picture.role] = picture
    tiles = []
    for _, roles in sorted(by_index.items())[:MOST_TILES]:
        if "logit" not in roles:
            continue
        names = {
            role: masks.setdefault(p.png, f"map{len(masks)}")
            for role, p in roles.items()
            if role in ("input", "logit")
        }
        tiles.append(Tile(names.get("input", ""), names["logit"], roles["logit"].caption))
    return tuple(tiles)


def _pixels(group: Group) -> Cell:
    e = estimate(group, PIXELS)
    if e.value is None:
        return missing(e.reason)
    if e.n is None:
        return Cell(f"{percent(e.value)} %")
    return Cell(count(round(e.value * e.n)), f"of {count(e.n)}")


def _numbers(groups: list[Group]) -> tuple[NumberRow, ...]:
    return tuple(
        NumberRow(**vars(head), note=_note(group), cells=_cells(group))
        for head, group in zip(heads(groups), groups, strict=True)
    )


def _note(group: Group) -> str:
    return DENSE if group.dense_at_inference else ""


def _cells(group: Group) -> tuple[Cell, ...]:
    return (
        _pixels(group),
        _number(_share(group)),
        _number(estimate(group, EFFECTIVE, at="margin")),
        _number(_initial(group)),
        _number(estimate(group, f"{EFFECTIVE}_noise")),
        _number(estimate(group, "gini", at="logit")),
        _number(estimate(group, "gini", at="margin")),
        _number(estimate(group, "gini_untrained")),
        _zero(group),
    )


def _number(e: RowEstimate) -> Cell:
    return shown(e, lambda value: fixed(value, 3))


def _zero(group: Group) -> Cell:
    e = estimate(group, ZERO, at="logit")
    return shown(e, lambda value: f"{percent(value)} %", lambda value: value > MOST_ZERO)
