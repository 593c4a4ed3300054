"""A set that does not fit: the same weights, features and errors as one that does, in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import metaclr
from episodes import EpisodeError, ImageSet, StoredImages, open_npy
from metaclr import memory
from metaclr.evaluation import features
from tests.metaclr.comparison import small

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


def in_file(image_set: ImageSet, folder: Path) -> ImageSet:
    path = folder / f"{image_set.name}.npy"
    np.save(path, image_set.images[:].numpy())
    return replace(image_set, images=open_npy(path))


def weights(method: str, source: ImageSet) -> dict[str, torch.Tensor]:
    settings = [line for line in small.SETTINGS if not line.startswith("evaluate")]
    return metaclr.train(method, source, device="cpu", overrides=settings, quiet=True).state_dict()


@pytest.mark.parametrize("method", ["simclr", "protonet", "umtra"])
def test_training_is_bit_equal(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resident = small.stripes(name="ours")
    expected = weights(method, resident)
    mapped = in_file(resident, tmp_path)
    fits = weights(method, mapped)
    assert "read batch by batch" not in capsys.readouterr().err
    monkeypatch.setattr(memory, "free_memory", lambda _: 2 * resident.images.numel() - 1)
    monkeypatch.setattr(StoredImages, "to", lambda *_: pytest.fail("all of it was read into memory"))
    streamed = weights(method, mapped)
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "ours" in line and "stays in its file" in line] == said
    for name, value in expected.items():
        assert torch.equal(fits[name], value)
        assert torch.equal(streamed[name], value), name


def test_a_comparison_is_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {"source": small.stripes(name="ours"), "target": small.stripes(6, 16, name="theirs")}
    rows = []
    for number, some in enumerate((sets, {name: in_file(one, tmp_path) for name, one in sets.items()})):
        if number:
            monkeypatch.setattr(memory, "free_memory", lambda _: 0)
        found = metaclr.compare(
            "glyphs",
            methods=["simclr"],
            sources={"source": some["source"]},
            targets={"target": some["target"]},
            out=tmp_path / str(number),
            device="cpu",
            overrides=[*small.SETTINGS],
            quiet=True,
        )
        assert not found.failures
        rows.append(found.rows.drop(columns=["train_seconds", "environment"]))
    assert len(rows[0])
    assert rows[0].equals(rows[1])


def test_features_of_a_mapped_target(tmp_path: Path) -> None:
    resident = small.stripes()
    encoder = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, stride=3), torch.nn.BatchNorm2d(4), torch.nn.Flatten())
    for transductive in (False, True):
        expected = features(encoder, resident, transductive_bn=transductive)
        assert torch.equal(features(encoder, in_file(resident, tmp_path), transductive_bn=transductive), expected)


def test_a_file_cut_short_ends_the_training_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: 0)
    mapped = in_file(small.stripes(name="ours"), tmp_path)
    mapped.fingerprint()
    os.truncate(tmp_path / "ours.npy", 5000)
    with pytest.raises(EpisodeError, match=r"ours\.npy: cut short, 5,000 bytes of") as caught:
        weights("simclr", mapped)
    assert "\n" not in str(caught.value)


def test_what_fits_is_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    resident = small.stripes()
    mapped = in_file(resident, tmp_path)
    monkeypatch.setattr(memory, "free_memory", lambda _: 2 * resident.images.numel())
    assert isinstance(memory.place(mapped, CPU).images, torch.Tensor)
    monkeypatch.setattr(memory, "free_memory", lambda _: 2 * resident.images.numel() - 2)
    assert memory.place(mapped, CPU) is mapped
    assert memory.place(resident, CPU).images is resident.images  # it is there already


def test_free_memory_of_this_machine_is_plausible() -> None:
    assert 1 << 26 < memory.free_memory(CPU) < 1 << 45


def test_a_container_has_what_its_limit_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    for name, text in (("max", "3000000"), ("current", "2000000"), ("stat", "anon 1\nfile 500000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory.free_memory(CPU) == 1_500_000
    (tmp_path / "memory.max").write_text("max")
    assert memory.free_memory(CPU) > 1 << 26


MEASURED = """
import json, sys, threading
from pathlib import Path
import torch
from episodes import ImageSet, open_npy, image_hashes
import metaclr, metaclr.comparison.runs.training, metaclr.memory as memory
from metaclr.evaluation import features

def rss():
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(rest.split()[0]) >> 10 for name, _, rest in lines if name in ("RssAnon", "RssFile")}

memory.free_memory = lambda _: 0
images = open_npy(sys.argv[1])
whole = ImageSet(images, torch.arange(len(images)) % 7, name="large")
settings = ["size=64", "channels=3", "encoder.options={width=4}", "train.batch_views=16"]
metaclr.train("simclr", whole.select(range(64)), device="cpu", steps=1, overrides=settings, quiet=True)
before, peak, stop = rss(), {}, threading.Event()

def watch():
    while not stop.wait(0.01):
        for name, value in rss().items():
            peak[name] = max(peak.get(name, 0), value)

thread = threading.Thread(target=watch)
thread.start()
part = whole.only_classes(range(6))
part.fingerprint()
image_hashes(part)
metaclr.train("simclr", part, device="cpu", steps=8, overrides=settings, quiet=True)
features(torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Flatten()), part)
stop.set()
thread.join()
print(json.dumps({name: peak[name] - before[name] for name in before}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's own count of memory")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A 490 MB set (a sparse file), 420 MB of it hashed, audited, trained on and embedded; MiB over the start."""
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(40000, 3, 64, 64))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURED, str(path)]
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert child.returncode == 0, child.stderr
    grown = json.loads(child.stdout.splitlines()[-1])
    assert grown["RssAnon"] < 150, grown
    assert grown["RssFile"] < 250, grown
