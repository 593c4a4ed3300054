"""Download one file: progress, checksum, and resuming where an earlier try stopped."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from metaclr.console import progress
from metaclr.errors import UserError

_BLOCK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte


def download(url: str, path: Path, *, md5: str = "") -> Path:
    """Fetch `url` to `path`, unless a whole file is there.

    What has arrived is kept in PATH.part; the next call asks for the rest. The file has its name only when it is whole.

    Args:
        md5: hexadecimal checksum; empty if nobody publishes one.

    Raises:
        UserError: no internet, no such file, a full disk, or another checksum.
    """
    if path.is_file() and (not md5 or _md5(path) == md5):
        return path
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        have = part.stat().st_size if part.is_file() else 0
        kept = f"; {have:,} bytes are kept, and the same command resumes" if have else ""
        raise UserError(
            f"{url} cannot be downloaded ({_reason(error)}){kept}; or put the file into {path.parent} yourself"
        ) from error
    if md5 and (found := _md5(part)) != md5:
        part.unlink()
        raise UserError(f"{url}: arrived with checksum {found}, not {md5}; it was removed, try again")
    part.replace(path)
    return path


def _fetch(url: str, part: Path) -> None:
    """Append the missing bytes to `part`; start again where the server cannot send a rest."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing
            return
        raise
    with answer, progress(f"downloading {part.stem}") as bar:
        if have and answer.status != 206:
            have = 0
        expected = have + int(answer.headers.get("Content-Length", 0) or 0)
        with part.open("ab" if have else "wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                have += len(block)
                bar(have >> 20, max(expected, have) >> 20, note="MiB")
    if have < expected:
        raise OSError(f"the connection ended after {have:,} of {expected:,} bytes")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    return " ".join(str(inner or error).split())[:160] or type(error).__name__
