"""Other counters beside the tracer: fvcore's, with handles for what it has none for, and torch's."""

from __future__ import annotations

import logging
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sparserobust.device import dtype_of
from sparserobust.kernels import plain_kernels
from sparserobust.outputs import tensors_of
from sparserobust.uses.image import image_of
from sparserobust.uses.replica import replica_of
from sparserobust.weights.isolation import random_states_kept

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

MULTIPLYING = frozenset(
    {
        "conv",
        "linear",
        "addmm",
        "matmul",
        "bmm",
        "mm",
        "baddbmm",
        "addbmm",
        "einsum",
        "mv",
        "addmv",
        "dot",
        "bilinear",
    }
    | {"scaled_dot_product_attention", "lstm", "gru", "rnn_tanh", "rnn_relu"}
    | {"lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"}
)
"""fvcore's operators whose multiply-adds count; all others are listed by name."""


def fvcore_counts(model: nn.Module, input_shape: tuple[int, ...]) -> tuple[Counter[str], Counter[str]]:
    """(multiply-adds by operator for one image, calls of operators that it has no rule for).

    Attention and recurrent operators, which fvcore does not count, have handles here. It runs on a copy on the CPU.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit's deprecation, raised on import and while tracing
        from fvcore.nn import FlopCountAnalysis

        replica, _ = replica_of(model)
        with random_states_kept(), plain_kernels():
            analysis = FlopCountAnalysis(_Tensors(replica), image_of(input_shape, dtype_of(model)))
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            analysis.tracer_warnings("none")
            analysis.set_op_handle(**{f"aten::{name}": handle for name, handle in _HANDLES.items()})
            level = logging.getLogger("fvcore").level
            counts = Counter({name: int(count) for name, count in analysis.by_operator().items()})
            logging.getLogger("fvcore").setLevel(level)
            return counts, Counter(analysis.unsupported_ops())


class _Tensors(nn.Module):
    """A network that returns the tensors in what it returns, which is all that `torch.jit.trace` takes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensors_of(self.network(images)))


def torch_counter() -> FlopCounterMode:
    """Torch's counter, to watch a trace; it counts two operations for one multiply-add."""
    from torch.utils.flop_counter import FlopCounterMode

    return FlopCounterMode(display=False)


def torch_counts(counter: FlopCounterMode) -> Counter[str]:
    """Multiply-adds by ATen operator that torch's counter saw."""
    counts = counter.get_flop_counts().get("Global", {})
    return Counter({_packet_name(packet): int(flops) // 2 for packet, flops in counts.items()})


def _packet_name(packet: Any) -> str:
    return str(packet).removeprefix("aten.")


Values = Sequence[Any]
"""Values of TorchScript's graph."""


def _shape(value: Any) -> list[int]:
    """The sizes of a tensor in the graph; [] of anything else."""
    sizes = value.type().sizes() if value.isCompleteTensor() else None
    return list(sizes or [])


def _attention(inputs: Values, outputs: Values) -> Counter[str]:
    query, key, value = (_shape(one) for one in inputs[:3])
    rows = math.prod(query[:-1]) * key[-2]
    return Counter({"scaled_dot_product_attention": rows * (query[-1] + value[-1])})


def _matmul(inputs: Values, outputs: Values) -> Counter[str]:
    """Each entry of the result is a sum over the last dimension of the left; fvcore's own takes no vectors."""
    return Counter({"matmul": math.prod(_shape(outputs[0])) * _shape(inputs[0])[-1]})


def _padded_by_name(inputs: Values, outputs: Values) -> Counter[str]:
    """A convolution with padding="same" or "valid": each entry of the kernel meets each position of the output."""
    image, kernel, made = _shape(inputs[0]), _shape(inputs[1]), _shape(outputs[0])
    return Counter({"conv": math.prod(kernel) * image[0] * math.prod(made[2:])})


def _recurrent(name: str) -> Any:
    """Each matrix of the layers meets each step of each sequence."""

    def handle(inputs: Values, outputs: Values) -> Counter[str]:
        sequence = _shape(inputs[0])
        tensors = [
            _shape(one) for value in inputs for one in (value.node().inputs() if _is_list(value) else [value])
        ]
        matrices = sum(math.prod(shape) for shape in tensors[1:] if len(shape) == 2)
        return Counter({name: math.prod(sequence[:-1]) * matrices})

    return handle


def _is_list(value: Any) -> bool:
    return bool(value.node().kind() == "prim::ListConstruct")


def _added(name: str) -> Any:
    """Batches of matrices whose products are added to something."""

    def handle(inputs: Values, outputs: Values) -> Counter[str]:
        return Counter({name: math.prod(_shape(inputs[1])) * _shape(inputs[2])[-1]})

    return handle


def _whole(name: str, operand: int) -> Any:
    """Each entry of one operand is multiplied once for each row of the first."""

    def handle(inputs: Values, outputs: Values) -> Counter[str]:
        rows = math.prod(_shape(inputs[0])[:-1]) if name == "bilinear" else 1
        return Counter({name: rows * math.prod(_shape(inputs[operand]))})

    return handle


_HANDLES = {
    "scaled_dot_product_attention": _attention,
    "matmul": _matmul,
    "_convolution_mode": _padded_by_name,
    **{name: _recurrent(name) for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
    **{name: _recurrent(name) for name in ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")},
    **{name: _added(name) for name in ("baddbmm", "addbmm")},
    "mv": _whole("mv", 0),
    "dot": _whole("dot", 0),
    "addmv": _whole("addmv", 1),
    "bilinear": _whole("bilinear", 2),
}
