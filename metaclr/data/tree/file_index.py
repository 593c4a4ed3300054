"""Finds the image that a row of a list means among the images of a folder."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from metaclr.data.tree.file_tree import Folder
from metaclr.errors import UserError


class FileIndex:
    """The images of a tree by their paths, and by their names with and without ending, whatever the case."""

    def __init__(self, tree: Folder) -> None:
        self.paths: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[str, list[str]] = {}
        self._folders: set[str] = {_plain(name) for folder in tree.walk() for name in folder.names}
        for folder in tree.walk():
            for name in folder.images:
                names = (*folder.names, name)
                path = "/".join(names)
                self.paths[path] = names
                for key in {_plain(name), _plain(name.rpartition(".")[0])}:
                    self._by_name.setdefault(key, []).append(path)

    def has(self, written: str) -> bool:
        """Whether an image has the name that a text ends in, with or without its ending."""
        name = _plain(_names(written)[-1]) if written.strip() else ""
        return bool(name) and (name in self._by_name or _stem(name) in self._by_name)

    def find(self, written: str, below: str, class_name: str | None = None) -> str | None:
        """The path of the image that a text means; None if it is not there.

        The text is a path below the folder of the list (or of its part), below the data set, or of another machine, of
        which the last names count; or a name alone, without ending or with another one (photo.jpg for photo.png).

        Args:
            below: the folder of the list, or of its part; files in it are preferred.
            class_name: of several files of one name, that in a folder of this name is meant.

        Raises:
            UserError: several files may be meant.
        """
        names = _names(written)
        path = "/".join(names)
        for candidate in (f"{below}/{path}" if below else path, path):
            if candidate in self.paths:
                return candidate
        plain = [_plain(name) for name in names]
        found = self._by_name.get(plain[-1]) or self._by_name.get(_stem(plain[-1]), [])
        if len(plain) > 1 and plain[-2] in self._folders:  # a file of that name in another folder is another file
            found = [one for one in found if [*map(_plain, self.paths[one][:-1])][-1:] == plain[-2:-1]]
        ranked = [(self._rank(one, plain, below, class_name), one) for one in found]
        best = [one for rank, one in ranked if rank == max(rank for rank, _ in ranked)]
        if len(best) > 1:
            raise UserError(f"{written!r} may be {' or '.join(best[:3])}; write the path below the folder")
        return best[0] if best else None

    def _rank(self, path: str, plain: list[str], below: str, class_name: str | None) -> tuple[int, bool, bool]:
        """How well a path fits: names in common from the end, below the folder of the list, in that of the class."""
        folders = [_plain(name) for name in self.paths[path][:-1]]
        alike = 0
        while alike < min(len(folders), len(plain) - 1) and folders[-1 - alike] == plain[-2 - alike]:
            alike += 1
        return alike, path.startswith(f"{below}/"), class_name is not None and _plain(class_name) in folders


def _names(written: str) -> tuple[str, ...]:
    parts = PurePosixPath(written.strip().replace("\\", "/")).parts
    return tuple(name for name in parts if name not in ("/", ".", "..")) or (written,)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _stem(name: str) -> str:
    """A name without its ending; a dot that begins no ending stays."""
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.isalnum() and len(ending) <= 5 else name
