"""The training loop, and the papers' protocols as recipes."""

from sparserobust.training.loop import train
from sparserobust.training.recipe import Recipe, list_recipes, load_recipe

__all__ = ["Recipe", "list_recipes", "load_recipe", "train"]
