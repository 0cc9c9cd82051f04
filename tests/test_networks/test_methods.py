"""Every method on every kind of network: it scores, trains and keeps the law, or says in one line why not."""

from __future__ import annotations

import re

import pytest

from sparserobust.errors import DegenerateScores, ModelError

from .matrix import METHODS, REFUSED, check_law, try_method
from .zoo import NETWORKS

QUICK = ("lstm", "encoder", "vit")
QUICK_METHODS = ("snip", "grasp", "synflow", "freezenet", "dctps", "rigl")
NAMED = ("snip", "grasp", "synflow", "force", "freezenet", "dctps", "imp", "rigl")
LARGE = dict.fromkeys(("efficientnet_b0", "timm efficientnet", "googlenet", "inception_v3"), NAMED)
"""Networks of millions of weights, and the methods that are tried on them; on all others all are."""

PAIRS = [
    pytest.param(
        network,
        method,
        id=f"{network}-{method}",
        marks=() if network in QUICK and method in QUICK_METHODS else pytest.mark.slow,
    )
    for network in NETWORKS
    for method in LARGE.get(network, METHODS)
]


@pytest.mark.parametrize(("network", "method"), PAIRS)
def test_a_method_scores_trains_and_keeps_the_law_or_says_why_not(network, method):
    reason = REFUSED.get((network, method))
    if reason is None:
        subject = try_method(NETWORKS[network], method)
        check_law(subject)
        assert (subject.sparsity > 0.3) == (method != "dense")
        return
    with pytest.raises((ModelError, DegenerateScores), match=reason) as refused:
        try_method(NETWORKS[network], method)
    assert not re.search("\n", str(refused.value))
