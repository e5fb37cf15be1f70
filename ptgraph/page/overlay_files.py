"""Overlays from CSV and JSON files, and from the same forms as Python data."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import quoted
from ptgraph.common.regular_file import read_whole
from ptgraph.common.unique import unique
from ptgraph.errors import UsageError
from ptgraph.page.overlay import Overlay

FORMS = (
    "an overlay is CSV (a header; then a module path or operation, and numbers) or JSON ({path: number}, "
    '{name: {path: number}} or [{"path": path, name: number}])'
)
_ROOT = ("", "/", ".")
LONGEST = 2**16  # characters of the first line by which the delimiter is found


@dataclass(frozen=True, slots=True)
class _Row:
    """The numbers of one part: where the file says so (for messages), the part, and its cells by column."""

    place: str
    path: str
    cells: dict[str, Any]


def read_overlays(files: Iterable[str | os.PathLike[str]]) -> tuple[Overlay, ...]:
    """Return the overlays of several files. Two of the same name get the names of their files, too.

    Raises what `read_overlay` does.
    """
    found = [(Path(file).name, overlay) for file in files for overlay in read_overlay(file)]
    counts = Counter(overlay.name for _, overlay in found)
    named: list[Overlay] = []
    for file, overlay in found:
        name = f"{overlay.name} ({file})" if counts[overlay.name] > 1 else overlay.name
        named.append(replace(overlay, name=unique(name, {other.name for other in named}, "{name} {number}")))
    return tuple(named)


def read_overlay(path: str | os.PathLike[str]) -> tuple[Overlay, ...]:
    """Return the overlays of a file: one for each column of numbers, by its heading; a lone one by the file's stem.

    Raises UsageError, which names the file and the line, if the file cannot be read or has another form, a value is no
    finite number, or a path comes twice.
    """
    file = Path(path)
    data = read_whole(file, UsageError)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = data[error.start : error.start + 8]
        raise UsageError(f"{file}, line {line}: {said!r} is not UTF-8; save the file as UTF-8") from error
    if file.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        return overlays_of(_parsed(text, str(file)), file.stem, str(file))
    return _overlays(_csv_rows(text, str(file)), str(file), words=True)


def overlays_of(data: Any, name: str = "overlay", place: str = "overlay") -> tuple[Overlay, ...]:
    """Return the overlays that *data* holds, in one of the forms of JSON; one without a name is called *name*.

    Raises what `read_overlay` does.
    """
    if isinstance(data, list):
        rows = (_row(row, f"{place}, row {number}") for number, row in enumerate(data, 1))
        return _overlays(rows, place)
    if not isinstance(data, Mapping):
        raise UsageError(f"{place}: {quoted(data)} is no overlay; {FORMS}")
    inner = {key: value for key, value in data.items() if isinstance(value, Mapping)}
    if not inner:
        rows = (_Row(f"{place}, {quoted(key)}", str(key), {name: value}) for key, value in data.items())
        return _overlays(rows, place)
    if len(data) + sum(map(len, inner.values())) > limit("numbers"):
        raise _too_many(place)
    found: list[Overlay] = []
    for key, values in data.items():
        if key not in inner:
            raise UsageError(
                f"{place}, {quoted(key)}: {quoted(values)} stands beside overlays that have names; {FORMS}"
            )
        heading, where = _heading(key, place), f"{place}, {quoted(key)}"
        rows = (_Row(f"{where}, {quoted(p)}", str(p), {heading: v}) for p, v in values.items())
        found += _overlays(rows, where)
    return tuple(found)


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
    """Return the delimiter that divides the first line with text into the most cells."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip(",;\t \r\n")), "")[:LONGEST]

    def cells(mark: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=mark), []))
        except csv.Error:
            return 0

    return max(",;\t", key=cells)


def _header(cells: list[str], where: str) -> list[str]:
    if len(cells) < 2:
        raise UsageError(f"{where}: {quoted(cells[0])} is one column; {FORMS}")
    seen: set[str] = set()
    for name in cells[1:]:
        if _is_number(name):
            raise UsageError(f"{where}: {quoted(name)} stands in the header; the first line must name the columns")
        if name and name in seen:
            raise UsageError(f"{where}: the column {quoted(name)} comes twice; give each a name of its own")
        seen.add(name)
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
                raise UsageError(f"{place}: {quoted(key)} comes {count} times; say one number for each")
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise UsageError(f"{place}, line {error.lineno}: no JSON: {error.msg} (column {error.colno})") from error
    except (RecursionError, ValueError) as error:  # brackets by the thousand, or a number of thousands of digits
        raise UsageError(f"{place}: no JSON that can be read: {error}; {FORMS}") from error


def _row(row: Any, where: str) -> _Row:
    if not isinstance(row, Mapping) or not isinstance(row.get("path"), str):
        raise UsageError(f'{where}: {quoted(row)} has no text "path"; {FORMS}')
    return _Row(where, row["path"], {_heading(key, where): value for key, value in row.items() if key != "path"})


def _heading(key: Any, where: str) -> str:
    if not str(key).strip():
        raise UsageError(f"{where}: an overlay has no name; say what its numbers are")
    return str(key)


def _overlays(rows: Iterable[_Row], place: str, *, words: bool = False) -> tuple[Overlay, ...]:
    """Return an overlay for each column with a number; one of text alone, such as a class, is none.

    With *words*, a cell is a number as it is written in a file of text. Rows are read one by one, and not kept.
    """
    found: dict[str, dict[str, float]] = {}
    wrong: dict[str, tuple[_Row, str]] = {}  # column → the first cell that is no number
    seen: dict[str, str] = {}  # path → where it stands
    count = 0
    for row in rows:
        count += max(1, len(row.cells))
        if count > limit("numbers"):
            raise _too_many(place)
        path = "" if row.path.strip() in _ROOT else row.path.strip()
        if path in seen:
            raise UsageError(f"{row.place}: {quoted(row.path)} came before ({seen[path]}); say it once")
        seen[path] = row.place
        for name, cell in row.cells.items():
            if cell is None or cell == "":
                continue
            number = _number(cell, words)
            if number is None:
                wrong.setdefault(name, (row, f"{quoted(name)} is {quoted(cell)}"))
            elif not math.isfinite(number):
                raise UsageError(
                    f"{row.place}: {quoted(name)} is {quoted(cell)}, which no colour can show; leave it out"
                )
            else:
                found.setdefault(name, {})[path] = number
    for name, (row, said) in wrong.items():
        if name in found or not found:
            raise UsageError(f"{row.place}: {said}, and no number; write one such as 1.5, or nothing")
    if not found:
        raise UsageError(f"{place} holds no number; {FORMS}")
    return tuple(Overlay(name, values) for name, values in found.items())


def _too_many(place: str) -> UsageError:
    return UsageError(f"{place} holds more than {limit_text('numbers')} numbers; {remedy('numbers')}")


def _number(cell: Any, words: bool) -> float | None:
    """Return a cell as a number, or None if it is none; one that is too large for a float is infinite."""
    if isinstance(cell, str) and (not words or "_" in cell):
        return None
    try:
        return None if isinstance(cell, bool) or not isinstance(cell, str | Real) else float(cell)
    except ValueError:
        return None
    except OverflowError:
        return math.inf


__all__ = ["overlays_of", "read_overlay", "read_overlays"]
