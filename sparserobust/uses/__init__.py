"""Uses: which parameter goes into which product of a forward pass, how often, and with which zeros.

One tracer follows every parameter through views, masks and normalisation to the tensors that are really multiplied,
whatever the modules are called: attention, recurrent layers, tied, functional, parametrized and computed weights.
"""

from sparserobust.uses.prunable import ModelWeights, effective_weights, prunable, prunable_slots, weights_of
from sparserobust.uses.thirds import Thirds
from sparserobust.uses.use import Use
from sparserobust.uses.uses import CannotTrace, Uses, trace_uses

__all__ = [
    "CannotTrace",
    "ModelWeights",
    "Thirds",
    "Use",
    "Uses",
    "effective_weights",
    "prunable",
    "prunable_slots",
    "trace_uses",
    "weights_of",
]
