"""Regular files: a file that a user names is read only if it is one, so that no read waits or never ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ptgraph.errors import LoadError, PtgraphError

LARGEST_TEXT = 16 * 2**20  # bytes of a text that is read whole
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}


def need_file(path: Path, error: type[PtgraphError] = LoadError, largest: int | None = None) -> None:
    """Raise *error* if *path* is not a regular file that can be read, or has more than *largest* bytes.

    Links are followed. The message says what *path* is instead, or where a link leads that leads to nothing.
    """
    try:
        found = path.stat()
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:  # nothing else is opened: to open a pipe waits, and to open a device may do anything
            os.close(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))
    except (FileNotFoundError, NotADirectoryError):
        raise error(_missing(path)) from None
    except (OSError, ValueError) as reason:  # no permission, or the name is too long or holds a NUL
        raise error(f"cannot read {path}: {getattr(reason, 'strerror', None) or reason}") from reason
    if kind is not None:
        raise error(f"{path} is {_link(path)}{kind}, not a file")
    if largest is not None and found.st_size > largest:
        raise error(_too_large(path, found.st_size, largest))


def read_whole(path: Path, error: type[PtgraphError] = LoadError, largest: int = LARGEST_TEXT) -> bytes:
    """Return the bytes of a file of text.

    Raises *error* as `need_file` does, or if the file has more than *largest* bytes.
    """
    need_file(path, error, largest)
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)  # a file of the system may have more than its size says
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror or reason}") from reason
    if len(data) > largest:
        raise error(_too_large(path, None, largest))
    return data


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link to {path.readlink()}, which does not exist"
    return f"{path} does not exist"


def _link(path: Path) -> str:
    return f"a link to {path.resolve()}, " if path.is_symlink() else ""


def _too_large(path: Path, size: int | None, largest: int) -> str:
    has = f"{size / 2**20:,.1f}" if size is not None else f"more than {largest >> 20}"
    return f"{path} has {has} MiB, and ptgraph reads at most {largest >> 20} MiB of such a file"


__all__ = ["LARGEST_TEXT", "need_file", "read_whole"]
