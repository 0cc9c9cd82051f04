"""Tests what STARFIRE says in section 3.2 on the records beside this file, and prints the tables of reports/README.md.

    python reports/starfire-mnist/claim.py

"Our sparse models are as robust to adversarial FGSM attacks as fully dense models", with "a minimal drop in adversarial
robustness (approximately 1-1.5%)". Robust accuracy at every eps, of the sparse network minus that of the dense one of
the same seed on the same images. That it is as robust is shown where two one-sided t tests over the seeds put the
difference within 1.5 points.
"""

from pathlib import Path

import numpy as np

import sparserobust as sr
from sparserobust.stats import equivalence_paired_seeds, mean_t, newcombe_paired

FOLDER = Path(__file__).parent
MARGIN = 0.015
Runs = dict[int, sr.Run]


def withstood(run: sr.Run) -> np.ndarray:
    """(eps, n) bool: whether the image is right and stays so."""
    return run.outcomes["fgsm"].per_example["robust"]


def row(sparse: Runs, dense: Runs) -> tuple[list[str], int]:
    """Differences in points at every eps, and at how many of them "as robust" is shown."""
    cells, shown = [], 0
    for at in range(len(withstood(dense[min(dense)]))):
        ours = [float(withstood(sparse[seed])[at].mean()) for seed in dense]
        theirs = [float(withstood(dense[seed])[at].mean()) for seed in dense]
        test = equivalence_paired_seeds(ours, theirs, margin=MARGIN)
        assert test.low is not None
        assert test.high is not None
        cells.append(
            f"{100 * test.difference:+.1f} ({100 * test.low:+.1f}, {100 * test.high:+.1f}){'=' * test.equivalent}"
        )
        shown += test.equivalent
    return cells, shown


def main() -> None:
    """Prints: accuracies, differences of robust accuracy by eps, and each pair of networks for itself."""
    found: dict[tuple[str, float], Runs] = {}
    for path in sorted(FOLDER.glob("*/run.json")):
        run = sr.load_run(path.parent)
        key = (run.subject.method or "", run.subject.target_sparsity or 0.0)
        found.setdefault(key, {})[run.subject.seed or 0] = run
    dense = found.pop(("dense", 0.0))
    budgets = dense[min(dense)].outcomes["fgsm"].axis
    print("| method | target | true sparsity | accuracy |", " | ".join(f"{eps:g}" for eps in budgets), "|")
    for (method, target), runs in {("dense", 0.0): dense, **found}.items():
        top1 = [run.outcomes["accuracy"].score("top1").value for run in runs.values()]
        robust = np.mean([withstood(run).mean(axis=1) for run in runs.values()], axis=0)
        sparsity = np.mean([run.subject.sparsity for run in runs.values()])
        curve = " | ".join(f"{100 * value:.1f}" for value in robust)
        print(
            f"| {method} | {target:g} | {sparsity:.3f} | {100 * mean_t(np.array(top1)).value:.1f} | {curve} |"
        )

    print(
        "\nsparse minus dense, points, mean over seeds (90 %); = within 1.5 points\n| method | target |",
        " | ".join(f"{eps:g}" for eps in budgets),
        "|",
    )
    for (method, target), runs in found.items():
        cells, shown = row(runs, dense)
        print(f"| {method} | {target:g} |", " | ".join(cells), f"| shown at {shown} of {len(budgets)}")

    at = budgets.index(0.1)
    print(
        "\nat eps 0.1, each pair for itself: points (95 %), images that only the sparse / only the dense withstands"
    )
    for (method, target), runs in found.items():
        pairs = [
            newcombe_paired(withstood(run)[at], withstood(dense[seed])[at]) for seed, run in runs.items()
        ]
        texts = [
            f"{100 * p.difference:+.1f} ({100 * p.low:+.1f}, {100 * p.high:+.1f}) {p.only_a}/{p.only_b}"
            for p in pairs
        ]
        print(f"| {method} | {target:g} |", " | ".join(texts), "|")


if __name__ == "__main__":
    main()
