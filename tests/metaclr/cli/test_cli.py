"""The command line as a user meets it: help is quick, bad input is one line and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import metaclr.cli

ROOT = Path(__file__).parents[3]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "metaclr", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=None,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compar"], "did you mean 'compare'"),
        (["compare", "glyfs"], "did you mean 'glyphs'"),
        (["compare", "--methods", "simcrl"], "did you mean 'simclr'"),
        (["compare", "--device", "cuda:99"], "not on this machine"),
        (["compare", "--device", "gpu"], "unknown"),
        (["compare", "--set", "train.stesp=1"], "did you mean 'steps'"),
        (["compare", "--seeds", "x"], "a count such as 3"),
        (["methods", "show", "byo"], "did you mean 'byol'"),
        (["recipes", "copy", "glyph"], "did you mean 'glyphs'"),
        (["data", "show", "digit"], "did you mean 'digits'"),
        (["bridge", "simclr", "byol"], "'byol' is not on the bridge"),
        (["bridge", "simclr", "protonte"], "did you mean 'protonet'"),
        (["bridge", "simclr", "r2d2", "--order", "head,roles"], "a head that fits a classifier needs a support apart"),
        (["bridge", "simclr", "protonet", "--order", "rols"], "did you mean 'roles'"),
        (["diagnose", "nothing"], "no such folder or file"),
        (["sweep", "temperature=1", "temperature=2"], "sweep names 'temperature' twice"),
        (["sweep", "glyphs"], "has no table `sweep`"),
        (["evaluate", "nothing"], "neither FILE.py:FUNCTION"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; import metaclr; from metaclr.cli import cli\n"
        "try: cli.main(['--help'], standalone_mode=False)\n"
        "finally: print(sorted(m for m in ('torch', 'torchvision', 'pandas', 'seaborn', 'sklearn', 'learn2learn') "
        "if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip().endswith("[]"), done.stdout
    for verb in (
        "bridge",
        "compare",
        "train",
        "evaluate",
        "table",
        "report",
        "data",
        "episodes",
        "methods",
        "recipes",
        "doctor",
    ):
        assert verb in done.stdout


def test_a_recipe_can_be_copied_and_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "mine.toml"
    assert run("recipes", "copy", "glyphs", str(target)).returncode == 0
    assert target.read_text() == (ROOT / "metaclr/recipes/glyphs.toml").read_text()
    again = run("recipes", "copy", "glyphs", str(target))
    assert again.returncode == 2
    assert "exists; name another file" in again.stderr


def test_a_missing_package_is_named() -> None:
    code = (
        "import sys; sys.modules['pydantic'] = None\n"
        "sys.argv = ['metaclr', 'recipes', 'list']\n"
        "from metaclr.__main__ import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "needs the package 'pydantic'" in done.stderr


def test_methods_diff_names_the_axes() -> None:
    done = run("methods", "diff", "simclr", "infonce")
    assert done.returncode == 0
    assert "roles" in done.stdout


def test_a_bridge_can_be_planned_without_training(tmp_path: Path) -> None:
    done = run("bridge", "simclr", "protonet", "--dry-run", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done
    assert "\x1b" not in done.stdout
    assert "start: simclr" in done.stdout
    assert "temperature: 0.2 → 1.0 (protonet)" in done.stdout
    assert "18 trainings of 100 steps" in done.stdout
    assert not (tmp_path / "out").exists()


def test_a_bridge_prints_its_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    small = ["encoder.options={width=4}", "train.batch_views=16", "evaluate.few_shot.episodes=20", 'targets=["digits"]']
    sets = [word for line in small for word in ("--set", line)]
    done = run("bridge", "simclr", "infonce", "--steps", "2", "--seeds", "1", *sets, "--out", str(out))
    assert done.returncode == 0, done
    for text in ("roles: leave_one_out → swap (infonce)", "Alignment: mean squared distance", "From simclr ("):
        assert text in done.stdout
    assert (out / "figures" / "bridge.pdf").stat().st_size > 0


@pytest.mark.parametrize(
    ("verb", "out", "line"),
    [
        ("episodes", "", "'.' is a folder"),
        ("episodes", "folder", "'folder' is a folder"),
        ("episodes", "pipe", "pipe is a device or a pipe"),
        ("episodes", "a.jpeg2", "unknown ending of --out 'jpeg2'"),
        ("data show", "pipe", "pipe is a device or a pipe"),
    ],
)
def test_a_picture_is_written_to_a_file_and_nowhere_else(
    verb: str, out: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """matplotlib adds .png to a name without an ending: `--out folder` wrote folder.png beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(sys, "argv", ["metaclr", *verb.split(), "digits", "--out", out])
    with pytest.raises(SystemExit) as end:
        metaclr.cli.main()
    assert end.value.code == 2
    assert line in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
