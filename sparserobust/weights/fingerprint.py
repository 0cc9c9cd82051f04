"""What a model is, as one number: for what must not be mistaken for the result of another model."""

from __future__ import annotations

import hashlib
import json

from torch import nn

from sparserobust.source_code import code_digest
from sparserobust.weights.description import Description
from sparserobust.weights.plan import bytes_of
from sparserobust.weights.usable import state_of


def fingerprint(model: nn.Module) -> str:
    """What a model is, as sha256: weights, buffers, structure, attributes, hooks, and the code behind them.

    Code is that of all modules' classes but PyTorch's own, of their bases, and of the functions, hooks and objects
    that modules hold, with what it imports (`code_digest`). Whether the model is in training mode does not count.
    """
    described, facts = _described(model)
    digest = hashlib.sha256(json.dumps(facts).encode())
    digest.update(code_digest(*described.code).encode())
    own = [*model.named_parameters(), *model.named_buffers()]
    known = {name for name, _ in own}
    packed = [(name, tensor) for name, tensor in state_of(model).items() if name not in known]
    for name, tensor in [*own, *packed]:
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()


def code_of(model: nn.Module) -> str:
    """The code of a model alone, as sha256: what `fingerprint` says of it, whatever weights and attributes are."""
    described, _ = _described(model)
    return code_digest(*described.code)


def _described(model: nn.Module) -> tuple[Description, list[object]]:
    modules = dict(model.named_modules())
    described = Description(
        {id(module): name for name, module in modules.items()}
        | {id(tensor): name for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    )
    return described, [[name, *described.module(module)] for name, module in modules.items()]
