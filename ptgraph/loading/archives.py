"""Zip archives that torch writes: none unpacks to much more than it is, no pickle makes bytes without end."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from typing import IO, Any

from ptgraph.common.limits import limit, limit_text, remedy


def check_archive(file: IO[bytes], size: int, counts: Callable[[str], bool] = lambda name: True) -> None:
    """Raise ValueError if a zip archive of *size* bytes unpacks to more than these and the limit ``unpacked``.

    *counts* says of the name of an entry whether it counts. Raises UnpicklingError as `check_pickle` does. What is no
    archive is not checked.
    """
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist() if counts(entry.filename))
        if unpacked > size + limit("unpacked"):
            raise ValueError(
                f"its {size:,} bytes unpack to {unpacked:,}, and torch compresses next to nothing; {remedy('unpacked')}"
            )
        for name in archive.namelist():
            if name.partition("/")[2] == "data.pkl":
                check_pickle(archive.read(name))


def check_pickle(data: bytes) -> None:
    """Raise UnpicklingError if a pickle names ``bytearray``, which torch calls: a few bytes then make any number."""
    if b"bytearray" in data and b"builtin" in data:
        raise pickle.UnpicklingError("it makes a bytearray")


def check_values(value: Any) -> None:
    """Raise ValueError if *value* holds more values than the limit ``values``, with its lists, tuples and dicts.

    What is held twice counts twice, and a list that holds itself counts without end: so does what walks through all.
    """
    most = limit("values")
    counts: dict[int, int] = {}
    open_: set[int] = set()
    todo = [value]
    while todo:
        part = todo[-1]
        inside = _inside(part)
        if id(part) in open_ or id(part) in counts or not inside:
            todo.pop()
            open_.discard(id(part))
            counts[id(part)] = min(1 + sum(counts[id(each)] for each in inside), most + 1)
            continue
        open_.add(id(part))
        if any(id(each) in open_ for each in inside):
            counts[id(value)] = most + 1
            break
        todo += [each for each in inside if id(each) not in counts]
    if counts[id(value)] > most:
        raise ValueError(
            f"its example inputs, nested as they are, hold more than {limit_text('values')} values; {remedy('values')}"
        )


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return [*value] if isinstance(value, list | tuple) else []


__all__ = ["check_archive", "check_pickle", "check_values"]
