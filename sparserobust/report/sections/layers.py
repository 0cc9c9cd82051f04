"""Where the kept weights lie: the share kept in each layer, and whether signal still gets through."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.report.figures import layers
from sparserobust.report.figures.panels import Panels, by_method
from sparserobust.report.figures.splits import Method, methods
from sparserobust.report.sections import connectivity
from sparserobust.report.sections.section import Section
from sparserobust.report.sections.thirds import thirds
from sparserobust.report.table.plain import PlainTable
from sparserobust.report.text.names import mask_name, row_name, row_tag


@dataclass(frozen=True)
class Layers:
    """The figures of kept weights, and the tables of fused weights and of connectivity; some may be missing."""

    figures: Panels | None
    thirds: PlainTable | None
    table: PlainTable | None


class LayersSection(Section):
    """Kept weights per layer, and connectivity."""

    id: ClassVar[str] = "layers"
    title: ClassVar[str] = "Layers"
    place: ClassVar[float] = 80
    shows: ClassVar[Collection[str]] = connectivity.SCORES

    def build(self, findings: Findings) -> Layers | None:
        """The section, None where neither layers nor connectivity are recorded."""
        figures, fused, table = per_layer(findings), thirds(findings), connectivity.connectivity(findings)
        return Layers(figures, fused, table) if figures or fused or table else None


def per_layer(found: Findings) -> Panels | None:
    """Density kept per layer, a panel per mask: variants that differ in their offset alone share one."""
    groups = [g for g in found.lineup.sparse if layers.densities(g)]
    if not groups:
        return None
    bottom = layers.floor(groups)
    masks = _masks(found.lineup)
    columns = min(6, max(4, len(masks)))  # small panels where there are many
    panels = by_method(
        found,
        "layers",
        lambda ax, own: layers.draw(ax, own, bottom),
        lambda g: bool(layers.densities(g)),
        shown=masks,
        aside="",
        title="share of weights kept in each layer, log scale",
        width=(880.0 + 20.0) / columns - 20.0,
        height=150.0,
        left=34.0,
        right=34.0,
    )
    same = len({g.first.subject.model for g in groups}) == 1
    facts = _numbered(groups) if same else []
    if len(masks) < len(found.lineup.methods()):
        facts.append("An offset leaves the mask as it is: one panel stands for every offset of a mask.")
    return Panels(panels, tuple(facts), columns)


def _numbered(groups: Sequence[Group]) -> list[str]:
    """Which number is which layer; once for each set of layers, where some subjects leave layers dense."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for group in groups:
        names = tuple(layer.name.removesuffix(".weight") for layer in group.first.subject.layers)
        rows.setdefault(names, []).append(row_name(group))
    found = []
    for names, own in rows.items():
        whose = "" if len(rows) == 1 else f" of {', '.join(dict.fromkeys(own))}"
        numbered = ", ".join(f"{k + 1} {name}" for k, name in enumerate(names))
        found += [f"Layers{whose}: {numbered}."] if len(names) <= 12 else []
    return found


def _masks(lineup: Lineup) -> list[Method]:
    """The methods, those with the same mask and the same densities once and under the mask's name."""
    kept: dict[str, list[Method]] = {}
    for method in methods(lineup):
        groups = method[2]
        seen = str([groups[0].mask, row_tag(groups[0]), *((g.target, layers.densities(g)) for g in groups)])
        kept.setdefault(seen, []).append(method)
    return [own[0] if len(own) == 1 else _without_offset(own[0]) for own in kept.values()]


def _without_offset(method: Method) -> Method:
    _, own, groups = method
    return f"{mask_name(groups[0])} {row_tag(groups[0])}".strip(), own, groups
