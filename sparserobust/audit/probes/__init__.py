"""The probes of the audit, by number: one question each, with its thresholds and its source."""

from sparserobust.audit.probes import gradient, gradient_free, iteration, logits, repairs
from sparserobust.audit.probes.probe import SUPPORTED, Answer, Probe

PROBES: dict[str, Probe] = {
    "G0": logits.returns_logits,
    "G1": gradient.is_there,
    "G2": logits.softmax_is_usable,
    "G3": repairs.none_gains,
    "G4": repairs.margin_finds_no_more,
    "G5": iteration.one_step_is_no_better,
    "G6": iteration.twice_the_steps_find_no_more,
    "G7": iteration.nothing_survives_everything,
    "G8": gradient_free.queries_find_nothing_new,
    "G9": gradient_free.transfer_finds_nothing_new,
    "G10": gradient.is_the_functions,
}
PROOF = ("G3", "G8", "G9", "G10")
"""Those whose failure proves an artefact."""

__all__ = ["PROBES", "PROOF", "SUPPORTED", "Answer", "Probe"]
