"""Takes SNIP-it's Fig. 5b apart, on the records beside this file: the tables of reports/README.md.

    python reports/attacks-mnist/claim.py

"For the low-distance regime where the l2-norm <= 1, the pruning methods which maintain [the] input layer are indeed
more robust" (Verdenius et al. 2020, sec. 5). Distances there are those of normalised images: 1 is 0.3081 in pixels.
"""

from pathlib import Path

import numpy as np
from scipy import stats

import sparserobust as sr
from sparserobust.stats import mean_t

CAPS = {"0.5 (paper)": 0.5 * 0.3081, "1 (paper)": 0.3081, "0.5 px": 0.5, "1 px": 1.0, "1.5 px": 1.5}


def points(values: list[float]) -> str:
    """Mean over the seeds in points, with Student's interval."""
    e = mean_t(np.array(values))
    return f"{100 * e.value:+.1f} ({100 * (e.low or 0):+.1f}, {100 * (e.high or 0):+.1f})"


runs = [sr.load_run(path) for path in sorted(Path(__file__).parent.glob("*/run.json"))]
found = sr.analyse(runs)
near = found.lineup.near
assert near is not None
lost: dict[str, list[np.ndarray]] = {}
read: dict[str, list[float]] = {}
for group in found.lineup.groups:
    name = group.first.subject.method or ""
    lost[name] = [d for run in group.runs if (d := near.distance(run)) is not None]
    shares = [run.outcomes["saliency"].score("trainable_input_pixels").value for run in group.runs]
    read[name] = [784 * share for share in shares if share is not None]

print(
    "every image lost within the distance = clean errors + broken, %\n| method | pixels read |",
    " | ".join(CAPS),
)
for name, seeds in sorted(lost.items(), key=lambda item: float(np.mean(read[item[0]]))):
    clean = 100 * np.mean([d == 0 for d in seeds])
    whole = [100 * np.mean([d <= cap for d in seeds]) for cap in CAPS.values()]
    print(
        f"| {name} | {np.mean(read[name]):.0f} |",
        " | ".join(f"{w:.1f} = {clean:.1f} + {w - clean:.1f}" for w in whole),
    )

print(
    "\nsuccess on the first minus that on the second, on images that both get right, points, mean over seeds (95 %)"
)
for ours, theirs in [*((name, "dense") for name in lost if name != "dense"), ("snip-it", "snip")]:
    pairs = [
        (a[(a > 0) & (b > 0)], b[(a > 0) & (b > 0)]) for a, b in zip(lost[ours], lost[theirs], strict=True)
    ]
    cells = [
        points([float((a <= cap).mean() - (b <= cap).mean()) for a, b in pairs]) for cap in CAPS.values()
    ]
    print(f"| {ours} - {theirs} |", " | ".join(cells))

print("\nrank correlation of pixels read and success, on images that all pruned networks of a seed get right")
pruned = ("random", "snip", "grasp", "snip-it")
for text, cap in CAPS.items():
    values = []
    for seed in range(3):
        right = np.all([lost[name][seed] > 0 for name in pruned], axis=0)
        success = [(lost[name][seed][right] <= cap).mean() for name in pruned]
        values.append(stats.spearmanr([read[name][seed] for name in pruned], success).statistic)
    print(f"  {text}: " + ", ".join(f"{value:+.2f}" for value in values))
