"""Files written atomically: each whole or not at all, an older one kept until the new one is complete."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ptgraph.common.interrupts import check, uncut
from ptgraph.common.messages import size_text
from ptgraph.common.temporary_files import is_temporary, sweep, temporary_name
from ptgraph.errors import ExportError


def check_folder(output: str | os.PathLike[str]) -> None:
    """Raise ExportError if the folder *output* can neither be written to nor be made. Makes nothing."""
    folder = Path(output)
    try:
        existing = next(p for p in (folder, *folder.parents, Path()) if p.exists())
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    if not existing.is_dir():
        named = "it" if existing == folder else existing
        raise ExportError(f"cannot write to {folder}: {named} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ExportError(f"cannot write to {folder}: permission denied")


def write(folder: Path, stem: str, files: dict[str, Iterable[bytes]]) -> list[Path]:
    """Write ``stem.suffix`` for each suffix in *files*, and return the paths. Raises ExportError if one cannot be."""
    with FileSet(folder, stem) as made:
        made.add(files)
        return made.rename()


class FileSet:
    """Files that get their names together: each is written under a temporary name first.

    Two processes that write sets of the same names leave the files of one of them. At the end of the context, files
    that were not renamed are removed.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder, self.stem = folder, stem
        self.pending: list[tuple[Path, Path]] = []  # (temporary name, name)

    def __enter__(self) -> FileSet:
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self.pending)

    def add(self, files: dict[str, Iterable[bytes]]) -> None:
        """Write all of *files* (suffix → chunks), or none: raises ExportError, which names the file and the reason."""
        made: list[tuple[Path, Path]] = []
        try:
            for suffix, chunks in files.items():
                target = self.folder / f"{self.stem}.{suffix}"
                made.append((target.with_name(f".{target.name}.{temporary_name()}"), target))
                _write(*made[-1], chunks)
        except BaseException:
            _remove(made)
            raise
        self.pending += made

    def rename(self) -> list[Path]:
        """Give the files their names, and return these. No signal comes between."""
        check()
        with uncut(), _locked(self.folder):
            try:
                for temporary, target in self.pending:
                    temporary.replace(target)
            except OSError as error:
                raise ExportError(f"cannot write to {self.folder}: {error.strerror or error}") from error
            return [target for _, target in self.pending]


def _write(temporary: Path, target: Path, chunks: Iterable[bytes]) -> None:
    left, size = iter(chunks), 0
    try:
        if target.is_dir():
            raise ExportError(f"cannot write {target}: it is a folder")
        with temporary.open("xb") as file:
            for chunk in left:
                size += len(chunk)
                file.write(chunk)
    except OSError as error:
        room = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            size += sum(map(len, left))
            temporary.unlink(missing_ok=True)
            free = shutil.disk_usage(target.parent).free
            room = f"; it has {size_text(size)}, and {size_text(free)} are free on this disk"
        raise ExportError(f"cannot write {target}: {error.strerror or error}{room}") from error


def _remove(files: Iterable[tuple[Path, Path]]) -> None:
    with uncut():
        for temporary, _ in files:
            with contextlib.suppress(OSError):  # it was never made, or cannot be any more
                temporary.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes that hold this lock waiting. Without locks of folders (Windows, some networks), do nothing.

    The system lets go of the lock when a process ends.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            number = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, number)
            fcntl.flock(number, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def orderly(folder: Path, written: list[Path]) -> Iterator[None]:
    """Remove temporary files in *folder*: those of dead processes first, and after an interrupt those of this one.

    A KeyboardInterrupt gets a note of the files in *written*.
    """
    sweep(folder)
    sweep(Path(tempfile.gettempdir()))
    try:
        yield
    except KeyboardInterrupt as stop:
        sweep(folder, own=True)
        if not is_temporary(folder):
            stop.add_note(f"new in {folder}: {', '.join(path.name for path in written) or 'nothing'}")
        raise


def make_folder(output: str | os.PathLike[str]) -> Path:
    """Return *output* as a folder, which is made if needed. Raises ExportError if it cannot be made or written to."""
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ExportError(f"cannot write to {folder}: it is a file, not a folder") from error
    except OSError as error:
        raise ExportError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ExportError(f"cannot write to {folder}: permission denied")
    return folder


__all__ = ["FileSet", "check_folder", "make_folder", "orderly", "write"]
