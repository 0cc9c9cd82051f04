"""SNIP-it's Table 3 as it comes out here, from the records beside this file: the tables of reports/README.md.

    python reports/table3-mnist/table3.py

The table of Verdenius et al. 2020 shows of every method the sparsity with the best harmonic mean of accuracy and
sparsity, and the accuracy there. Here the sparsity is picked by validation accuracy, the accuracy is that of the test
images. Differences to SNIP-it are paired by seed, with Student's t.
"""

from pathlib import Path

import numpy as np

import sparserobust as sr
from sparserobust.analysis import Group, clean, clean_accuracy
from sparserobust.report.text.names import row_name
from sparserobust.stats import harmonic_mean, holm, paired_t

PRINTED = {
    "dense": "0 | 98 | 0",
    "random": "96 | 96 ± 0.2 | 96",
    "SNIP": "96 | 96 ± 0.3 | 96",
    "GraSP (inverted sign)": "97 | 96 ± 0.2 | 96",
    "SNIP-it": "97 | 95 ± 0.2 | 96",
    "SNIP-it during": "98 | 97 ± 0.1 | 97",
    "IMP": "98 | 97 ± 0.2 | 97",
    "Hoyer-Square": "94 | 96 ± 0.3 | 95",
}
"""Table 3, MLP5 on MNIST, in %: sparsity | accuracy and half its 95 % interval over five seeds | harmonic mean."""


def validated(group: Group) -> float:
    """Harmonic mean of sparsity and validation accuracy of the chosen epochs."""
    epochs = [run.history.epochs[run.history.chosen_epoch - 1] for run in group.runs if run.history]
    return harmonic_mean(float(np.mean([epoch.val_accuracy or 0.0 for epoch in epochs])), group.target)


def percent(group: Group) -> str:
    """Test accuracy with half its interval, in %."""
    e = clean_accuracy(group)
    return f"{100 * (e.value or 0):.1f} ± {100 * (e.half or 0):.1f}"


lineup = sr.analyse([sr.load_run(path) for path in sorted(Path(__file__).parent.glob("*/run.json"))]).lineup
methods = {row_name(groups[0]): groups for groups in [lineup.dense, *lineup.methods()]}

print("| method | here: sparsity | accuracy | HM | Table 3: sparsity | accuracy | HM |")
for name, groups in methods.items():
    best = max(groups, key=validated)
    hm = 100 * harmonic_mean(clean_accuracy(best).value or 0.0, best.target)
    print(
        f"| {name} | {100 * best.target:.0f} | {percent(best)} | {hm:.1f} | {PRINTED.get(name, '- | - | -')} |"
    )

print(
    "\naccuracy, %, mean over seeds and half its 95 % interval\n| method |",
    " | ".join(map(str, lineup.sparsities)),
)
for name, groups in methods.items():
    print(f"| {name} |", " | ".join(percent(group) for group in groups))

print("\naccuracy minus that of SNIP-it, points, paired by seed (95 %); * p < .05 after Holm")
pairs = {
    (name, group.target): paired_t(
        [clean(r).value or 0 for r in group.runs], [clean(r).value or 0 for r in other.runs]
    )
    for name, groups in methods.items()
    if name not in ("dense", "SNIP-it")
    for group, other in zip(groups, methods["SNIP-it"], strict=True)
}
adjusted = dict(zip(pairs, holm([pair.p for pair in pairs.values()]), strict=True))
for name in dict.fromkeys(name for name, _ in pairs):
    cells = [
        f"{100 * pair.difference:+.1f} ({100 * (pair.low or 0):+.1f}, {100 * (pair.high or 0):+.1f})"
        + "*" * ((adjusted[key] or 1) < 0.05)
        for key, pair in pairs.items()
        if key[0] == name
    ]
    print(f"| {name} |", " | ".join(cells))
