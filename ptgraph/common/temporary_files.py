"""Files and folders for the time of a run, whose names say of which process they are: those of a dead one go."""

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
_NAME = re.compile(r"(\..+\.)?ptgraph-(?P<place>\w+)-(?P<pid>\d+)-(?P<session>\w+)-\w+")


def temporary_name() -> str:
    """Return a name that no other file has; ``.NAME.`` may stand before it."""
    return f"ptgraph-{_place()}-{os.getpid()}-{_SESSION}-{secrets.token_hex(4)}"


def is_temporary(path: Path) -> bool:
    """Return whether *path* has such a name."""
    return _NAME.fullmatch(path.name) is not None


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for what is done within; those that a killed process has left are removed, too."""
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
    """Remove what is temporary in *folder*, of dead processes, and with *own* of this one.

    Of a process elsewhere, nobody here can know whether it is dead.
    """
    with contextlib.suppress(OSError):  # what cannot be listed or removed is not ours to remove
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found is None or found["place"] != _place():
                continue
            mine = found["session"] == _SESSION
            if (own and mine) or not _alive(int(found["pid"]), found["session"]):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _place() -> str:
    """Return a word for where the number of a process means something: this host, and its container if in one."""
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
