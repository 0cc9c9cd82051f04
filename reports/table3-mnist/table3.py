"""Prints, from the records beside this file, the tables of reports/README.md: this run beside SNIP-it's Table 3.

    python reports/table3-mnist/table3.py

The table of Verdenius et al. 2020 shows of every method the sparsity at which the harmonic mean of accuracy and
sparsity is best, and the accuracy there. Here the sparsity is picked by the mean validation accuracy over the seeds,
and the accuracy is that on the test images. Differences to SNIP-it are paired by seed, with Student's t.
"""

from pathlib import Path

import numpy as np

import sparserobust as sr
from sparserobust.stats import PairedSeeds, harmonic_mean, holm, mean_t, paired_t

FOLDER = Path(__file__).parent
PRINTED = {
    "dense": (0, 98, None),
    "random": (96, 96, 0.2),
    "snip": (96, 96, 0.3),
    "grasp[keep=lowest]": (97, 96, 0.2),
    "snip-it": (97, 95, 0.2),
    "snip-it-during": (98, 97, 0.1),
    "imp": (98, 97, 0.2),
    "hoyer-square": (94, 96, 0.3),
}
"""Table 3, MLP5 on MNIST: sparsity, accuracy, half its 95 % interval over five seeds, in %."""
REFERENCE = "snip-it"


def read() -> dict[str, dict[float, dict[int, sr.Run]]]:
    """Method -> sparsity -> seed -> run."""
    found: dict[str, dict[float, dict[int, sr.Run]]] = {}
    for path in sorted(FOLDER.glob("*/run.json")):
        run = sr.load_run(path.parent)
        method = run.subject.label.rsplit(" ", 1)[0]
        by_sparsity = found.setdefault(method, {})
        by_sparsity.setdefault(run.subject.target_sparsity or 0.0, {})[run.subject.seed or 0] = run
    return found


def validation(run: sr.Run) -> float:
    """Validation accuracy of the chosen epoch."""
    assert run.history is not None
    value = run.history.epochs[run.history.chosen_epoch - 1].val_accuracy
    assert value is not None
    return value


def test(run: sr.Run) -> float:
    """Test accuracy."""
    value = run.outcomes["accuracy"].score("top1").value
    assert value is not None
    return value


def picked(by_sparsity: dict[float, dict[int, sr.Run]]) -> float:
    """The sparsity of the best harmonic mean with the mean validation accuracy."""
    means = {s: np.mean([validation(run) for run in runs.values()]) for s, runs in by_sparsity.items()}
    return max(means, key=lambda s: harmonic_mean(float(means[s]), s))


def percent(values: list[float]) -> str:
    """Mean over seeds in %, with its 95 % interval."""
    estimate = mean_t(np.array(values))
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:.1f}"
    return f"{100 * estimate.value:.1f} ± {50 * (estimate.high - estimate.low):.1f}"


def main() -> None:
    """The table beside the paper's, then accuracies at every sparsity, then differences to SNIP-it."""
    runs = read()
    sparsities = sorted(runs[REFERENCE])
    print("| method | here: sparsity | accuracy | HM | Table 3: sparsity | accuracy | HM |")
    for method, by_sparsity in runs.items():
        at = picked(by_sparsity)
        values = [test(run) for run in by_sparsity[at].values()]
        printed = PRINTED.get(method)
        paper = "- | - | -"
        if printed:
            half = "" if printed[2] is None else f" ± {printed[2]}"
            hm = 100 * harmonic_mean(printed[1] / 100, printed[0] / 100)
            paper = f"{printed[0]} | {printed[1]}{half} | {hm:.0f}"
        hm = 100 * harmonic_mean(float(np.mean(values)), at)
        print(f"| {method} | {100 * at:.0f} | {percent(values)} | {hm:.1f} | {paper} |")

    print(
        "\naccuracy, %, mean over seeds and its 95 % interval\n| method |",
        " | ".join(map(str, sparsities)),
        "|",
    )
    for method, by_sparsity in runs.items():
        cells = [
            percent([test(run) for run in by_sparsity[s].values()]) for s in sparsities if s in by_sparsity
        ]
        print(
            f"| {method} |", " | ".join(cells or [percent([test(r) for r in by_sparsity[0.0].values()])]), "|"
        )

    print(f"\naccuracy minus that of {REFERENCE}, points, paired by seed (95 %); * p < .05 after Holm")
    pairs = [(method, s) for method in runs for s in sparsities if s in runs[method] and method != REFERENCE]
    found = {}
    for method, s in pairs:
        ours, theirs = runs[method][s], runs[REFERENCE][s]
        seeds = sorted(ours.keys() & theirs.keys())
        found[method, s] = paired_t(
            np.array([test(ours[seed]) for seed in seeds]), np.array([test(theirs[seed]) for seed in seeds])
        )
    adjusted = dict(zip(found, holm([pair.p for pair in found.values()]), strict=True))
    for method in dict.fromkeys(method for method, _ in pairs):
        print(
            f"| {method} |", " | ".join(shown(found[method, s], adjusted[method, s]) for s in sparsities), "|"
        )


def shown(pair: PairedSeeds, p: float | None) -> str:
    """A difference in points with its interval, and a star."""
    if pair.low is None or pair.high is None:
        return f"{100 * pair.difference:+.1f}"
    star = "*" if p is not None and p < 0.05 else ""
    return f"{100 * pair.difference:+.1f} ({100 * pair.low:+.1f}, {100 * pair.high:+.1f}){star}"


if __name__ == "__main__":
    main()
