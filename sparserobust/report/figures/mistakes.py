"""Newly misclassified images by decile of the dense network's margin: small bars, the smallest margin at the left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparserobust.analysis.lineup import Group, arrange
from sparserobust.analysis.mistakes import DECILES, Condition, by_margin, conditions
from sparserobust.records import Run
from sparserobust.report.figures import style
from sparserobust.report.look.marks import Mark, mark
from sparserobust.report.table.strip import nice_step
from sparserobust.report.text.names import row_name
from sparserobust.report.text.numbers import target
from sparserobust.stats import Part, mean_t

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILLED = 0.86  # of a decile's width


def plot_mistakes_by_margin(ax: Axes, runs: Sequence[Run], *, robust: bool = False) -> None:
    """Draws the share (in percent) of newly misclassified images in each decile of the dense network's margin.

    Of the images that the dense network gets right, sorted by its margin, those that the sparse one gets wrong. One
    bar for each sparse network; whiskers are 95 % intervals (Wilson's, or Student's t over seeds).

    Args:
        ax: where.
        runs: sparse ones and the dense ones they are compared with.
        robust: under the attack of the comparison, of the images on which the dense network is robust.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    every = conditions(lineup)
    condition = every[1] if robust and len(every) > 1 else every[0]
    draw(ax, lineup.sparse, condition, named=len(lineup.methods()) > 1)
    style.title(ax, "newly misclassified, %")


def bars(group: Group, condition: Condition) -> list[tuple[float, float | None, float | None]]:
    """(share, low, high) of each decile; over several seeds their mean with Student's t, cut at 0 and 1."""
    found = by_margin(group, condition)
    if len(found) == 1:
        return [(p.share, p.interval.low, p.interval.high) for p in found[0]]
    shared = min((len(parts) for parts in found), default=0)
    return [_mean([parts[k] for parts in found]) for k in range(shared)]


def _mean(parts: Sequence[Part]) -> tuple[float, float | None, float | None]:
    e = mean_t([part.share for part in parts])
    return (
        e.value,
        None if e.low is None else max(0.0, e.low),
        None if e.high is None else min(1.0, e.high),
    )


def top(groups: Sequence[Group], condition: Condition) -> float:
    """The end of the scale in percent: the highest bar, or the highest whisker where it is not far above."""
    heights = [(share, high) for group in groups for share, _, high in bars(group, condition)]
    highest = max([share for share, _ in heights], default=0.0)
    reach = max([high or share for share, high in heights if share > 0.5 * highest], default=highest)
    return min(100.0, max(4.0, 100 * min(reach, 1.25 * highest + 0.02)))


def draw(
    ax: Axes,
    groups: Sequence[Group],
    condition: Condition,
    *,
    end: float | None = None,
    named: bool = False,
) -> None:
    """Draws these groups side by side in each decile; `end` is the top of the scale in percent."""
    style.clean(ax)
    ordered = sorted(groups, key=lambda g: g.target)
    drawn = [(g, found) for g in ordered if (found := bars(g, condition))]
    stop = end or top([g for g, _ in drawn], condition)
    width = FILLED / max(1, len(drawn))
    entries = []
    for place, (group, found) in enumerate(drawn):
        alpha = 1.0 if len(drawn) == 1 else 0.5 + 0.5 * place / (len(drawn) - 1)
        x = [k + 0.5 - FILLED / 2 + (place + 0.5) * width for k in range(len(found))]
        own = mark(group)
        _bars(ax, x, found, 0.88 * width, own, alpha)
        text = f"{row_name(group)} {target(group.target)}" if named else target(group.target)
        swatch = {"color": own.colour, "alpha": alpha, "linewidth": 6, "solid_capstyle": "butt"}
        entries.append((text, swatch, own.text))
    ax.set_xlim(0, DECILES)
    ax.set_ylim(0, stop)
    step = nice_step(stop / 5)
    ticks = [round(k * step, 10) for k in range(int(stop / step + 1e-9) + 1)]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([0, DECILES / 2, DECILES], ["smallest", "dense margin, deciles", "largest"])
    first, _, last = ax.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    _key(ax, entries)


def _key(ax: Axes, entries: Sequence[tuple[str, dict[str, Any], str]]) -> None:
    """The sparsities in one line above the axis, from its right edge: bars fill the corners."""
    assert ax.figure is not None
    box = ax.get_position()
    width, height = box.width * ax.figure.bbox.width, box.height * ax.figure.bbox.height
    right, y = 0.0, 1 + 9 / height
    for text, look, colour in entries[::-1]:
        (line,) = ax.plot(
            [1 - (right + 9) / width, 1 - right / width],
            [y, y],
            transform=ax.transAxes,
            clip_on=False,
            **look,
        )
        line.set_zorder(6)
        ax.annotate(
            text, (1, y), xytext=(-right - 13, 0), xycoords="axes fraction", textcoords="offset pixels",
            color=colour, fontsize=style.SIZE, parse_math=False, ha="right", va="center_baseline",
            annotation_clip=False,
        )  # fmt: skip
        right += 13 + style.CHARACTER * len(text) + 12


def _bars(
    ax: Axes,
    x: Sequence[float],
    found: Sequence[tuple[float, float | None, float | None]],
    width: float,
    own: Mark,
    alpha: float,
) -> None:
    shares = [100 * share for share, _, _ in found]
    if own.hollow:
        ax.bar(
            x,
            shares,
            width,
            facecolor=style.PAPER,
            edgecolor=own.colour,
            linewidth=1.1,
            alpha=alpha,
            zorder=3,
        )
    else:
        ax.bar(x, shares, width, color=own.colour, linewidth=0, alpha=alpha, zorder=3)
    for place, (_, low, high) in zip(x, found, strict=True):
        if low is not None and high is not None and high > low:
            ax.plot(
                [place, place], [100 * low, 100 * high], color=style.INK3, linewidth=0.8, alpha=0.75, zorder=4,
                solid_capstyle="butt",
            )  # fmt: skip
