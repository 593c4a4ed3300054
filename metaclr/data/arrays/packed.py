"""The images of an .npz file that is larger than memory: mapped where they are stored, unpacked where compressed."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import torch

from episodes import Images, open_npy
from episodes.npy import read_header
from episodes.stored_images import BLOCK
from metaclr.data import cache
from metaclr.data.scratch import Allocate, release
from metaclr.errors import UserError

_MEMBER = "images.npy"
_LOCAL_HEADER = 30  # bytes of a zip member's own header, before its name and extra field


def must_unpack(path: Path) -> bool:
    """Whether the file's images are large and compressed; False, too, for a file that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(_MEMBER)
            return info.file_size > cache.LARGE and info.compress_type != zipfile.ZIP_STORED
    except (OSError, KeyError, zipfile.BadZipFile):
        return False


def large_images(path: Path, allocate: Allocate | None) -> Images | None:
    """The images (M, C, H, W) of a large exchange file, or None where numpy may read it as a whole.

    Stored ones stay in the file; compressed ones are unpacked into `allocate(shape)`, 1 MB at a time, if it is given.

    Raises:
        UserError: pixels that are not uint8 (M, H, W) or (M, H, W, 3). ValueError, OSError, zipfile.BadZipFile: damage.
    """
    with zipfile.ZipFile(path) as archive:
        if _MEMBER not in archive.namelist():
            return None
        info = archive.getinfo(_MEMBER)
        if info.file_size <= cache.LARGE:
            return None
        with archive.open(info) as member:
            shape, fortran, dtype = read_header(member)  # type: ignore[arg-type]
            if len(shape) == 4 and shape[3] not in (1, 3) and {shape[1], shape[3]} & {1, 3, 4}:
                return None  # another order of axes: read as a whole
            if dtype != np.uint8 or fortran or not (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))):
                raise UserError(f"{path}: images are {dtype} {shape}; they must be uint8 (M, H, W) or (M, H, W, 3)")
            if info.compress_type == zipfile.ZIP_STORED:
                return open_npy(path, start=_start(path, info), channels_last=True)
            if allocate is None:
                return None
            count, height, width, channels = (*shape, 1)[:4]
            out = allocate((count, channels, height, width))
            size = max(1, BLOCK // (height * width * channels))
            for start in range(0, count, size):
                some = min(size, count - start)
                pixels = np.frombuffer(member.read(some * height * width * channels), np.uint8)
                out[start : start + some] = pixels.reshape(some, height, width, channels).transpose(0, 3, 1, 2)
                release(out)
            if member.read(1):  # the checksum is compared at the end
                raise ValueError("more bytes than the header of images says")
            return torch.from_numpy(out)


def _start(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin in the file: behind its own header, whose extra field may differ from the list's."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        head = file.read(_LOCAL_HEADER)
    name, extra = struct.unpack("<HH", head[26:30])
    return info.header_offset + _LOCAL_HEADER + int(name) + int(extra)
