"""Networks by name: `create_model` and the table of all architectures."""

from sparserobust.models.create import MODELS, create_model, list_models

__all__ = ["MODELS", "create_model", "list_models"]
