"""What a model is, as one number: for what must not be mistaken for the result of another model."""

from __future__ import annotations

import hashlib
import inspect
import json

from torch import nn

from sparserobust.weights.plan import bytes_of

PLAIN = (bool, int, float, str, tuple, type(None))


def fingerprint(model: nn.Module) -> str:
    """What a model is, as sha256: weights, buffers, structure, plain attributes, hooks, code of one's own modules.

    Whether it is in training mode does not count.
    """
    digest = hashlib.sha256()
    for name, module in model.named_modules():
        kind = type(module)
        plain = {
            key: repr(value)
            for key, value in vars(module).items()
            if key[0] != "_" and key != "training" and isinstance(value, PLAIN)
        }
        hooks = [len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)]
        facts = [name, f"{kind.__module__}.{kind.__qualname__}", plain, hooks, _source(kind)]
        digest.update(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()


def _source(kind: type) -> str:
    """The code of a class that is not torch's own, where it can be read."""
    if kind.__module__.split(".")[0] in ("torch", "torchvision"):
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""
