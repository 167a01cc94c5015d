"""A recipe: stages in order, each one a `demitasse` command that can be typed by hand.

    demitasse run recipes/quickstart/config.yaml run=runs/elsewhere

`read` makes commands of a recipe's file, `words` takes them apart, `needs` tells what has to be there for them,
`traces` what they read and wrote, `plan` says which are done and what the others will cost, `run` runs those, and
`record` keeps what is known of them in `run.json`.
"""

from demitasse.recipe.read import Recipe, read_recipe
from demitasse.recipe.record import FINE
from demitasse.recipe.run import prepare, run_recipe
from demitasse.stages import CHECKOUT

QUICKSTART = CHECKOUT / "recipes" / "quickstart" / "config.yaml"

__all__ = ["CHECKOUT", "FINE", "QUICKSTART", "Recipe", "prepare", "read_recipe", "run_recipe"]
