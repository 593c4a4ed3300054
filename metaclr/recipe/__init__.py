"""The typed, validated description of a comparison; `metaclr/recipes/*.toml` ship with the package."""

from metaclr.recipe.files import dump, find, for_other_data, names, read, resolve
from metaclr.recipe.method_settings import split_list
from metaclr.recipe.model import (
    CONTROLS,
    ClusterRecipe,
    CompareRecipe,
    DataRecipe,
    EncoderRecipe,
    EvaluateRecipe,
    FewShotRecipe,
    LowLabelRecipe,
    MethodEntry,
    TrainRecipe,
)

__all__ = [
    "CONTROLS",
    "ClusterRecipe",
    "CompareRecipe",
    "DataRecipe",
    "EncoderRecipe",
    "EvaluateRecipe",
    "FewShotRecipe",
    "LowLabelRecipe",
    "MethodEntry",
    "TrainRecipe",
    "dump",
    "find",
    "for_other_data",
    "names",
    "read",
    "resolve",
    "split_list",
]
