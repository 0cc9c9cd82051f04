"""Networks by name: `create_model`, and what every network is made of."""

from sparserobust.models.create import create_model, list_models

__all__ = ["create_model", "list_models"]
