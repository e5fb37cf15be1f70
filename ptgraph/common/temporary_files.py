"""Temporary files and folders, whose names say which process made them, so that those of dead processes are removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ptgraph.common.interrupts import uncut

_SESSION = secrets.token_hex(4)  # tells this process from an earlier one with the same number
_NAME = re.compile(r"(\..+\.)?ptgraph-(?P<host>\w+)-(?P<pid>\d+)-(?P<session>\w+)-\w+")


def temporary_name() -> str:
    """Return a name that no other file has; ``.NAME.`` may stand before it."""
    return f"ptgraph-{_host()}-{os.getpid()}-{_SESSION}-{secrets.token_hex(4)}"


def is_temporary(path: Path) -> bool:
    """Return whether *path* has a name that `temporary_name` gives."""
    return _NAME.fullmatch(path.name) is not None


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a new folder, which is removed at the end; also removes those that a killed process has left."""
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    folder = parent / temporary_name()
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        with uncut():
            shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, *, own: bool = False) -> None:
    """Remove temporary files in *folder* of dead processes, and with *own* those of this process.

    Files of processes on other hosts or in other containers stay, since these may be alive.
    """
    with contextlib.suppress(OSError):  # what cannot be listed or removed is not ours to remove
        with os.scandir(folder) as entries:  # not `iterdir`: of thousands of names, few are ours
            names = [entry.name for entry in entries]
        for found in filter(None, map(_NAME.fullmatch, names)):
            if found["host"] != _host():
                continue
            path = folder / found[0]
            mine = found["session"] == _SESSION
            if (own and mine) or not _alive(int(found["pid"]), found["session"]):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _host() -> str:
    """Return a word for this host and, in a container, its process namespace: a process number is valid only there."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no Linux
        processes = ""
    return hashlib.sha256(f"{socket.gethostname()} {processes}".encode()).hexdigest()[:8]


def _alive(pid: int, session: str) -> bool:
    if pid == os.getpid():
        return session == _SESSION
    if os.name != "posix":  # there, signal 0 is no question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, PermissionError):
        return True
    return True


__all__ = ["is_temporary", "sweep", "temporary_folder", "temporary_name"]
