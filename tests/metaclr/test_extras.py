"""Optional packages: pyproject.toml, the error lines and `metaclr doctor` name the same extras."""

import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from metaclr.cli import cli
from metaclr.errors import UserError
from metaclr.extras import EXTRAS, how_to_get, need

DECLARED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WHEELS = {"pyarrow": "pyarrow", "umap": "umap-learn"}
"""Names of distributions where they differ from the module's."""


def test_every_extra_of_the_package_is_known_by_what_it_brings() -> None:
    extras = DECLARED["optional-dependencies"]
    assert {extra.name for extra in EXTRAS} == set(extras)
    for extra in EXTRAS:
        assert any(line.startswith(WHEELS.get(extra.package, extra.package)) for line in extras[extra.name]), extra


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, extra in (("optuna", "tune"), ("huggingface_hub", "timm"), ("onnxruntime", "onnx")):
        monkeypatch.setitem(sys.modules, package, None)  # an import of it fails
        with pytest.raises(UserError, match=rf"pip install 'metaclr\[{extra}\]', or in a checkout: uv sync --extra "):
            need(package, "this")
    assert how_to_get("pydantic") == "pip install pydantic"


def test_the_doctor_says_what_each_extra_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaclr.cli.doctor._data", lambda _: "")
    monkeypatch.setattr("metaclr.cli.doctor.find_spec", lambda name: None if name == "learn2learn" else find_spec(name))
    found = CliRunner().invoke(cli, ["doctor"], env={"COLUMNS": "160"})
    assert found.exit_code == 0, found.output
    for extra in EXTRAS:
        (line,) = (line for line in found.output.splitlines() if f" {extra.name} " in line and extra.purpose in line)
        assert ("not installed" in line) == (extra.package == "learn2learn" or find_spec(extra.package) is None)
    assert "pip install 'metaclr[NAME]'" in found.output
