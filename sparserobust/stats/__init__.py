"""Intervals and paired tests: what a score says about a model, a method, and a difference.

Every number in a report gets its uncertainty here. One model on n examples: `wilson`. Two models on the same
examples: `newcombe_paired`. A method: the unit is the seed, `mean_t` and `paired_t`. Needs numpy and scipy,
no torch.
"""

from sparserobust.stats.comparisons import (
    Equivalence,
    equivalence_paired_examples,
    equivalence_paired_seeds,
    holm,
    smallest_difference_examples,
    smallest_difference_seeds,
)
from sparserobust.stats.envelope import optimality
from sparserobust.stats.interval import Estimate, Interval
from sparserobust.stats.margin_deciles import Part, margin_deciles
from sparserobust.stats.order import dkw_band, median_order
from sparserobust.stats.proportions import (
    PairedDifference,
    harmonic_mean,
    mcnemar_midp,
    newcombe_independent,
    newcombe_paired,
    wilson,
)
from sparserobust.stats.resampling import bootstrap, crossed_bootstrap
from sparserobust.stats.seeds import PairedSeeds, mean_normal, mean_t, paired_t, paper_interval

__all__ = [
    "Equivalence",
    "Estimate",
    "Interval",
    "PairedDifference",
    "PairedSeeds",
    "Part",
    "bootstrap",
    "crossed_bootstrap",
    "dkw_band",
    "equivalence_paired_examples",
    "equivalence_paired_seeds",
    "harmonic_mean",
    "holm",
    "margin_deciles",
    "mcnemar_midp",
    "mean_normal",
    "mean_t",
    "median_order",
    "newcombe_independent",
    "newcombe_paired",
    "optimality",
    "paired_t",
    "paper_interval",
    "smallest_difference_examples",
    "smallest_difference_seeds",
    "wilson",
]
