"""What can be examined, made sparse or trained at all; and networks out of the wrappers that others put around them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from sparserobust.errors import ModelError
from sparserobust.outputs import tensors_of
from sparserobust.weights.isolation import modes_kept


def usable(model: object) -> nn.Module:
    """The network itself, out of `DataParallel`, `DistributedDataParallel` and `torch.compile`.

    They share its weights and do not change what it computes, but its names.

    Raises:
        ModelError: it is no torch module, has weights without values, or ones that are NaN, infinite or kept in a
            sparse layout.
    """
    network = unwrapped(require_module(model))
    if not hasattr(network, "training"):
        raise ModelError(
            f"{type(network).__name__} was frozen by torch.jit, which leaves no modes and no weights; give the network "
            "as it was before"
        )
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if problem := _problem(tensor):
            raise ModelError(f"{type(network).__name__}: {name} {problem}")
    check_finite(network)
    _check_modes(network)
    return network


def require_module(model: object) -> nn.Module:
    """The model; raises ModelError unless it is a torch module."""
    if not isinstance(model, nn.Module):
        raise ModelError(f"the model must be a torch.nn.Module, got {_what_came(model)}")
    return model


def unwrapped(model: nn.Module) -> nn.Module:
    """The network in wrappers that only say how it runs."""
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            inner = model.module
        else:
            inner = model._modules.get("_orig_mod") if hasattr(model, "_orig_mod") else None
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def check_finite(model: nn.Module, *, what: str | None = None) -> None:
    """Raises ModelError when a parameter or buffer is NaN or infinite."""
    require_finite(state_of(model), what=what or type(model).__name__)


def require_finite(tensors: Mapping[str, Tensor], *, what: str) -> None:
    """Raises ModelError when one of the tensors is NaN or infinite."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or bool(torch.isfinite(tensor.sum())):
            continue  # the sum tells at a tenth of the cost
        if not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise ModelError(
                f"{what}: {name} has {bad} entries that are NaN or infinite; "
                "expected finite weights, train again or name another file"
            )


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """The state_dict as plain tensors: what quantised layers pack into it, as whole numbers and their scales."""
    return {name: tensor for key, value in model.state_dict().items() for name, tensor in _plain(key, value)}


def require_trainable(model: nn.Module) -> None:
    """Raises ModelError where nothing in a network can be trained, or what can is no real number."""
    named = dict(model.named_parameters())
    if is_quantised(model):
        raise ModelError(
            f"{type(model).__name__} has quantised layers, whose weights are whole numbers that nothing can train; "
            "give the network as it was before, or evaluate it as it is"
        )
    if unreal := [name for name, parameter in named.items() if parameter.is_complex()]:
        raise ModelError(
            f"{type(model).__name__}: {unreal[0]} is complex, and real weights are pruned and trained here; hold its "
            "real and imaginary parts in two parameters, or evaluate it as it is"
        )


def require_unfrozen(model: nn.Module) -> None:
    """Raises ModelError where no parameter of a network asks for gradients."""
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ModelError(
            f"{type(model).__name__} has no parameter to train: requires_grad is False for all of them; unfreeze some "
            "with requires_grad_(True)"
        )


def is_quantised(model: nn.Module) -> bool:
    """Whether a layer of it keeps its weights in whole numbers, which nothing can train."""
    return any(tensor.is_quantized for tensor in tensors_of(model.state_dict()))


def _plain(key: str, value: object) -> list[tuple[str, Tensor]]:
    """(name, tensor) of all tensors in an entry of a state_dict."""
    if isinstance(value, tuple | list):
        return [pair for place, part in enumerate(value) for pair in _plain(f"{key}.{place}", part)]
    if not isinstance(value, Tensor):
        return []
    if not value.is_quantized:
        return [(key, value)]
    whole: list[tuple[str, Tensor]] = [(key, value.int_repr())]
    if value.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        scales = torch.tensor([value.q_scale(), float(value.q_zero_point())], dtype=torch.float64)
        return [*whole, (f"{key}.scale", scales)]
    return [
        *whole,
        (f"{key}.scale", value.q_per_channel_scales()),
        (f"{key}.zero_point", value.q_per_channel_zero_points()),
    ]


def _check_modes(network: nn.Module) -> None:
    """Raises ModelError for a network that cannot be in evaluation mode, as torch.export leaves it."""
    if "train" not in vars(network):
        return
    try:
        with modes_kept(network):
            network.eval()
    except NotImplementedError:
        raise ModelError(
            f"{type(network).__name__} is what torch.export makes, which is fixed to one mode and often to one batch "
            "size; give the network that it was exported from"
        ) from None


def _problem(tensor: Tensor) -> str:
    """Why nothing can be done with a network that has this tensor; "" where all is well."""
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
        return "has no shape yet, as its layer is lazy; run the model on one image first"
    if tensor.is_meta:
        return "is on the meta device and has no values; make the model on the CPU, or use to_empty and load weights"
    if tensor.is_inference():
        return "was made under torch.inference_mode and takes no gradients; build the model outside of it"
    if tensor.layout is not torch.strided:
        layout = str(tensor.layout).removeprefix("torch.")
        return f"is kept in the layout {layout}; make it dense first: nn.Parameter(tensor.to_dense())"
    return ""


def _what_came(model: object) -> str:
    """What was given as a model, and what to do about it."""
    if isinstance(model, str):
        return f"{model!r}; create_model({model!r}, data) makes one"
    if isinstance(model, type):
        return f"{model!r}; call it to make one"
    if type(model).__name__ == "ExportedProgram":
        return "ExportedProgram; its .module() is one"
    if isinstance(model, dict) and model and all(isinstance(value, Tensor) for value in model.values()):
        return "a state_dict; load it into a network: network.load_state_dict(...)"
    return type(model).__name__
