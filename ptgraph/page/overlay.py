"""A user's own numbers for the parts of a model (milliseconds, errors of quantisation), which the page colours by."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptgraph.common.suggest import similar
from ptgraph.errors import UsageError

if TYPE_CHECKING:
    from ptgraph.graph.model import ModelGraph


FORMS = (
    "an overlay is CSV (a header; then a module path or operation, and numbers) or JSON ({path: number}, "
    '{name: {path: number}} or [{"path": path, name: number}])'
)
_ROOT = ("", "/", ".")
_SHOWN, _LONG = 3, 60  # names that a message says, and characters of each


@dataclass(frozen=True, slots=True)
class Overlay:
    """Numbers by module path (the root's is the empty string) or name of an operation, and what they are."""

    name: str
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    """What a file says of one part: where it says so, of what, and a cell for each column that it has."""

    place: str
    path: str
    cells: dict[str, Any]


def read_overlays(files: Iterable[str | os.PathLike[str]]) -> tuple[Overlay, ...]:
    """Return the overlays of several files; where two have the same name, each says its file too."""
    found = [(Path(file).name, overlay) for file in files for overlay in read_overlay(file)]
    counts = Counter(overlay.name for _, overlay in found)
    named: list[Overlay] = []
    for file, overlay in found:
        name = stem = f"{overlay.name} ({file})" if counts[overlay.name] > 1 else overlay.name
        while any(name == other.name for other in named):
            name = f"{stem} {sum(other.name.startswith(stem) for other in named) + 1}"
        named.append(replace(overlay, name=name))
    return tuple(named)


def read_overlay(path: str | os.PathLike[str]) -> tuple[Overlay, ...]:
    """Return the overlays of a file: one for each column of numbers, by its heading; a lone one by the file's stem.

    Raises UsageError, with file and place, for a file that cannot be read or is of another form, a value that is no
    finite number, and a path that comes twice.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that can be none
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the overlay {file}: {reason}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = data[error.start : error.start + 8]
        raise UsageError(f"{file}, line {line}: {said!r} is not UTF-8; save the file as UTF-8") from error
    if file.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        return overlays_of(_parsed(text, str(file)), file.stem, str(file))
    return _overlays(list(_csv_rows(text, str(file))), str(file), words=True)


def overlays_of(data: Any, name: str = "overlay", place: str = "overlay") -> tuple[Overlay, ...]:
    """Return the overlays that *data* holds, in one of the forms of JSON; one without a name is called *name*.

    Raises what `read_overlay` does.
    """
    if isinstance(data, list):
        rows = [_row(row, f"{place}, row {number}") for number, row in enumerate(data, 1)]
        return _overlays(rows, place)
    if not isinstance(data, Mapping):
        raise UsageError(f"{place}: {_said(data)} is no overlay; {FORMS}")
    inner = {key: value for key, value in data.items() if isinstance(value, Mapping)}
    if not inner:
        rows = [_Row(f"{place}, {_said(key)}", str(key), {name: value}) for key, value in data.items()]
        return _overlays(rows, place)
    found: list[Overlay] = []
    for key, values in data.items():
        if key not in inner:
            raise UsageError(f"{place}, {_said(key)}: {_said(values)} stands beside overlays that have names; {FORMS}")
        heading, where = _heading(key, place), f"{place}, {_said(key)}"
        found += _overlays([_Row(f"{where}, {_said(p)}", str(p), {heading: v}) for p, v in values.items()], where)
    return tuple(found)


def match(overlays: Sequence[Overlay], graph: ModelGraph) -> tuple[tuple[Overlay, ...], list[str]]:
    """Return *overlays* with what names a component, operation, input or output of *graph*, and all other names.

    Raises UsageError if there are overlays and none of their names is in the graph.
    """
    known = {*graph.components, *graph.of_kind("op", "input", "output")}
    kept = [replace(o, values={path: value for path, value in o.values.items() if path in known}) for o in overlays]
    lost = list(dict.fromkeys(path for overlay in overlays for path in overlay.values if path not in known))
    if overlays and not any(overlay.values for overlay in kept):
        paths = [path for path in graph.components if path] or graph.of_kind("op")
        close = [p for name in lost[:_SHOWN] for p in similar(name, sorted(known), cutoff=0.5)]
        such = names_text(list(dict.fromkeys(close)) or paths)
        raise UsageError(
            f"nothing that the overlay names is in {graph.name}: {names_text(lost)}; "
            f"it has {'such names as ' if not close else ''}{such}"
        )
    return tuple(overlay for overlay in kept if overlay.values), lost


def unmatched_text(lost: Sequence[str], model: str) -> str:
    """Return a warning that names of an overlay are not in the model."""
    return f"{len(lost):,} {'name' if len(lost) == 1 else 'names'} of the overlay not in {model}: {names_text(lost)}"


def names_text(names: Sequence[str]) -> str:
    """Return the first of *names*, quoted so that nothing in them can deceive, and how many more there are."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(_said, names[:_SHOWN])) + more


def _csv_rows(text: str, place: str) -> Iterator[_Row]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=_delimiter(text), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            where = f"{place}, line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header([cell.strip() for cell in cells], where)
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                raise UsageError(f"{where} has {len(cells)} cells, and the header {len(header)}; quote what holds one")
            named = zip(header[1:], cells[1:], strict=False)
            yield _Row(where, cells[0], {name: cell.strip() for name, cell in named if name})
    except csv.Error as error:
        raise UsageError(f"{place}, line {reader.line_num}: {error}; {FORMS}") from error


def _delimiter(text: str) -> str:
    """Return what divides the first line that says something into the most cells."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip(",;\t \r\n")), "")

    def cells(mark: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=mark), []))
        except csv.Error:
            return 0

    return max(",;\t", key=cells)


def _header(cells: list[str], where: str) -> list[str]:
    if len(cells) < 2:
        raise UsageError(f"{where}: {_said(cells[0])} is one column; {FORMS}")
    for index, name in enumerate(cells[1:], 1):
        if _is_number(name):
            raise UsageError(f"{where}: {_said(name)} stands in the header; the first line must name the columns")
        if name and name in cells[1:index]:
            raise UsageError(f"{where}: the column {_said(name)} comes twice; give each a name of its own")
    return cells


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parsed(text: str, place: str) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in found)
        for key, count in counts.items():
            if count > 1:
                raise UsageError(f"{place}: {_said(key)} comes {count} times; say one number for each")
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise UsageError(f"{place}, line {error.lineno}: no JSON: {error.msg} (column {error.colno})") from error
    except (RecursionError, ValueError) as error:  # brackets by the thousand, or a number of thousands of digits
        raise UsageError(f"{place}: no JSON that can be read: {error}; {FORMS}") from error


def _row(row: Any, where: str) -> _Row:
    if not isinstance(row, Mapping) or not isinstance(row.get("path"), str):
        raise UsageError(f'{where}: {_said(row)} has no text "path"; {FORMS}')
    return _Row(where, row["path"], {_heading(key, where): value for key, value in row.items() if key != "path"})


def _heading(key: Any, where: str) -> str:
    if not str(key).strip():
        raise UsageError(f"{where}: an overlay has no name; say what its numbers are")
    return str(key)


def _overlays(rows: list[_Row], place: str, *, words: bool = False) -> tuple[Overlay, ...]:
    """Return an overlay for each column with a number; one of text alone, such as a class, is none.

    With *words*, a cell is a number as it is written in a file of text.
    """
    found: dict[str, dict[str, float]] = {}
    wrong: dict[str, tuple[_Row, str]] = {}  # column → the first cell that is no number
    seen: dict[str, _Row] = {}
    for row in rows:
        path = "" if row.path.strip() in _ROOT else row.path.strip()
        if path in seen:
            raise UsageError(f"{row.place}: {_said(row.path)} came before ({seen[path].place}); say it once")
        seen[path] = row
        for name, cell in row.cells.items():
            if cell is None or cell == "":
                continue
            number = _number(cell, words)
            if number is None:
                wrong.setdefault(name, (row, f"{_said(name)} is {_said(cell)}"))
            elif not math.isfinite(number):
                raise UsageError(f"{row.place}: {_said(name)} is {_said(cell)}, which no colour can show; leave it out")
            else:
                found.setdefault(name, {})[path] = number
    for name, (row, said) in wrong.items():
        if name in found or not found:
            raise UsageError(f"{row.place}: {said}, and no number; write one such as 1.5, or nothing")
    if not found:
        raise UsageError(f"{place} holds no number; {FORMS}")
    return tuple(Overlay(name, values) for name, values in found.items())


def _number(cell: Any, words: bool) -> float | None:
    """Return a cell as a number, or None if it is none; what is too large for a float is infinite."""
    if isinstance(cell, str) and (not words or "_" in cell):
        return None
    try:
        return None if isinstance(cell, bool) or not isinstance(cell, str | Real) else float(cell)
    except ValueError:
        return None
    except OverflowError:
        return math.inf


def _said(value: Any) -> str:
    """Return a value as a message quotes it: one line, printable, and not too long."""
    try:
        text = repr(value[: _LONG + 1] if isinstance(value, str) else value)
    except (RecursionError, ValueError):  # as deep, or as long a number, as nobody writes
        text = type(value).__name__
    return f"{text[:_LONG]}…" if len(text) > _LONG + 2 else text


__all__ = ["FORMS", "Overlay", "match", "names_text", "overlays_of", "read_overlay", "read_overlays", "unmatched_text"]
