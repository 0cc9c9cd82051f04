"""The optimality of each minimum-norm attack of a run, against the nearest images that any of them found."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Outcome, Score, remark
from sparserobust.scoring.attack.minimum_norm import MinimumNormAttack
from sparserobust.scoring.evaluator import Evaluator
from sparserobust.stats import optimality


def with_optimality(outcomes: dict[str, Outcome], evaluators: Sequence[Evaluator]) -> dict[str, Outcome]:
    """The outcomes with the score `optimality` added, norm by norm, where the evaluator declares it."""
    result = dict(outcomes)
    attacks = [e for e in evaluators if isinstance(e, MinimumNormAttack) and outcomes[e.label].status == "ok"]
    for norm in ("l2", "linf"):
        alike = [attack for attack in attacks if attack.norm == norm]
        if not alike:
            continue
        correct = outcomes[alike[0].label].per_example["correct"]
        found = optimality({a.label: outcomes[a.label].per_example["distance"] for a in alike}, correct)
        for attack in alike:
            score = _score(attack, found[attack.label], len(alike), int(correct.sum()))
            outcome = outcomes[attack.label]
            result[attack.label] = outcome.model_copy(update={"scores": (*outcome.scores, score)})
    return result


def _score(attack: MinimumNormAttack, xi: float | None, attacks: int, n: int) -> Score:
    if attacks == 1:
        return attack.score("optimality", None, n=n, reason=remark("no-other-attack", norm=attack.norm))
    reason = None if xi is not None else remark("nothing-to-compare")
    return attack.score("optimality", xi, n=n, reason=reason)
