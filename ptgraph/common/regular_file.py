"""Regular files: a file that a user names is read only if it is one, so that no read waits or never ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.errors import LoadError, PtgraphError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}


def need_file(path: Path, error: type[PtgraphError] = LoadError, *, is_text: bool = False) -> None:
    """Raise *error* if *path* is not a regular file that can be read, or is beyond the limit ``text`` and a text.

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
    if is_text and found.st_size > limit("text"):
        raise error(_too_large(path, f"{found.st_size / 2**20:,.1f} MiB"))


def read_whole(path: Path, error: type[PtgraphError] = LoadError) -> bytes:
    """Return the bytes of a file of text.

    Raises *error* as `need_file` does, or if the file has more bytes than the limit ``text``.
    """
    need_file(path, error, is_text=True)
    try:
        with path.open("rb") as file:
            data = file.read(limit("text") + 1)  # a file of the system may have more than its size says
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror or reason}") from reason
    if len(data) > limit("text"):
        raise error(_too_large(path, f"more than {limit_text('text')}"))
    return data


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link to {path.readlink()}, which does not exist"
    return f"{path} does not exist"


def _link(path: Path) -> str:
    return f"a link to {path.resolve()}, " if path.is_symlink() else ""


def _too_large(path: Path, size: str) -> str:
    return f"{path} has {size}, and ptgraph reads at most {limit_text('text')} of such a file; {remedy('text')}"


__all__ = ["need_file", "read_whole"]
