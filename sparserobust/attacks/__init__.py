"""Attacks as functions of tensors: our own, and thin adapters to foolbox and torchattacks."""
