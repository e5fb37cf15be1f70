"""ModelGraph → files: picks the backends, owns every file, and writes each whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .backends import BACKENDS
from .errors import ExportError, PtgraphError, UsageError
from .graph import ModelGraph
from .options import Options


@dataclass(frozen=True, slots=True)
class Skipped:
    """A format that was not asked for by name and could not be made, and why."""

    format: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, in order, and what it had to leave out."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...] = ()


def formats(names: str | Iterable[str] | None) -> tuple[list[str], bool]:
    """Return the formats meant by *names* (``"onnx,svg"``, a list, ``"all"``) and whether by their own name.

    Raises UsageError for one that is not known.
    """
    words = [names] if isinstance(names, str) else list(names or [])
    asked = [part.strip().lower() for word in words for part in word.split(",") if part.strip()]
    if words and not asked:
        raise UsageError(f"no format is named; there are: {', '.join(BACKENDS)}, all")
    if not asked or asked == ["all"]:
        return list(BACKENDS), False
    for name in asked:
        if name != "all" and name not in BACKENDS:
            raise UsageError(f"unknown format {name!r}; there are: {', '.join(BACKENDS)}, all")
    return [name for name in BACKENDS if name in asked or "all" in asked], "all" not in asked


def export(
    graph: ModelGraph,
    output: str | os.PathLike[str] = "exports",
    names: str | Iterable[str] | None = None,
    options: Options = Options(),  # noqa: B008 (frozen)
    progress: Callable[[str], None] = lambda format: None,
) -> Exported:
    """Write *graph* as ``output/NAME.FORMAT`` for each format, and return the paths.

    A file appears under its name only when it is whole; an older one stays until then. A format that the
    graph cannot have is skipped, with its reason, unless it was asked for by name.
    Raises UsageError for an unknown format, ExportError for one that fails or a folder that cannot be written.
    """
    chosen, by_name = formats(names)
    folder = _folder(output)
    written: list[Path] = []
    skipped: list[Skipped] = []
    for name in chosen:
        progress(name)
        with _failures_explained(f"making the {name} of {graph.name}"):
            try:
                files = BACKENDS[name].render(graph, options)
            except ExportError as error:
                if by_name or graph.program is not None:
                    raise
                skipped.append(Skipped(name, str(error)))
                continue
            written += write(folder, graph.name, files)
    return Exported(tuple(written), tuple(skipped))


@contextlib.contextmanager
def _failures_explained(doing: str) -> Iterator[None]:
    """Turn whatever a backend raises unforeseen into an ExportError."""
    try:
        yield
    except PtgraphError:
        raise
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise ExportError(f"{doing} failed: {type(error).__name__}: {first}") from error


def write(folder: Path, stem: str, files: dict[str, Iterable[bytes]]) -> list[Path]:
    """Write the files of one format together: first all beside their places, then each into it."""
    pending: list[tuple[Path, Path]] = []
    try:
        for suffix, chunks in files.items():
            target = folder / f"{stem}.{suffix}"
            if target.is_dir():
                raise ExportError(f"cannot write {target}: it is a folder")
            pending.append((_write_beside(target, chunks), target))
        for temporary, target in pending:
            temporary.replace(target)
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        for temporary, _ in pending:
            temporary.unlink(missing_ok=True)
    return [target for _, target in pending]


def _write_beside(target: Path, chunks: Iterable[bytes]) -> Path:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _folder(output: str | os.PathLike[str]) -> Path:
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


__all__: Sequence[str] = ["Exported", "Skipped", "export", "formats", "write"]
