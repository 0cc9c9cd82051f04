"""A network of one's own: `package.module:callable` and a weights file. Nothing is unpickled."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sparserobust.errors import ModelError, said_by
from sparserobust.weights.plan import check_finite


def build_network(target: str) -> nn.Module:
    """The module that `package.module:callable` makes, from whatever can be imported.

    Raises:
        ModelError: it cannot be imported, found or called, or is not a torch module.
    """
    module_name, _, attribute = target.partition(":")
    try:
        made = getattr(importlib.import_module(module_name), attribute)
        network = made if isinstance(made, nn.Module) else made()
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        text = said_by(error)
        file = getattr(sys.modules.get(module_name), "__file__", None)
        where = f" ({module_name} is {file})" if isinstance(error, AttributeError) and file else ""
        raise ModelError(f"{target} cannot be built: {type(error).__name__}: {text}{where}") from None
    if not isinstance(network, nn.Module):
        raise ModelError(f"{target} must be or return a torch.nn.Module, got {type(network).__name__}")
    return network


def load_weights(network: nn.Module, path: str | os.PathLike[str]) -> None:
    """Loads a safetensors file or a state_dict into the network, in place.

    Raises:
        ModelError: unreadable, not plain tensors, of another architecture, or not finite.
    """
    state = _read(Path(path))
    own = network.state_dict()
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    differing = [k for k in own if k in state and own[k].shape != state[k].shape]
    problems = []
    if missing:
        problems.append(f"missing {_first(missing)}")
    if unexpected:
        problems.append(f"unexpected {_first(unexpected)}")
    if differing:
        key = differing[0]
        problems.append(f"{key} is {tuple(state[key].shape)}, expected {tuple(own[key].shape)}")
    if problems:
        raise ModelError(
            f"{path} is of another architecture than {type(network).__name__}: {'; '.join(problems)}"
        )
    network.load_state_dict(state)
    check_finite(network, what=str(path))


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"{path} is not there; weights are a safetensors file or a state_dict")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about pickle protocols; what is refused is said below
                state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path} holds more than tensors and is not loaded, since unpickling it could run code; "
            "save model.state_dict() or a safetensors file"
        ) from None
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is not a readable weights file ({str(error).splitlines()[0]})") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path} must hold a state_dict (name -> tensor), got {type(state).__name__}")
    return state


def _first(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
