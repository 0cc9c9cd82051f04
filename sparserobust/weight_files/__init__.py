"""Weights as people have them: checkpoints in their usual forms, fitted to a network by names and shapes."""

from sparserobust.weight_files.load import load_weights

__all__ = ["load_weights"]
