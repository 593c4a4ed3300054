"""Batched image operations of a view, one file each: fields, random numbers and function.

`episodes.view_recipe.ViewRecipe` lists them in the order in which they are applied.
"""
