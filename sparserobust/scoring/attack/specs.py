"""What attacks measure: the specifications that fixed-budget and minimum-norm attacks share."""

from __future__ import annotations

from sparserobust.attacks.budget import Norm
from sparserobust.records import ScoreSpec

BUDGET_SCORES = (
    ScoreSpec(
        name="robust_accuracy",
        unit="fraction",
        higher_is_better=True,
        axis="eps",
        headline=True,
        about="correct and stays correct, over all examples",
    ),
    ScoreSpec(
        name="attack_success_rate",
        unit="fraction",
        higher_is_better=False,
        axis="eps",
        about="no longer correct, among the initially correct",
    ),
)


def distance_scores(norm: Norm) -> tuple[ScoreSpec, ...]:
    """The scores of a minimum-norm attack, at distance caps."""
    axis = f"{norm} distance"
    return (
        ScoreSpec(
            name=f"median_{norm}",
            unit=norm,
            higher_is_better=True,
            about="median distance, initially correct examples",
        ),
        ScoreSpec(
            name="robust_accuracy",
            unit="fraction",
            higher_is_better=True,
            axis=axis,
            headline=True,
            about="correct, and no adversarial image found within the distance, over all examples",
        ),
        ScoreSpec(
            name="attack_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis=axis,
            about="found within the distance, among the initially correct",
        ),
        ScoreSpec(
            name="rescaled_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis=axis,
            about="the image scaled back to the distance still fools, among the initially correct (foolbox's rule)",
        ),
        ScoreSpec(
            name="paper_success",
            unit="fraction",
            higher_is_better=False,
            axis=axis,
            about="SNIP-it's figure: clean error + (1 - clean error) * rescaled success, over all examples",
        ),
        ScoreSpec(
            name="optimality",
            unit="",
            higher_is_better=None,
            about=f"how close to the nearest image that any {norm} attack of this run found: 1 = never beaten (xi)",
        ),
    )
