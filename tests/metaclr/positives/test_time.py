"""`time`: frames of one clip within a window; clips as given, or of images in motion."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from episodes import Episode, EpisodeError, ImageSet, TaskShape
from metaclr import methods
from metaclr.errors import UserError
from metaclr.positives.moving import bounced, moving_frames
from metaclr.positives.source import Draw
from metaclr.positives.time import Time


def clips(count: int = 20, frames: int = 8) -> ImageSet:
    made = torch.randint(0, 256, (count, frames, 1, 8, 8), dtype=torch.uint8)
    return ImageSet(made[:, -1], torch.arange(count) % 4, clips=made)


def drawn(source: Time, images: ImageSet, shape: TaskShape, step: int = 0) -> Episode:
    method = source.method(methods.get("simclr"))
    return source.sampler(Draw(source.rendered(images), len(images), shape, method, seed=0))(step)


def test_frames_within_the_window_form_a_way() -> None:
    images, seen = clips(), set()
    for step in range(40):
        table = drawn(Time(window=0.25), images, TaskShape(10, 1, 1), step).images
        clip, frame = table // 8, table % 8
        assert torch.equal(clip[..., 0], clip[..., 1])
        seen |= set((frame[..., 1] - frame[..., 0]).flatten().tolist())
    assert seen == {-2, -1, 1, 2}


def test_far_frames_are_more_than_three_windows_away() -> None:
    source = Time(window=0.125, far=True)
    for step in range(20):
        episode = drawn(source, clips(), TaskShape(2, 1, 1, tasks=6), step)
        clip, frame = episode.images // 8, episode.images % 8
        assert torch.equal(clip[:, 0, 0], clip[:, 1, 0])
        assert ((frame[:, 0, 0] - frame[:, 1, 0]).abs() > 3).all()
        assert (episode.labels[:, 0] != episode.labels[:, 1]).all()


def test_frames_are_those_of_the_clips() -> None:
    images = clips()
    rendered = Time().rendered(images)
    assert torch.equal(rendered.images[3 * 8 + 5], images.clips[3, 5])  # type: ignore[index]
    assert Time().key(images) != Time().key(replace(images, clips=images.clips.flip(1)))  # type: ignore[union-attr]
    assert torch.equal(images.select([4, 2]).clips, images.clips[[4, 2]])  # type: ignore[index, arg-type]
    assert len(images.only_classes([1]).clips) == 5  # type: ignore[arg-type]


def test_images_without_clips_move_and_keep_their_ink() -> None:
    still = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    still[:, :, 10:18, 12:16] = 200
    which = torch.arange(4)
    film = torch.stack([moving_frames(still, which, torch.full((4,), f), frames=9) for f in range(9)], 1).float()
    assert torch.equal(film[2, 3], moving_frames(still[:1], which[2:3], torch.tensor([3]), frames=9)[0].float())
    ink = film.sum((2, 3, 4))
    assert (ink / still.float().sum((1, 2, 3)).unsqueeze(1) - 1).abs().max() < 0.05
    steps = (film[:, 1:] - film[:, :-1]).abs().mean((1, 2, 3, 4))
    ends = (film[:, 4:] - film[:, :-4]).abs().mean((1, 2, 3, 4))
    assert (ends > steps).all()
    assert not torch.equal(film[0], film[1])
    position = torch.linspace(-2, 2, 101)
    assert bounced(position).abs().max() <= 0.25
    torch.testing.assert_close(bounced(position + 1), bounced(position), atol=1e-5, rtol=0)
    images = ImageSet(still)
    assert Time(frames=9).notes(images)
    assert not Time().notes(clips())
    assert torch.equal(Time(frames=9).rendered(images).images[2 * 9 + 3].float(), film[2, 3])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match=r"holds one frame; set at least 0\.125"):
        drawn(Time(window=0.1), clips(), TaskShape(4, 1, 1))
    with pytest.raises(UserError, match="no part of an item is far enough"):
        drawn(Time(window=0.25, far=True), clips(), TaskShape(4, 1, 1))
    with pytest.raises(EpisodeError, match="clips must be uint8"):
        replace(clips(), clips=torch.zeros(20, 8, 1, 4, 4, dtype=torch.uint8))
