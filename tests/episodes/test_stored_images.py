"""Images in a file are the images in memory: selected, hashed, rendered, read ahead; and files that are no good."""

from __future__ import annotations

import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from episodes import (
    PRESETS,
    EpisodeError,
    EpisodeSampler,
    ImageSet,
    Prefetcher,
    StoredImages,
    TaskShape,
    ViewRecipe,
    audit,
    blocks,
    image_hashes,
    open_npy,
    render,
    with_pixels,
)
from episodes import stored_images as module
from episodes.prefetch import one_thread


def pixels(count: int = 60, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, 9, 7), dtype=torch.uint8, generator=generator)


def both(folder: Path, count: int = 60) -> tuple[ImageSet, ImageSet]:
    """The same set in memory and in a file."""
    images = pixels(count)
    np.save(folder / "images.npy", images.numpy())
    labels = torch.arange(count) * 7 % 5
    names = tuple("abcde")
    resident = ImageSet(images, labels, names, name="toy")
    return resident, replace(resident, images=open_npy(folder / "images.npy"))


@pytest.mark.parametrize("layout", ["gray", "first", "last"])
def test_rows_are_those_of_a_tensor(tmp_path: Path, layout: str) -> None:
    images = pixels(channels=1 if layout == "gray" else 3)
    stored = {"gray": images[:, 0], "first": images, "last": images.permute(0, 2, 3, 1)}[layout]
    np.save(tmp_path / "images.npy", stored.contiguous().numpy())
    mapped = open_npy(tmp_path / "images.npy", channels_last=layout == "last")
    index = torch.tensor([7, 7, 59, 0, 8])
    assert (mapped.shape, len(mapped), mapped.numel()) == (images.shape, 60, images.numel())
    assert torch.equal(mapped.index_select(0, index), images[index])
    assert mapped[index].is_contiguous()
    assert torch.equal(mapped[3:20:4], images[3:20:4])
    assert torch.equal(mapped[-1], images[-1])
    assert torch.equal(mapped[:], images)
    assert torch.equal(mapped.to("cpu"), images)
    assert len(mapped[torch.empty(0, dtype=torch.int64)]) == 0
    view = mapped.view(torch.arange(59, -1, -2)).view(torch.tensor([1, 1, 4]))
    assert torch.equal(view[:], images[[57, 57, 51]])
    assert torch.equal(pickle.loads(pickle.dumps(view))[:], view[:])
    assert len(pickle.dumps(view)) < 2000
    for wrong in (torch.tensor([60]), torch.tensor([-1])):
        with pytest.raises(IndexError, match=r"0\.\.59"):
            mapped.index_select(0, wrong)


def test_parts_of_a_set_read_nothing_and_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resident, mapped = both(tmp_path)
    assert blocks(mapped.images, 1000, slice(2, 12)) == [slice(2, 7), slice(7, 12)]
    assert [rows.stop for rows in blocks(mapped.images, 1000)] == list(range(5, 61, 5))
    monkeypatch.setattr(module.PixelFile, "read", lambda *_, **__: pytest.fail("read"))
    parts = [
        (one, one.only_classes([3, 1]), one.select([5, 2]), one.select(range(4, 30)), one.shuffled_labels(0))
        for one in (resident, mapped)
    ]
    monkeypatch.undo()
    for a, b in zip(*parts, strict=True):
        assert isinstance(b.images, StoredImages)
        assert torch.equal(a.images[:], b.images[:])
        assert a.fingerprint() == b.fingerprint()
        assert image_hashes(a) == image_hashes(b)
    assert torch.equal(mapped.to("cpu").images[:], resident.images[:])
    half = mapped.select(range(30, 60))
    assert audit(mapped, half).shared_images.tolist() == list(range(30))


@pytest.mark.parametrize("way_type", ["instances", "classes"])
def test_batches_read_ahead_are_the_same_views(tmp_path: Path, way_type: str) -> None:
    resident, mapped = both(tmp_path)
    shape = TaskShape(way=4, shot=1, query=2, tasks=2)
    samplers = [EpisodeSampler(one, shape, way_type=way_type, seed=3) for one in (resident, mapped)]  # type: ignore[arg-type]
    for views in (PRESETS["simclr"], [ViewRecipe(), PRESETS["simclr"], PRESETS["simclr"]]):
        with Prefetcher(samplers[1], steps=6) as ahead:
            for step in (0, 1, 2, 3, 4, 5, 2, 7):  # in turn, back, and behind the end
                episode = ahead(step)
                assert episode.pixels is not None
                assert episode.pixels.shape[2] == (1 if way_type == "instances" else 3)
                expected = render(resident, samplers[0](step), views, seed=1)
                assert torch.equal(render(mapped, episode, views, seed=1), expected)
                assert torch.equal(render(mapped, samplers[1](step), views, seed=1), expected)
    gathered = with_pixels(resident, samplers[0](0)).pixels
    assert gathered is not None
    assert torch.equal(gathered, with_pixels(mapped, samplers[1](0)).pixels)


def test_no_more_batches_wait_than_asked_for(tmp_path: Path) -> None:
    _, mapped = both(tmp_path)
    asked: list[int] = []
    sampler = EpisodeSampler(mapped, TaskShape(4, 1, 1))
    known = sampler._instances
    sampler._instances = lambda step, *rest: (asked.append(step), known(step, *rest))[1]  # type: ignore[method-assign,func-returns-value]
    with Prefetcher(sampler, steps=9, depth=3) as ahead:
        ahead(0)
        ahead(1)
    assert max(asked) <= 3
    with Prefetcher(sampler, steps=9, depth=3) as ahead:
        for step in range(9):
            ahead(step)
    assert sorted(asked)[-1] == 8


def test_reading_ahead_starts_no_second_team_of_threads(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        large = torch.zeros(1 << 20)
        large += 1  # this thread's team is there
        threads = threading.active_count()
        with one_thread("one") as pool:
            teams = _native_threads() - threads
            assert pool.submit(torch.get_num_threads).result() == 1
            pool.submit(large.add_, 1).result()
            assert _native_threads() - threads == teams
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:  # what is said of other threads still holds
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def _native_threads() -> int:
    folder = Path("/proc/self/task")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_a_file_that_is_cut_short_is_one_line(tmp_path: Path) -> None:
    _, mapped = both(tmp_path)
    path = tmp_path / "images.npy"
    sampler = EpisodeSampler(mapped, TaskShape(4, 1, 1))
    os.truncate(path, path.stat().st_size - 1)
    for read in (lambda: mapped.images[0], mapped.fingerprint, lambda: image_hashes(mapped), lambda: open_npy(path)):
        with pytest.raises(EpisodeError, match=r"images\.npy: cut short, 11,467 bytes of 11,468") as caught:
            read()
        assert "\n" not in str(caught.value)
    with Prefetcher(sampler, steps=5) as ahead, pytest.raises(EpisodeError, match="cut short"):
        ahead(0)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 3, 3, 3), dtype=np.float32), "uint8"),
        (np.zeros((4, 3), dtype=np.uint8), "3 or 4 axes"),
        (np.asfortranarray(np.zeros((4, 3, 3, 3), dtype=np.uint8)), "C order"),
    ],
)
def test_files_of_something_else(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(EpisodeError, match=said):
        open_npy(tmp_path / "other.npy")
    (tmp_path / "text.npy").write_text("no array at all")
    with pytest.raises(EpisodeError, match=r"not an \.npy file"):
        open_npy(tmp_path / "text.npy")
