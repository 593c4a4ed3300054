"""The README's three jobs, command by command as they are written, in a folder with a user's files."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from metaclr.cli import cli

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
JOBS = README.split("## Three jobs")[1].split("\n## ")[0]
COMMANDS = re.findall(r"^metaclr (.*)$", JOBS, flags=re.MULTILINE)

# What makes a job of minutes one of seconds; no option of the README is changed.
TINY = [
    "evaluate.few_shot.episodes=20", "evaluate.low_label=false", "evaluate.linear=false", "evaluate.few_shot.ways=[3]",
    "evaluate.few_shot.shots=[1]",
]  # fmt: skip
TRAIN = ["train.steps=3", "train.batch_views=24", "encoder.options={width=8}"]
SMALLER = {
    "train": [*(word for line in TRAIN for word in ("--set", line)), "--set", "size=32"],
    "compare": [
        *(word for line in (*TRAIN, *TINY, "evaluate.knn=false") for word in ("--set", line)),
        *("--target", "digits"),
    ],
    "evaluate": ["--size", "32", *(word for line in TINY for word in ("--set", line))],
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """my/photos, my/support, my/new and my/model.pth; classes are colors with noise."""
    rng = np.random.default_rng(0)
    colors = {"apples": (200, 40, 40), "grapes": (110, 40, 160), "limes": (60, 190, 60), "plums": (70, 20, 90)}
    for folder, count in (("photos/{}", 16), ("support/{}", 3), ("new", 4)):
        for name, color in colors.items():
            place = tmp_path / "my" / folder.format(name)
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                pixels = np.clip(np.array(color) + rng.normal(0, 20, (36, 40, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{name}-{i}.png")
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(resnet18(weights=None).state_dict(), tmp_path / "my" / "model.pth")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str) -> str:
    """Run a command of the README; output that it sends to a file is written there."""
    line, _, file = command.partition(" > ")
    verb, *words = shlex.split(line)
    if find_spec("timm") is None:
        words = [word.replace("timm:resnet18", "resnet18") for word in words]  # the same network, of torchvision
    found = CliRunner().invoke(cli, [verb, *words, *SMALLER.get(verb, [])])
    assert found.exit_code == 0, (command, found.exception, found.output[-500:])
    if file:
        Path(file).write_text(found.stdout, encoding="utf-8")
    return found.stdout


def of_verbs(*verbs: str) -> list[str]:
    return [command for command in COMMANDS if command.split()[0] in verbs]


def test_own_folders_to_predictions(files: Path) -> None:
    train, predict = of_verbs("train", "predict")
    run(train)
    frame = pd.read_csv(StringIO(run(predict)))
    assert len(frame) == 16
    named = frame.file.map(lambda file: Path(file).name.split("-")[0])
    assert (named == frame["class"]).mean() > 0.6, "colors are easy"
    assert (files / "predictions.html").read_text().count('class="card') == 16


def test_own_model_to_a_table(files: Path) -> None:
    (evaluate,) = of_verbs("evaluate")
    assert "model.pth" in run(evaluate)
    assert "| model.pth |" in (files / "results/model/tables/main.md").read_text()
    assert "\nmodel.pth & " in (files / "results/model/tables/main.tex").read_text()


def test_two_folders_to_one_tex(files: Path) -> None:
    for command in of_verbs("compare", "table", "cite"):
        run(command)
    table = (files / "table.tex").read_text()
    for method in ("simclr", "protonet", "supcon", "untrained", "pixels"):
        assert re.search(rf"^{method} & ", table, flags=re.MULTILINE)
    assert "@inproceedings{khosla2020supcon," in (files / "methods.bib").read_text()
    if shutil.which("pdflatex"):
        (files / "paper.tex").write_text(
            r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table}\end{document}"
        )
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-1000:]
        assert "Overfull" not in done.stdout
