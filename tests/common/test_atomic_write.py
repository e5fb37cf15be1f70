"""Files of a set get their names together, also where two processes write sets of the same names at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptgraph.common.atomic_write import FileSet, write
from ptgraph.errors import ExportError

ENDINGS = ("a", "b", "c", "d")


def many_sets(folder: Path, word: bytes, rounds: int) -> None:
    for _ in range(rounds):
        write(folder, "net", {ending: [word] for ending in ENDINGS})


def test_two_processes_leave_the_files_of_one_of_them(tmp_path: Path) -> None:
    """Each time that one has renamed a set, it is whole: nobody comes between."""
    fork = multiprocessing.get_context("fork")
    other = fork.Process(target=many_sets, args=(tmp_path, b"other", 400))
    other.start()
    mixed = 0
    while other.is_alive():
        with FileSet(tmp_path, "net") as made:
            made.add({ending: [b"mine"] for ending in ENDINGS})
            made.rename()
    other.join()
    mixed += len({(tmp_path / f"net.{ending}").read_bytes() for ending in ENDINGS}) - 1
    assert (other.exitcode, mixed) == (0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"net.{ending}" for ending in ENDINGS]


def test_nothing_has_its_name_before_all_are_whole(tmp_path: Path) -> None:
    (tmp_path / "net.a").write_bytes(b"old")
    with FileSet(tmp_path, "net") as made:
        made.add({"a": [b"new"]})
        with pytest.raises(ExportError, match=r"cannot write .*net\.b"):
            made.add({"c": [b"new"], "b": failing()})
        assert (tmp_path / "net.a").read_bytes() == b"old"
        assert made.rename() == [tmp_path / "net.a"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"net.a": b"new"}


def failing() -> Iterator[bytes]:
    yield b"some"
    raise OSError(5, "Input/output error")
