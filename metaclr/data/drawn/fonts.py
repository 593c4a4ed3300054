"""The 16 text fonts that matplotlib ships, and the characters that at least 12 of them can draw."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from metaclr.errors import UserError

MIN_FONTS = 12
"""A character is a class if this many of the fonts draw it."""

_FAMILIES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral")
_NOT_TEXT = "Display"  # DejaVu's display cuts have mathematics only
_NOT_DRAWN_ALONE = {"Mn", "Zs", "Cf"}  # combining marks, spaces, format controls


def text_fonts() -> list[Path]:
    """The .ttf files, in name order: 12 DejaVu and 4 STIXGeneral. Raises UserError if they are not there."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    files = sorted(p for p in folder.glob("*.ttf") if p.name.startswith(_FAMILIES))
    files = [p for p in files if _NOT_TEXT not in p.name]
    if len(files) < MIN_FONTS:
        raise UserError(
            f"glyphs: {folder} has {len(files)} of matplotlib's 16 text fonts, and {MIN_FONTS} are needed;"
            " install matplotlib from its own wheel"
        )
    return files


def fonts_digest(fonts: Sequence[Path]) -> str:
    """SHA-256 over names and contents of the font files."""
    digest = sha256()
    for path in fonts:
        digest.update(path.name.encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def characters(fonts: Sequence[Path]) -> dict[int, list[int]]:
    """Code point -> which of `fonts` draw it, for all characters that at least `MIN_FONTS` draw; in code order.

    Combining marks, spaces and format controls are no characters to look at and are not counted.
    """
    from matplotlib.ft2font import FT2Font

    maps: list[Mapping[int, object]] = [FT2Font(str(path)).get_charmap() for path in fonts]
    counts = Counter(code for charmap in maps for code in charmap)
    return {
        code: [i for i, charmap in enumerate(maps) if code in charmap]
        for code in sorted(counts)
        if counts[code] >= MIN_FONTS and _is_drawn(code)
    }


def _is_drawn(code: int) -> bool:
    character = chr(code)
    return bool(unicodedata.name(character, "")) and unicodedata.category(character) not in _NOT_DRAWN_ALONE


def script_of(code: int) -> str:
    """The group of a character: the first word of its Unicode name ("Latin", "Greek", "Modifier")."""
    return unicodedata.name(chr(code)).split()[0].capitalize()


def class_name_of(code: int) -> str:
    """The class name of a character: "Latin/LATIN SMALL LETTER A"."""
    return f"{script_of(code)}/{unicodedata.name(chr(code))}"
