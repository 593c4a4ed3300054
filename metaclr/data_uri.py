"""Files inside a page: addresses that hold their content."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


def data_uri(content: bytes, media_type: str) -> str:
    """The content as an address that needs no file.

    >>> data_uri(b"hi", "text/plain")
    'data:text/plain;base64,aGk='
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def picture_uri(picture: Image, *, photo: bool) -> str:
    """A picture as such an address, as JPEG for photographs, else as PNG."""
    buffer = BytesIO()
    options: dict[str, Any] = {"format": "JPEG", "quality": 85} if photo else {"format": "PNG", "optimize": True}
    picture.save(buffer, **options)
    return data_uri(buffer.getvalue(), "image/jpeg" if photo else "image/png")
