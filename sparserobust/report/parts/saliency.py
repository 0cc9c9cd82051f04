"""Where the network looks: maps as masks, and the numbers beside noise and the untrained twin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sparserobust.records import Picture
from sparserobust.report.cells import Cell
from sparserobust.report.estimates import RowEstimate, estimate
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.marks import Mark
from sparserobust.report.numbers import DASH, count, fixed, percent, target
from sparserobust.report.readings import ok
from sparserobust.report.strip import Scale, nice_step

EVALUATOR = "saliency"


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
    twin: float | None


@dataclass(frozen=True)
class NumberRow:
    """All saliency numbers of one row."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    note: str
    cells: tuple[Cell, ...]
    first: bool


@dataclass(frozen=True)
class SaliencyPart:
    """The section.

    Attributes:
        masks: (id, PNG in base64) of every picture shown, each once.
        inputs: the tiles of the head row; `grey` says that inputs are photographs, not strokes.
        at: the sparsity of the maps.
    """

    masks: tuple[tuple[str, str], ...]
    inputs: tuple[Tile, ...]
    grey: bool
    at: str
    rows: tuple[MapRow, ...]
    noise: float | None
    noise_text: str
    numbers: tuple[NumberRow, ...]


def saliency(found: Judged) -> SaliencyPart | None:
    """The section, None where no run has a saliency outcome."""
    lineup = found.lineup
    measured = [g for g in lineup.groups if any(ok(run, EVALUATOR) for run in g.runs)]
    if not measured:
        return None
    shown, at = _shown(lineup, measured)
    shares = [_share(g).value for g in shown] + [_twin(g).value for g in shown] + [_noise(measured)]
    scale = _scale([s for s in shares if s is not None])
    noise = _noise(measured)
    masks: dict[str, str] = {}
    rows = tuple(_map_row(g, masks, scale) for g in shown)
    inputs = next((row.tiles for row in rows if row.tiles), ())
    return SaliencyPart(
        masks=tuple((name, png) for png, name in masks.items()),
        inputs=tuple(Tile(tile.input, "", tile.caption) for tile in inputs),
        grey=measured[0].first.data.input_shape[0] != 1,
        at=at,
        rows=rows,
        noise=scale.place(noise) if noise is not None else None,
        noise_text=fixed(noise, 2) if noise is not None else "",
        numbers=_numbers(measured),
    )


def _shown(lineup: Lineup, measured: list[Group]) -> tuple[list[Group], str]:
    """Dense and the groups of the sparsity with the most maps, the middle one of equals."""
    counts = Counter(g.target for g in measured if not g.dense)
    most = max(counts.values(), default=0)
    best = sorted(s for s, n in counts.items() if n == most)
    chosen = best[len(best) // 2] if best else None
    shown = [g for g in measured if g.dense or g.target == chosen]
    return shown, f" at sparsity {target(chosen)}" if chosen is not None and len(
        lineup.sparsities
    ) > 1 else ""


def _share(group: Group) -> RowEstimate:
    return estimate(group, EVALUATOR, "effective_pixels", at="logit")


def _twin(group: Group) -> RowEstimate:
    return estimate(group, EVALUATOR, "effective_pixels_untrained")


def _noise(groups: list[Group]) -> float | None:
    values = [estimate(g, EVALUATOR, "effective_pixels_noise").value for g in groups]
    return next((v for v in values if v is not None), None)


def _scale(values: list[float]) -> Scale:
    high = max([*values, 0.1])
    step = nice_step(high / 3)
    return Scale(0.0, high * 1.06, tuple(i * step for i in range(int(high / step) + 1)))


def _map_row(group: Group, masks: dict[str, str], scale: Scale) -> MapRow:
    outcome = next((o for run in group.runs if (o := ok(run, EVALUATOR)) is not None), None)
    pictures = outcome.pictures if outcome is not None else ()
    share, twin = _share(group), _twin(group)
    return MapRow(
        name=group.name,
        tag=group.tag,
        mark=group.mark,
        note="dense by construction" if group.runs_dense else "",
        tiles=_tiles(pictures, masks),
        pixels=_pixels(group),
        share=scale.place(share.value) if share.value is not None else None,
        twin=scale.place(twin.value) if twin.value is not None else None,
    )


def _tiles(pictures: tuple[Picture, ...], masks: dict[str, str]) -> tuple[Tile, ...]:
    by_index: dict[int, dict[str, Picture]] = {}
    for picture in pictures:
        by_index.setdefault(picture.index, {})[picture.role] = picture
    tiles = []
    for _, roles in sorted(by_index.items())[:8]:
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
    e = estimate(group, EVALUATOR, "trainable_input_pixels")
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    if e.n is None:
        return Cell(f"{percent(e.value)} %")
    return Cell(count(round(e.value * e.n)), f"of {count(e.n)}")


def _numbers(groups: list[Group]) -> tuple[NumberRow, ...]:
    rows, last = [], None
    for g in groups:
        sparsity = "" if g.dense else target(g.target)
        cells = [
            _pixels(g),
            _number(_share(g)),
            _number(estimate(g, EVALUATOR, "effective_pixels", at="margin")),
            _number(_twin(g)),
            _number(estimate(g, EVALUATOR, "effective_pixels_noise")),
            _number(estimate(g, EVALUATOR, "gini", at="logit")),
            _number(estimate(g, EVALUATOR, "gini", at="margin")),
            _number(estimate(g, EVALUATOR, "gini_untrained")),
            _zero(g),
        ]
        note = "dense by construction" if g.runs_dense else ""
        rows.append(
            NumberRow(
                g.name, g.tag, g.mark, sparsity, note, tuple(cells), last is not None and sparsity != last
            )
        )
        last = sparsity
    return tuple(rows)


def _number(e: RowEstimate) -> Cell:
    return Cell(DASH, reason=e.reason) if e.value is None else Cell(fixed(e.value, 3))


def _zero(group: Group) -> Cell:
    e = estimate(group, EVALUATOR, "zero_maps", at="logit")
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    return Cell(f"{percent(e.value)} %", alert=e.value > 0.05)
