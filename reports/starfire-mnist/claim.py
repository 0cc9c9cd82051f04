"""Tests what STARFIRE says in section 3.2 on the records beside this file: the tables of reports/README.md.

    python reports/starfire-mnist/claim.py

"Our sparse models are as robust to adversarial FGSM attacks as fully dense models", with a drop of "approximately
1-1.5%". That a network is as robust is shown where two one-sided t tests over the seeds put the difference within 1.5.
"""

from pathlib import Path

import sparserobust as sr
from sparserobust.analysis import clean_accuracy, estimate_by
from sparserobust.analysis.worst_case import Robustness
from sparserobust.report.text.names import row_title
from sparserobust.stats import equivalence_paired_seeds

found = sr.analyse([sr.load_run(path) for path in sorted(Path(__file__).parent.glob("*/run.json"))])
main = found.lineup.robustness
assert main is not None
budgets = sorted(found.runs[0].outcomes[main.worst.attacks[0]].axis)
robust = {eps: Robustness(main.worst, eps) for eps in budgets}

print("| network | true sparsity | clean |", " | ".join(f"{eps:g}" for eps in budgets))
for group in found.lineup.groups:
    values = [clean_accuracy(group), *(estimate_by(group, own.reading) for own in robust.values())]
    shown = " | ".join(f"{100 * (e.value or 0):.1f}" for e in values)
    print(f"| {row_title(group)} | {group.sparsity:.3f} | {shown}")

print(
    "\nminus dense, points, paired by seed (90 %); = within 1.5 points\n| network |",
    " | ".join(map(str, budgets)),
)
for group in found.lineup.sparse:
    pairs = [(run, dense) for run, dense in zip(group.runs, group.references, strict=True) if dense]
    cells = []
    for own in robust.values():
        ours, theirs = ([own.reading(run).value or 0.0 for run in side] for side in zip(*pairs, strict=True))
        test = equivalence_paired_seeds(ours, theirs, margin=0.015)
        interval = f"({100 * (test.low or 0):+.1f}, {100 * (test.high or 0):+.1f})"
        cells.append(f"{100 * test.difference:+.1f} {interval}{'=' * test.equivalent}")
    print(f"| {row_title(group)} |", " | ".join(cells))
