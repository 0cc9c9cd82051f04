"""Training curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from sparserobust.analysis.lineup import arrange
from sparserobust.records import EpochRecord, Run
from sparserobust.report.figures import style
from sparserobust.report.figures.gradients import epochs_axis
from sparserobust.report.look.marks import mark
from sparserobust.report.text.names import row_name
from sparserobust.report.text.numbers import target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Quantity = Literal["loss", "train_accuracy", "val_accuracy", "learning_rate"]
_TITLES: dict[Quantity, str] = {
    "loss": "training loss, log scale",
    "train_accuracy": "training accuracy, %",
    "val_accuracy": "validation accuracy, %",
    "learning_rate": "learning rate",
}


def plot_training(ax: Axes, runs: Sequence[Run], *, quantity: Quantity = "val_accuracy") -> None:
    """Draws one quantity over the epochs, the mean over seeds; runs without a history are left out.

    Args:
        ax: where; its right margin holds the names.
        runs: what was trained.
        quantity: "loss", "train_accuracy", "val_accuracy" or "learning_rate".

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    style.clean(ax)
    if quantity == "loss":
        ax.set_yscale("log")
    labels, longest = [], 1
    several = len(lineup.sparsities) > 1
    for group in lineup.groups:
        y = training_curve(list(group.runs), quantity)
        if not y:
            continue
        x = range(1, len(y) + 1)
        own, name = mark(group), row_name(group)
        ax.plot(x, y, **{"linewidth": 1.5, **style.line_style(own, dense=group.dense)})
        name = name if group.dense or not several else f"{name} {target(group.target)}"
        labels.append((y[-1], name, own.text))
        longest = max(longest, len(y))
    ax.set_xlim(1, max(2, longest))
    epochs_axis(ax, longest)
    style.end_labels(ax, labels, x=longest)
    style.title(ax, _TITLES[quantity])


def training_curve(runs: Sequence[Run], quantity: Quantity) -> list[float]:
    """The quantity per epoch, the mean over the runs, as far as all of them went; accuracies in percent."""
    series = [[_of(epoch, quantity) for epoch in run.history.epochs] for run in runs if run.history]
    if not series or any(value is None for values in series for value in values):
        return []
    many = min(len(values) for values in series)
    scale = 100.0 if quantity.endswith("_accuracy") else 1.0
    return [scale * sum(values[k] or 0.0 for values in series) / len(series) for k in range(many)]


def _of(epoch: EpochRecord, quantity: Quantity) -> float | None:
    value: float | None = getattr(epoch, quantity)
    return value
