"""Torch's plain kernels: each product an operation of its own, with derivatives of every order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


def is_recurrent(model: nn.Module) -> bool:
    """Whether the model has recurrent layers, whose fast kernels lack derivatives.

    cuDNN's have the first one in training mode alone, oneDNN's and cuDNN's have no second one.
    """
    return any(isinstance(module, nn.RNNBase) for module in model.modules())


@contextmanager
def plain_kernels(*, cudnn: bool = False, onednn: bool = True) -> Iterator[None]:
    """Inside, nothing is fused; afterwards all switches are as they were.

    Compiled code runs as it was written. Attention runs without torch's fast path and by the kernel that multiplies
    step by step, recurrent layers on CUDA without cuDNN's.

    Args:
        cudnn: True: what runs by cuDNN goes on doing so, recurrent layers too.
        onednn: False: recurrent layers on a CPU run step by step too; convolutions are slower then.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    was_cudnn, was_onednn = bool(torch.backends.cudnn.enabled), bool(torch.backends.mkldnn.enabled)
    torch.backends.mha.set_fastpath_enabled(False)
    _enable(cudnn=was_cudnn and cudnn, onednn=was_onednn and onednn)
    try:
        with sdpa_kernel(SDPBackend.MATH), _compiled_code_runs_as_written():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        _enable(cudnn=was_cudnn, onednn=was_onednn)


@contextmanager
def _compiled_code_runs_as_written() -> Iterator[None]:
    """Inside, what `torch.compile` made runs, and is traced, as the Python that it was made from."""
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is None:  # importing it takes seconds, and nothing is compiled without it
        yield
        return
    traced_through = dynamo.config.patch(error_on_nested_fx_trace=False, error_on_nested_jit_trace=False)
    with torch.compiler.set_stance("force_eager"), traced_through:
        yield


def _enable(*, cudnn: bool, onednn: bool) -> None:
    setattr(torch.backends.cudnn, "enabled", cudnn)  # noqa: B010 - torch's stubs take them for what they are read as
    setattr(torch.backends.mkldnn, "enabled", onednn)  # noqa: B010
