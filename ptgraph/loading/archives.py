"""Zip archives that torch writes: none unpacks to much more than it is, and no pickle makes bytes without end."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from typing import IO

from ptgraph.common.limits import limit, remedy


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


__all__ = ["check_archive", "check_pickle"]
