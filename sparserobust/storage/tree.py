"""Nested dicts and lists with tensors in them, as JSON and named tensors, and back, for a file of safetensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TENSOR = "$tensor"
PAIRS = "$pairs"


def pack(tree: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """The tree as JSON; its tensors go into `tensors` under names that begin with `place`.

    Keys of dicts may be text or numbers; tuples come back as lists. bool tensors become uint8 in a file of
    safetensors by themselves and come back as they were.

    Raises:
        TypeError: something that neither JSON nor safetensors holds.
    """
    if isinstance(tree, Tensor):
        tensors[place] = tree.detach().to("cpu").contiguous().clone()
        return {TENSOR: place}
    if isinstance(tree, dict):
        return {
            PAIRS: [
                [key, pack(value, f"{place}.{index}", tensors)]
                for index, (key, value) in enumerate(tree.items())
            ]
        }
    if isinstance(tree, list | tuple):
        return [pack(value, f"{place}.{index}", tensors) for index, value in enumerate(tree)]
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise TypeError(f"{place} is a {type(tree).__name__}, which a checkpoint cannot hold")


def unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    """What `pack` was given, on the CPU."""
    if isinstance(packed, dict):
        if TENSOR in packed:
            return tensors[packed[TENSOR]]
        return {key: unpack(value, tensors) for key, value in packed[PAIRS]}
    if isinstance(packed, list):
        return [unpack(value, tensors) for value in packed]
    return packed


def moved(tree: Any, device: torch.device) -> Any:
    """The same tree of dicts and lists with its tensors on a device."""
    if isinstance(tree, Tensor):
        return tree.to(device)
    if isinstance(tree, dict):
        return {key: moved(value, device) for key, value in tree.items()}
    if isinstance(tree, list):
        return [moved(value, device) for value in tree]
    return tree
