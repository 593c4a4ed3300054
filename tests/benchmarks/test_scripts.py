"""The benchmark scripts run from end to end at their smallest, and say where they ran; no figure is looked at."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch

from metaclr.networks import build_encoder

ROOT = Path(__file__).parents[2]


def script(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--threads", "1", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def test_the_gpu_script_runs_on_a_cpu_and_says_so(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(120) % 10
    # Classes that differ in brightness, so that a probe has something to find.
    pixels = (draw.integers(0, 60, (120, 32, 32, 3)) + 19 * labels[:, None, None, None]).astype(np.uint8)
    split = np.where(np.arange(120) < 80, "train", "test")
    np.savez(tmp_path / "cifar10.npz", images=pixels, labels=labels, split=split)
    out = tmp_path / "out" / "gpu.json"
    small = ("--encoder", "conv4", "--batch-views", "16", "--epochs", "1", "--device", "cpu", "--quick")
    done = script("gpu_cifar10", *small, "--json", str(out), METACLR_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "the CPU: a try of the script" in done.stdout
    report = json.loads(out.read_text())
    assert report["on"] == "cpu"
    assert {row["library"] for row in report["rows"]} == {
        *("training", "ceiling", "augmentation"),
        *("share of the ceiling", "augmentation of a step"),
    }
    assert report["training"]["steps"] == 10  # 80 images, 8 a step
    assert report["training"]["views"] == 160
    assert report["training"]["linear"] > 50


def test_the_samplers_are_compared() -> None:
    if find_spec("easyfsl") is None or find_spec("learn2learn") is None:
        pytest.skip("needs easyfsl and learn2learn (uv run --group bench)")
    done = script("tasks", "--quick")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("5-way")]
    assert all(sum(f" {library} " in row for row in rows) == 2 for library in ("learn2learn", "easyfsl"))


def test_low_label_agrees_with_the_same_by_hand(tmp_path: Path) -> None:
    out = tmp_path / "low_label.json"
    done = script("low_label", "--data", "digits", "--size", "16", "--precision", "fp32", "--quick", "--json", str(out))
    assert done.returncode == 0, done.stderr
    for labels, sides in json.loads(out.read_text())["sets"]["digits"]["accuracy"].items():
        assert set(sides) == {"metaclr", "metaclr, unshared", "metaclr, stacked", "by hand"}
        for mode in ("frozen", "tuned"):
            ours, theirs = (sides[name][mode]["accuracy"] for name in ("metaclr", "by hand"))
            assert abs(ours - theirs) < 3, (labels, mode)  # the same probe and subsets; images in another order


@pytest.mark.parametrize("name", ["tasks", "few_shot", "low_label", "training", "gpu_cifar10", "augmentation"])
def test_every_script_takes_the_common_options(name: str) -> None:
    done = script(name, "--help")
    assert done.returncode == 0, done.stderr
    for option in ("--device", "--threads", "--repeats", "--quick", "--json"):
        assert option in done.stdout


def test_the_textbook_encoder_is_the_same_function() -> None:
    spec = spec_from_file_location("peer_lightly", ROOT / "benchmarks" / "peer_lightly.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    encoder = build_encoder("conv4", 3, 32, seed=0).train()
    textbook = module.textbook_conv4(encoder)
    pixels = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for _ in range(2):  # the second time, running statistics have moved in both
        torch.testing.assert_close(textbook(pixels), encoder(pixels), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(textbook.eval()(pixels), encoder.eval()(pixels), rtol=1e-4, atol=1e-4)


def test_a_device_that_is_not_there_is_one_line_and_exit_code_2() -> None:
    done = script("gpu_cifar10", "--device", "cuda:99")
    assert done.returncode == 2
    assert "not on this machine" in done.stderr
    assert "Traceback" not in done.stderr
