"""ModelGraph → files: picks the backends, owns every file, and writes each whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .backends import BACKENDS, Backend, plugins, render_comparison
from .comparison import compare
from .errors import ExportError, ExportWarning, PtgraphError, UsageError, named
from .graph import ModelGraph
from .options import Options

_SESSION = secrets.token_hex(4)  # tells this process from an earlier one with the same number
_TEMPORARY = re.compile(r"\..+\.ptgraph-(?P<place>\w+)-(?P<pid>\d+)-(?P<session>\w+)-\w+")


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
    ``remarks`` say of what was written how it is not quite what was asked for.
    """

    files: tuple[Path, ...]
    skipped: tuple[Missing, ...] = ()
    failed: tuple[Missing, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """Return a line for each thing that a person should know of what was, or was not, written."""
        return [*self.remarks, *(f"no {missing.format}: {missing.reason}" for missing in self.skipped)]

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
    an ONNX file needs no other, unless it is asked for by name.
    Raises UsageError for an unknown format, or a choice that the model does not have; ExportError for a folder or
    file that cannot be written.
    """
    chosen, by_name = formats(names)
    backends = _known(chosen)
    folder = make_folder(output)
    _sweep(folder)
    written: list[Path] = []
    skipped: list[Missing] = []
    failed: list[Missing] = []
    remarks: list[str] = []
    for name in chosen:
        if name == "onnx" and graph.is_read and not by_name:
            continue  # it is there already
        progress(name)
        try:
            with _heard(remarks):
                files = backends[name].render(graph, options)
        except ExportError as error:
            asked = by_name or (name == "onnx" and options.weights != "none")
            (failed if asked else skipped).append(Missing(name, str(error), error))
            continue
        except UsageError:  # a choice that this model does not have, such as what to draw
            raise
        except Exception as error:  # a fault of the backend: the other formats are still worth having
            failed.append(_fault(name, graph, error, backends[name].package))
            continue
        try:
            written += write(folder, graph.name, files)
        except PtgraphError:
            raise
        except Exception as error:  # of a backend that makes its bytes while they are written
            failed.append(_fault(name, graph, error, backends[name].package))
    return Exported(tuple(written), tuple(skipped), tuple(failed), tuple(remarks))


@contextlib.contextmanager
def _heard(remarks: list[str]) -> Iterator[None]:
    """Add each ExportWarning to *remarks*; any other warning is passed on."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ExportWarning)
        yield
    for item in found:
        if issubclass(item.category, ExportWarning):
            remarks.append(str(item.message))
        else:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)


def export_comparison(
    a: ModelGraph,
    b: ModelGraph,
    output: str | os.PathLike[str] = "exports",
    name: str | None = None,
    options: Options = Options(),  # noqa: B008 (frozen)
) -> Exported:
    """Write one page, ``output/A-vs-B.html`` or that called *name*, which shows what is different in *b*."""
    folder = make_folder(output)
    _sweep(folder)
    try:
        files = render_comparison(a, b, compare(a, b), options)
        return Exported(tuple(write(folder, name or f"{a.name}-vs-{b.name}", files)))
    except PtgraphError:
        raise
    except Exception as error:
        return Exported((), failed=(_fault("comparison", a, error),))


def _fault(name: str, graph: ModelGraph, error: Exception, package: str = "ptgraph") -> Missing:
    whose = "" if package == "ptgraph" else f" by {package}"
    return Missing(name, f"making the {name} of {graph.name}{whose} failed: {named(error)}", error)


def check_folder(output: str | os.PathLike[str]) -> None:
    """Raise ExportError if *output* can neither be written to nor made; nothing is made yet."""
    folder = Path(output)
    place = next(p for p in (folder, *folder.parents, Path()) if p.exists())
    if not place.is_dir():
        named = "it" if place == folder else place
        raise ExportError(f"cannot write to {folder}: {named} is a file, not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ExportError(f"cannot write to {folder}: permission denied")


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
    marks = f"ptgraph-{_place()}-{os.getpid()}-{_SESSION}-{secrets.token_hex(4)}"
    temporary = target.with_name(f".{target.name}.{marks}")
    try:
        with temporary.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sweep(folder: Path) -> None:
    """Remove the temporary files in *folder* whose process is dead; of one elsewhere, nobody here can know."""
    with contextlib.suppress(OSError):  # what cannot be listed or removed is not ours to remove
        for path in folder.iterdir():
            found = _TEMPORARY.fullmatch(path.name)
            if found and found["place"] == _place() and not _alive(int(found["pid"]), found["session"]):
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
