"""ModelGraph → files: picks the backends, owns every file, and writes each whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .backends import BACKENDS, Backend, plugins, render_comparison
from .comparison import compare
from .errors import ExportError, PtgraphError, UsageError, named
from .graph import ModelGraph
from .interrupts import check, uncut
from .options import Options, file_stem
from .quiet import alone
from .temporary import is_temporary, sweep, temporary_name


@dataclass(frozen=True, slots=True)
class Missing:
    """A format that could not be made, and why."""

    format: str
    reason: str
    error: Exception | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, in order, and what it could not.

    ``skipped`` are formats that the model cannot have and that were not asked for; ``failed`` all others.
    """

    files: tuple[Path, ...]
    skipped: tuple[Missing, ...] = ()
    failed: tuple[Missing, ...] = ()

    def complain(self) -> None:
        """Raise ExportError if a format failed, with the reasons."""
        if self.failed:
            raise ExportError("; ".join(missing.reason for missing in self.failed)) from self.failed[0].error


def formats(names: str | Iterable[str] | None) -> tuple[list[str], bool]:
    """Return the formats meant by *names* (``"onnx,svg"``, a list, ``"all"``; None for the usual ones) and whether
    by their own name. ``all`` are those of ptgraph.

    Raises UsageError for one that is not known.
    """
    words = [names] if isinstance(names, str) else list(names or [])
    asked = [part.strip().lower() for word in words for part in word.split(",") if part.strip()]
    if words and not asked:
        raise UsageError(f"no format is named; there are: {', '.join(BACKENDS)}, all")
    if not asked:
        return [name for name, backend in BACKENDS.items() if backend.usual], False
    known = _known(asked)
    for name in asked:
        if name != "all" and name not in known:
            raise UsageError(f"unknown format {name!r}; there are: {', '.join(known)}, all")
    return [name for name in known if name in asked or ("all" in asked and name in BACKENDS)], "all" not in asked


def _known(names: Iterable[str]) -> dict[str, Backend]:
    """Return the backends by name, with those of other packages if *names* has one that is not ours."""
    return BACKENDS if {"all", *BACKENDS}.issuperset(names) else BACKENDS | plugins()[0]


@alone
def export(
    graph: ModelGraph,
    output: str | os.PathLike[str] = "exports",
    names: str | Iterable[str] | None = None,
    options: Options = Options(),  # noqa: B008 (frozen)
    progress: Callable[[str], None] = lambda format: None,
) -> Exported:
    """Write *graph* as ``output/NAME.FORMAT`` for each format, and return the paths.

    A file appears under its name only when it is whole; an older one stays until then, even if this process is
    killed, and what a killed one has left behind is removed by the next export. A format that cannot be
    made does not keep the others from being written: it is skipped, or failed if it was asked for by name or
    with its weights, or if the fault is not the model's. `Exported.complain` raises for those. What was read from
    an ONNX file needs no other, unless it is asked for by name. A KeyboardInterrupt ends the export, and has a note
    of the files that are new.
    Raises UsageError for an unknown format, or a choice that the model does not have; ExportError for a folder or
    file that cannot be written.
    """
    chosen, by_name = formats(names)
    backends = _known(chosen)
    folder = make_folder(output)
    written: list[Path] = []
    skipped: list[Missing] = []
    failed: list[Missing] = []
    with _orderly(folder, written):
        for name in chosen:
            if name == "onnx" and graph.is_read and not by_name:
                continue  # it is there already
            progress(name)
            try:
                files = backends[name].render(graph, options)
            except Exception as error:  # without it, the other formats are still worth having
                check(error)
                if isinstance(error, UsageError):  # a choice that this model does not have, such as what to draw
                    raise
                asked = by_name or (name == "onnx" and options.weights != "none") or not isinstance(error, ExportError)
                (failed if asked else skipped).append(_missing(name, graph, error, backends[name].package))
                continue
            try:
                _write(folder, graph.name, files, written)
            except Exception as error:  # of a backend that makes its bytes while they are written
                check(error)
                if isinstance(error, PtgraphError):
                    raise
                failed.append(_missing(name, graph, error, backends[name].package))
    return Exported(tuple(written), tuple(skipped), tuple(failed))


@alone
def export_comparison(
    a: ModelGraph,
    b: ModelGraph,
    output: str | os.PathLike[str] = "exports",
    name: str | None = None,
    options: Options = Options(),  # noqa: B008 (frozen)
) -> Exported:
    """Write one page, ``output/A-vs-B.html`` or that called *name*, which shows what is different in *b*."""
    folder = make_folder(output)
    written: list[Path] = []
    with _orderly(folder, written):
        try:
            _write(
                folder,
                name or file_stem(f"{a.name}-vs-{b.name}"),
                render_comparison(a, b, compare(a, b), options),
                written,
            )
        except Exception as error:
            check(error)
            if isinstance(error, PtgraphError):
                raise
            return Exported((), failed=(_missing("comparison", a, error),))
    return Exported(tuple(written))


def _missing(name: str, graph: ModelGraph, error: Exception, package: str = "ptgraph") -> Missing:
    if isinstance(error, ExportError):
        return Missing(name, str(error), error)
    whose = "" if package == "ptgraph" else f" by {package}"
    return Missing(name, f"making the {name} of {graph.name}{whose} failed: {named(error)}", error)


def check_folder(output: str | os.PathLike[str]) -> None:
    """Raise ExportError if *output* can neither be written to nor made; nothing is made yet."""
    folder = Path(output)
    try:
        place = next(p for p in (folder, *folder.parents, Path()) if p.exists())
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    if not place.is_dir():
        named = "it" if place == folder else place
        raise ExportError(f"cannot write to {folder}: {named} is a file, not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ExportError(f"cannot write to {folder}: permission denied")


def write(folder: Path, stem: str, files: dict[str, Iterable[bytes]]) -> list[Path]:
    """Write the files of one format together: first all beside their places, then each into it."""
    written: list[Path] = []
    _write(folder, stem, files, written)
    return written


def _write(folder: Path, stem: str, files: dict[str, Iterable[bytes]], written: list[Path]) -> None:
    """Do as `write`, and note the files in *written* when they have their names: no signal comes in between."""
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
def _orderly(folder: Path, written: list[Path]) -> Iterator[None]:
    """Remove what dead processes have left, and after an interrupt what this one has; it notes what is *written*."""
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
    """Return *output* as a folder that exists and can be written to; raise ExportError if it cannot be."""
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


__all__: Sequence[str] = [
    "Exported",
    "Missing",
    "check_folder",
    "export",
    "export_comparison",
    "formats",
    "make_folder",
    "write",
]
