"""The training loop, and the papers' protocols as recipes."""

from sparserobust.training.loop import check_trainable, started_from, train
from sparserobust.training.recipe import Recipe, list_recipes, load_recipe
from sparserobust.training.threat import PGDTraining, TRADESTraining

__all__ = [
    "PGDTraining",
    "Recipe",
    "TRADESTraining",
    "check_trainable",
    "list_recipes",
    "load_recipe",
    "started_from",
    "train",
]
