"""The training loop, and the papers' protocols as recipes."""

from sparserobust.training.loop import check_trainable, started_from, train
from sparserobust.training.recipe import Recipe
from sparserobust.training.recipe_files import AnyRecipe, list_recipes, load_recipe, recipe_for
from sparserobust.training.recipe_template import new_recipe, recipe_template
from sparserobust.training.threat import PGDTraining, TRADESTraining

__all__ = [
    "AnyRecipe",
    "PGDTraining",
    "Recipe",
    "TRADESTraining",
    "check_trainable",
    "list_recipes",
    "load_recipe",
    "new_recipe",
    "recipe_for",
    "recipe_template",
    "started_from",
    "train",
]
