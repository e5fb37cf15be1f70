"""Files written atomically: each whole or not at all, an older one kept until the new one is complete."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ptgraph.common.interrupts import check, uncut
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
    """Write ``stem.suffix`` for each suffix in *files*, and return the paths.

    All files are written under temporary names first, then renamed. Raises ExportError if one cannot be written.
    """
    written: list[Path] = []
    write_all(folder, stem, files, written)
    return written


def write_all(folder: Path, stem: str, files: dict[str, Iterable[bytes]], written: list[Path]) -> None:
    """Do as `write`, and add the paths to *written*. No signal comes between the renaming and the adding."""
    pending: list[tuple[Path, Path]] = []
    try:
        for suffix, chunks in files.items():
            target = folder / f"{stem}.{suffix}"
            if target.is_dir():
                raise ExportError(f"cannot write {target}: it is a folder")
            pending.append((target.with_name(f".{target.name}.{temporary_name()}"), target))
            with pending[-1][0].open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
        check()
        with uncut():
            for temporary, target in pending:
                temporary.replace(target)
            written += [target for _, target in pending]
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        with uncut():
            for temporary, _ in pending:
                temporary.unlink(missing_ok=True)


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


__all__ = ["check_folder", "make_folder", "orderly", "write", "write_all"]
