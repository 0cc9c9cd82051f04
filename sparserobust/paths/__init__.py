"""Paths from the input to the logits: which weights lie on one, and how many there are.

A network's operations are traced once (`trace`) and walked with 0/1 weights: those of the tensors that are really
multiplied, whatever module or function makes them of parameters. Biases and normalisation do not enter, activations
are the identity, pooling is the sum over its windows, an addition of two tensors that depend on the input joins their
paths. So does a product of two, as in attention and gates, through which paths have no number. What has no such meaning
is refused by name.
"""

from sparserobust.paths.graph import PathGraph, UnsupportedOperation, trace
from sparserobust.paths.reach import Reachability, log10_paths, reachability, read_pixels

__all__ = [
    "PathGraph",
    "Reachability",
    "UnsupportedOperation",
    "log10_paths",
    "reachability",
    "read_pixels",
    "trace",
]
