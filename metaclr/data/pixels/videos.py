"""A folder of video files: frames evenly spaced in time as the clip of each video, decoded by PyAV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from episodes import ImageSet
from metaclr.console import progress
from metaclr.data.cache import stamp
from metaclr.data.options import Fit
from metaclr.data.part_names import part_name
from metaclr.data.pixels.decode import OWN_SIZE, fitted
from metaclr.data.pixels.image_files import report_unreadable
from metaclr.data.request import Request
from metaclr.data.scratch import Pixels
from metaclr.data.tree.file_tree import Folder
from metaclr.errors import UserError
from metaclr.extras import need

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
FRAMES = 16
"""Frames of a clip, the number of those that are made of still images (`Time.frames`)."""


def video_files(tree: Folder) -> list[tuple[str, ...]]:
    """The video files below a folder, each as the names of its path, in their order."""
    found = [(*folder.names, name) for folder in tree.walk() for name in folder.others]
    return sorted(names for names in found if names[-1].lower().endswith(ENDINGS))


def video_key(root: Path, files: list[tuple[str, ...]]) -> list[Any]:
    """What the cache knows the videos by."""
    return [stamp(root.joinpath(*names)) for names in files]


def read_videos(root: Path, files: list[tuple[str, ...]], request: Request) -> ImageSet:
    """Each video's middle frame as its image, and `FRAMES` frames from its begin to its end as its clip.

    A class is the folder that a video lies in; where all folders at the top have names of parts, these are the parts.

    Raises:
        UserError: PyAV is not installed, or a file that is no video (unless `on_corrupt` is "skip").
    """
    size, channels = request.size or OWN_SIZE, request.channels or 3
    av, clips, bad = need("av", f"{root} holds videos: reading them"), [], {}
    with progress(f"decoding {root.name}") as bar:
        for done, names in enumerate(files, 1):
            try:
                clips.append(clip_of(av, root.joinpath(*names), size, channels, request.options.fit))
            except Exception as error:  # PyAV raises what its codecs find
                bad[names] = " ".join(str(error).split())[:160] or type(error).__name__
            bar(done, len(files), "videos")
    lines = [f"{root.joinpath(*names)}: {why}" for names, why in bad.items()]
    notes = [report_unreadable(root.name, lines, request.options.on_corrupt)] if bad else []
    kept = [names for names in files if names not in bad]
    if not kept:
        raise UserError(f"{root}: no video that can be read")
    parts = [part_name(names[0]) for names in kept]
    has_parts = all(part and len(names) > 1 for part, names in zip(parts, kept, strict=True))
    folders = ["/".join(names[1 if has_parts else 0 : -1]) for names in kept]
    classes = sorted(set(folders)) if all(folders) else []
    made = torch.from_numpy(np.stack(clips))
    layout = "PART/CLASS" if has_parts and classes else "PART" if has_parts else "CLASS" if classes else "flat"
    return ImageSet(
        made[:, FRAMES // 2].clone(),
        torch.tensor([classes.index(name) for name in folders]) if classes else None,
        tuple(classes),
        split=tuple(str(part) for part in parts) if has_parts else (),
        name=root.resolve().name,
        files=tuple("/".join(names) for names in kept),
        notes=(f"layout: {layout} of videos, {FRAMES} frames of each as its clip", *notes),
        clips=made,
    )


def clip_of(av: Any, path: Path, size: int, channels: int, fit: Fit) -> Pixels:
    """Frames nearest to `FRAMES` evenly spaced ones, the first and the last included: uint8 (F, C, size, size).

    A video of fewer frames has some of them twice. Two passes: the first counts frames, whatever its header says.
    """
    with av.open(str(path)) as video:
        count = sum(1 for _ in video.decode(video=0))
    if not count:
        raise ValueError("it has no frame")
    wanted = np.linspace(0, count - 1, FRAMES).round().astype(int)
    found: dict[int, Pixels] = {}
    with av.open(str(path)) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number in wanted:
                image: Image = frame.to_image()
                found[number] = fitted(image, size, channels, fit)
    return np.stack([found[number] for number in wanted.tolist()])
