"""ModelGraph → files: which formats are written, what happens if one fails, and the files, written atomically."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ptgraph.common.atomic_write import FileSet, make_folder, orderly
from ptgraph.common.file_names import file_stem
from ptgraph.common.interrupts import check, uncut
from ptgraph.common.messages import named
from ptgraph.common.silence import alone
from ptgraph.comparison.diff import compare
from ptgraph.errors import ExportError, PtgraphError, UsageError
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS, Format, plugins
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import views_kept


@dataclass(frozen=True, slots=True)
class Missing:
    """A format that was not written, and why."""

    format: str
    reason: str
    error: Exception | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export: the files that were written, in order, and the formats that were not.

    ``skipped`` are formats that the model cannot have and that were not asked for by name; ``failed`` are all others.
    """

    files: tuple[Path, ...]
    skipped: tuple[Missing, ...] = ()
    failed: tuple[Missing, ...] = ()

    def complain(self) -> None:
        """Raise ExportError if a format failed, with the reasons."""
        if self.failed:
            raise ExportError("; ".join(missing.reason for missing in self.failed)) from self.failed[0].error


def formats(names: str | Iterable[str] | None) -> tuple[list[str], bool]:
    """Return the formats that *names* mean, and whether each was asked for by its own name.

    *names* is ``"onnx,svg"``, a list of such texts, ``"all"`` (every format of ptgraph), or None (the usual ones).
    Raises UsageError for a name that is not known.
    """
    words = [names] if isinstance(names, str) else list(names or [])
    asked = [part.strip().lower() for word in words for part in word.split(",") if part.strip()]
    if words and not asked:
        raise UsageError(f"no format is named; there are: {', '.join(FORMATS)}, all")
    if not asked:
        return [name for name, format in FORMATS.items() if format.usual], False
    known = _known(asked)
    for name in asked:
        if name != "all" and name not in known:
            raise UsageError(f"unknown format {name!r}; there are: {', '.join(known)}, all")
    return [name for name in known if name in asked or ("all" in asked and name in FORMATS)], "all" not in asked


def _known(names: Iterable[str]) -> dict[str, Format]:
    """Return the formats by name, with those of other packages if a name in *names* is none of ptgraph's."""
    return FORMATS if {"all", *FORMATS}.issuperset(names) else FORMATS | plugins()[0]


@alone
def export(
    graph: ModelGraph,
    output: str | os.PathLike[str] = "exports",
    names: str | Iterable[str] | None = None,
    options: Options = Options(),  # noqa: B008 (frozen)
    progress: Callable[[str], None] = lambda format: None,
) -> Exported:
    """Write *graph* as ``output/NAME.FORMAT`` for each format, and return the paths.

    Writes are atomic: all files appear under their names together, when the last is whole, and until then older ones
    stay, even if this process is killed. The next export removes temporary files of a killed process.

    A format that cannot be made does not keep the others from being written. It is *failed* if it was asked for by
    name, with weights or strictly, or if the error is none of the model's; otherwise it is *skipped*.
    `Exported.complain` raises an error if a format has failed. A graph that was read from an ONNX file is written as
    ONNX only if that is asked for by name. A KeyboardInterrupt ends the export, and gets a note that names the new
    files. A file that cannot be written, as on a full disk, fails its format alone.

    Raises UsageError for an unknown format, or an option that does not fit the model; ExportError if the folder cannot
    be written to.
    """
    chosen, by_name = formats(names)
    known = _known(chosen)
    folder = make_folder(output)
    written: list[Path] = []
    skipped: list[Missing] = []
    failed: list[Missing] = []
    with orderly(folder, written), FileSet(folder, graph.name) as made, views_kept():
        for name in chosen:
            if not by_name and graph.kind.name == known[name].source:
                continue  # it was read from a file of this format
            progress(name)
            try:
                files = known[name].render(graph, options)
            except Exception as error:  # without it, the other formats are still worth having
                check(error)
                if isinstance(error, UsageError):  # an option that does not fit the model, such as a module to draw
                    raise
                asked = (
                    by_name
                    or (known[name].holds_weights and (options.weights != "none" or options.strict))
                    or not isinstance(error, ExportError)
                )
                (failed if asked else skipped).append(_missing(name, graph, error, known[name].package))
                continue
            try:
                made.add(files)
            except Exception as error:  # noqa: BLE001  # it may make its bytes while they are written
                check(error)
                failed.append(_missing(name, graph, error, known[name].package))
        with uncut():
            written += made.rename()
    return Exported(tuple(written), tuple(skipped), tuple(failed))


@alone
def export_comparison(
    a: ModelGraph,
    b: ModelGraph,
    output: str | os.PathLike[str] = "exports",
    name: str | None = None,
    options: Options = Options(),  # noqa: B008 (frozen)
) -> Exported:
    """Write one page that shows what is different in *b*: ``output/NAME.html``, by default ``A-vs-B.html``.

    Raises ExportError if the folder or the file cannot be written.
    """
    from ptgraph.formats.html import render_comparison  # what the page needs takes a while to import

    folder = make_folder(output)
    written: list[Path] = []
    with orderly(folder, written), FileSet(folder, name or file_stem(f"{a.name}-vs-{b.name}")) as made:
        try:
            made.add(render_comparison(a, b, compare(a, b), options))
        except Exception as error:
            check(error)
            if isinstance(error, PtgraphError):
                raise
            return Exported((), failed=(_missing("comparison", a, error),))
        with uncut():
            written += made.rename()
    return Exported(tuple(written))


def render(graph: ModelGraph, name: str, options: Options = Options()) -> bytes:  # noqa: B008 (frozen)
    """Return *graph* in the format *name*, one of `formats`, which is one file.

    Raises UsageError for a format of several files, ExportError if it cannot be made.
    """
    known = _known([name])[name]
    try:
        files = known.render(graph, options)
    except PtgraphError:
        raise
    except Exception as error:
        check(error)
        raise ExportError(_missing(name, graph, error, known.package).reason) from error
    if len(files) > 1:
        raise UsageError(f"{name} is {len(files)} files, which need a folder: {', '.join(files)}")
    return b"".join(next(iter(files.values())))


def _missing(name: str, graph: ModelGraph, error: Exception, package: str = "ptgraph") -> Missing:
    if isinstance(error, ExportError):
        return Missing(name, str(error), error)
    whose = "" if package == "ptgraph" else f" by {package}"
    return Missing(name, f"making the {name} of {graph.name}{whose} failed: {named(error)}", error)


__all__ = ["Exported", "Missing", "export", "export_comparison", "formats", "render"]
