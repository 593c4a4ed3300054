"""One run of a comparison: one method, one source, one seed; one run folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from metaclr.comparison.labels.positives_setting import declared
from metaclr.comparison.settings.method_files import from_text
from metaclr.comparison.settings.warm_start import start_digest
from metaclr.errors import UserError
from metaclr.methods.differences import settings
from metaclr.recipe import MethodEntry

if TYPE_CHECKING:
    from episodes import Augmentation
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe

MUTABLE_KEYS = {
    "name",
    "description",
    "methods",
    "seeds",
    "sources",
    "cluster",
    "fixed",
    "positives",
    "sweep",
    "protocol",
    "tuning",
}
"""Recipe keys that a later command on the same folder may change: they add or leave out runs, or move them."""

TRAINING_KEYS = {"size", "channels", "views", "view_recipes", "views_mode", "encoder"}
"""Recipe keys that the trained weights depend on, beside those of `train`."""


@dataclass(frozen=True)
class Run:
    """What is trained once and evaluated on every target."""

    entry: MethodEntry
    method: Method
    source: str
    seed: int
    mark: str = ""
    """Ends the name, where another run of the comparison would have the same name without it."""
    text: str = field(default="", repr=False)
    """Text of the file that declares the method; empty for other methods."""
    callables: Mapping[str, Augmentation] = field(default_factory=dict, compare=False)
    """View functions of the caller's own, by the names that the recipe has for them."""

    def __getstate__(self) -> dict[str, Any]:
        # The functions of a method file cannot be pickled by reference: its text travels, and runs where it arrives.
        return {**self.__dict__, "method": None} if self.text else self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["text"]:
            entry = state["entry"]
            state = {**state, "method": declared(from_text(entry.name, state["text"]), entry.settings)}
        self.__dict__.update(state)

    @property
    def name(self) -> str:
        """Name of the run and of its folder: method, source, seed."""
        source = re.sub(r"[^A-Za-z0-9]+", "-", self.source).strip("-")
        title = re.sub(r"[^A-Za-z0-9.]+", "-", self.entry.title).strip("-")
        return f"{title}-{source}-s{self.seed}" + (f"-{self.mark}" if self.mark else "")

    def own_recipe(self, recipe: CompareRecipe) -> CompareRecipe:
        """The recipe with this method's own values of `train` and `encoder`.

        Raises:
            UserError: a value that is not legal.
        """
        try:
            return recipe.own(self.entry)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise UserError(f"{self.entry.title}: {key} = {first['input']!r}: {first['msg']}") from error

    def training_inputs(self, recipe: CompareRecipe, fingerprint: str) -> dict[str, Any]:
        """Everything that the trained weights depend on, but for `train.steps`: a training may resume with more.

        Labels, and the other methods, sources and seeds of the recipe are left out, so that changing them redoes
        nothing.

        Args:
            fingerprint: of the source's images.
        """
        from metaclr.engine.distributed import ranks

        recipe = self.own_recipe(recipe)
        train = trained_settings(recipe)
        train.pop("steps")
        if train.pop("sync_norm") is False:
            train["ranks"] = ranks().world  # otherwise any number of ranks computes the same
        entry = self.entry.model_dump(mode="json", exclude={"label", "of", "point", "overrides"})
        for key in ("label_share", "label_noise"):
            if entry[key] is None:
                entry.pop(key)
        # A method of a file is its text, wherever the file lies.
        file = {"method file": hashlib.sha256(self.text.encode()).hexdigest()} if self.text else {}
        if self.text:
            entry.pop("name")
        part = with_start_digest(recipe.model_dump(mode="json", include=TRAINING_KEYS))
        # An entry's own projector and views take the place of the method's.
        own = {key: entry[key] for key in ("projector", "views") if entry[key] is not None}
        return {
            **part,
            **file,
            "train": train,
            "method": {**entry, **settings(self.method), **own},
            "source": self.source,
            "source images": fingerprint,
            "seed": self.seed,
        }

    def training_with_steps(self, recipe: CompareRecipe, fingerprint: str) -> dict[str, Any]:
        """`training_inputs`, and the number of steps of a method that is trained."""
        training = self.training_inputs(recipe, fingerprint)
        recipe = self.own_recipe(recipe)
        steps = {"steps": recipe.train.steps} if self.method.trained else {}
        return {**training, "train": {**training["train"], **steps}}

    def inputs(self, recipe: CompareRecipe, fingerprints: dict[str, str]) -> dict[str, Any]:
        """Everything that this run's rows depend on, as plain JSON values.

        Args:
            fingerprints: hash of the images of each target, and of the source's under "source".
        """
        others = {name: text for name, text in fingerprints.items() if name != "source"}
        rest = with_start_digest(recipe.model_dump(mode="json", exclude={*MUTABLE_KEYS, "train"}))
        return {
            **rest,
            **self.training_with_steps(recipe, fingerprints.get("source", "")),
            "target images": others,
            "label": self.entry.title,
        }

    def identity(self, recipe: CompareRecipe, fingerprint: str) -> str:
        """Hash of `training_inputs`: a checkpoint with another identity belongs to another training."""
        return _hash(self.training_inputs(recipe, fingerprint))

    def digest(self, recipe: CompareRecipe, fingerprints: dict[str, str]) -> str:
        """Hash of `inputs`: a finished run with the same digest is kept."""
        return _hash(self.inputs(recipe, fingerprints))


def with_start_digest(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables of a recipe with the hash of the weights to start from in the place of their path, if there are any.

    Raises:
        UserError: there is no such file.
    """
    encoder = dict(tables["encoder"])
    start = encoder.pop("start")
    return {**tables, "encoder": {**encoder, "start weights": start_digest(start)} if start else encoder}


def trained_settings(recipe: CompareRecipe) -> dict[str, Any]:
    """The recipe's training settings without those that change where and how fast a run trains, not its results."""
    from metaclr.engine.settings import FREE

    return {name: value for name, value in recipe.train.model_dump(mode="json").items() if name not in FREE}


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
