"""Tests what SNIP-it says about Fig. 5b on the records beside this file, and prints the tables of reports/README.md.

    python reports/attacks-mnist/claim.py

"For the low-distance regime where the l2-norm <= 1, the pruning methods which maintain [the] input layer are indeed
more robust" (Verdenius et al. 2020, sec. 5). The distances there are those of normalised images: 1 is 0.3081 in
pixels. The distance of an image is the smallest that Carlini-Wagner or the minimum-norm attack found.
"""

from pathlib import Path

import numpy as np
from scipy import stats

import sparserobust as sr
from sparserobust.stats import mean_t, newcombe_paired

FOLDER = Path(__file__).parent
PIXELS = 0.3081
"""One unit of the paper: the standard deviation that MNIST is divided by."""
CAPS = {"0.5 (paper)": 0.5 * PIXELS, "1 (paper)": PIXELS, "0.5 px": 0.5, "1 px": 1.0, "1.5 px": 1.5}
ATTACKS = ("carlini-wagner", "minimum-norm")
DENSE = "dense"


def distances(run: sr.Run) -> np.ndarray:
    """(n,) the smallest distance in pixels at which an image is lost; 0 where it was wrong to begin with."""
    found = np.min([run.outcomes[attack].per_example["distance"] for attack in ATTACKS], axis=0)
    return np.where(run.outcomes["accuracy"].per_example["correct"], found, 0.0)


def pixels_read(run: sr.Run) -> float:
    """Input pixels that a trainable weight reads."""
    share = run.outcomes["saliency"].score("trainable_input_pixels").value
    assert share is not None
    return share * 784


def percent(values: list[float]) -> str:
    """Mean over the seeds, with what t gives as its interval where there are three."""
    estimate = mean_t(np.array(values))
    if estimate.low is None or len(values) < 3:
        return f"{100 * estimate.value:+.1f}"
    return f"{100 * estimate.value:+.1f} ({100 * estimate.low:+.1f}, {100 * estimate.high:+.1f})"


def main() -> None:
    """Prints: the paper's figure and its parts, success beside dense, SNIP-it beside SNIP, the rank correlation."""
    runs: dict[str, dict[int, sr.Run]] = {}
    for path in sorted(FOLDER.glob("*/run.json")):
        run = sr.load_run(path.parent)
        runs.setdefault(run.subject.method or "", {})[run.subject.seed or 0] = run
    lost = {method: {seed: distances(run) for seed, run in by.items()} for method, by in runs.items()}
    seeds = sorted(lost[DENSE])
    read = {method: np.mean([pixels_read(by[seed]) for seed in seeds]) for method, by in runs.items()}
    methods = sorted(runs, key=lambda method: read[method])

    print(
        f"seeds {seeds}; the paper's figure (every image lost within the distance) = clean errors + broken, %"
    )
    print("| method | pixels read | clean errors |", " | ".join(CAPS), "|")
    for method in methods:
        clean = np.mean([(lost[method][seed] == 0).mean() for seed in seeds])
        cells = [np.mean([(lost[method][seed] <= cap).mean() for seed in seeds]) for cap in CAPS.values()]
        parts = " | ".join(
            f"{100 * cell:.1f} = {100 * clean:.1f} + {100 * (cell - clean):.1f}" for cell in cells
        )
        print(f"| {method} | {read[method]:.0f} | {100 * clean:.1f} | {parts} |")

    print("\nsuccess minus that on dense, on images that both get right, points, mean over seeds (95 %)")
    for method in (m for m in methods if m != DENSE):
        print(
            f"| {method} |", " | ".join(compare(lost[method], lost[DENSE], cap) for cap in CAPS.values()), "|"
        )

    print("\nsuccess on SNIP-it minus that on SNIP, on images that both get right")
    print("|", " | ".join(compare(lost["snip-it"], lost["snip"], cap) for cap in CAPS.values()), "|")
    for seed in seeds:
        a, b = lost["snip-it"][seed], lost["snip"][seed]
        both = (a > 0) & (b > 0)
        rows = [newcombe_paired(a[both] <= cap, b[both] <= cap) for cap in CAPS.values()]
        texts = [f"{100 * r.difference:+.1f} ({100 * r.low:+.1f}, {100 * r.high:+.1f})" for r in rows]
        print(f"  seed {seed}, {both.sum()} images: " + " | ".join(texts))

    pruned = ("random", "snip", "grasp", "snip-it")
    print(
        "\nrank correlation of pixels read and success, on the images that all pruned networks of a seed get right"
    )
    for name, cap in CAPS.items():
        values = []
        for seed in seeds:
            all_right = np.all([lost[method][seed] > 0 for method in pruned], axis=0)
            success = [(lost[method][seed][all_right] <= cap).mean() for method in pruned]
            kept = [pixels_read(runs[method][seed]) for method in pruned]
            values.append(float(stats.spearmanr(kept, success).statistic))
        print(f"  {name}: " + ", ".join(f"{value:+.2f}" for value in values))


def compare(ours: dict[int, np.ndarray], theirs: dict[int, np.ndarray], cap: float) -> str:
    """Difference of success within the cap on the images that both networks of a seed get right."""
    values = []
    for seed in sorted(theirs):
        both = (ours[seed] > 0) & (theirs[seed] > 0)
        values.append(float((ours[seed][both] <= cap).mean() - (theirs[seed][both] <= cap).mean()))
    return percent(values)


if __name__ == "__main__":
    main()
