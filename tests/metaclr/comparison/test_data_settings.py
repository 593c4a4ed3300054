"""The table `data` of a recipe says how files are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaclr.comparison.planning.load import load_images
from metaclr.errors import UserError
from metaclr.recipe import dump, resolve
from tests.metaclr.data.folder_trees import picture, pictures


def test_settings_of_reading_reach_the_reader(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{fold}/{c}" for fold in ("f1", "f2") for c in "ab"])
    picture(tmp_path / "f1" / "a" / "wide.png", size=(40, 8))
    (tmp_path / "f1" / "a" / "broken.png").write_bytes(b"x")
    overrides = ["size=16", "data.layout=PART/CLASS", "data.fit=pad", "data.on_corrupt=skip", "data.pixel_range=[0, 9]"]
    recipe = resolve({}, overrides)
    found = load_images([str(tmp_path)], recipe, None, {})[str(tmp_path)]
    assert (found.classes, set(found.split), len(found)) == (2, {"f1", "f2"}, 9)
    wide = found.images[found.files.index("f1/a/wide.png")]
    assert int(wide[:, 0].max()) == 0
    import tomllib

    assert resolve(tomllib.loads(dump(recipe))).data == recipe.data
    with pytest.raises(UserError, match="fit"):
        resolve({}, ["data.fit=squash"])
    with pytest.raises(UserError, match="did you mean"):
        resolve({}, ["data.fitt=pad"])
