"""The optimality of each minimum-norm attack of a run, against the nearest images that any of them found."""

from __future__ import annotations

from collections.abc import Mapping

from sparserobust.records import Norm, Outcome, Remark, Score, ScoreSpec, remark
from sparserobust.stats import optimality

OPTIMALITY = "optimality"


def with_optimality(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The outcomes with the score `optimality`, norm by norm, where it is promised; one that is there is replaced."""
    result = dict(outcomes)
    promised = {
        name: spec
        for name, outcome in outcomes.items()
        if (spec := _promised(outcome)) and outcome.status == "ok"
    }
    norms: dict[Norm, list[str]] = {}
    for name in promised:
        facts = outcomes[name].attack
        if facts is not None and facts.norm is not None:
            norms.setdefault(facts.norm, []).append(name)
    for norm, alike in norms.items():
        correct = outcomes[alike[0]].per_example["correct"]
        found = optimality({name: outcomes[name].per_example["distance"] for name in alike}, correct)
        for name in alike:
            score = _score(promised[name], norm, found[name], len(alike), int(correct.sum()))
            others = [own for own in outcomes[name].scores if own.name != OPTIMALITY]
            result[name] = outcomes[name].model_copy(update={"scores": (*others, score)})
    return result


def _promised(outcome: Outcome) -> ScoreSpec | None:
    return next((spec for spec in outcome.measures if spec.name == OPTIMALITY), None)


def _score(spec: ScoreSpec, norm: Norm, xi: float | None, attacks: int, n: int) -> Score:
    reason: Remark | None
    value: float | None
    if attacks == 1:
        value, reason = None, remark("no-other-attack", norm=norm)
    else:
        value, reason = xi, (None if xi is not None else remark("nothing-to-compare"))
    return Score(
        name=spec.name,
        value=value,
        unit=spec.unit,
        n=n,
        higher_is_better=spec.higher_is_better,
        headline=spec.headline,
        reason=reason,
    )
