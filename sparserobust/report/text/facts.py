"""What an attack is, in a few words, from what it says of itself."""

from __future__ import annotations

from sparserobust.records import AttackFacts, Outcome
from sparserobust.report.text.attacks import NOT_RECORDED, norm_sign

_GOALS = {"fixed-budget": "within a budget", "minimum-distance": "nearest image"}
_GRADIENTS = {
    True: "follows gradients",
    False: "needs no gradient",
    None: "whether it needs a gradient not recorded",
}


def facts_text(facts: AttackFacts) -> str:
    """ "ℓ∞, within a budget, white-box, follows gradients"; what is not recorded is said to be not recorded."""
    parts = [
        norm_sign(facts.norm) or NOT_RECORDED,
        _GOALS[facts.goal],
        facts.access or "access not recorded",
        _GRADIENTS[facts.needs_gradient],
        *(["targeted"] if facts.targeted else []),
    ]
    return ", ".join(parts)


def attack_facts(outcome: Outcome) -> str:
    """The facts of an attack with its source, "" for what is no attack."""
    if outcome.attack is None:
        return ""
    return f"{facts_text(outcome.attack)}; {outcome.source or 'source not recorded'}"
