"""Networks by name: `create_model`, and what every network is made of."""

from sparserobust.models.create import create_model, list_models
from sparserobust.models.network import initialised_by, titled

__all__ = ["create_model", "initialised_by", "list_models", "titled"]
