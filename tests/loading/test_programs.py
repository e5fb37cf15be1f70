"""Targets that are programs are refused before they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptgraph.errors import LoadError
from ptgraph.loading.target import load

NET = """
import argparse, sys
import click
from torch import nn

def make():
    return nn.Linear(2, 2)

def nothing() -> None:
    raise AssertionError("it ran")

def code() -> int:
    raise AssertionError("it ran")

def parsing():
    parser = argparse.ArgumentParser()
    raise AssertionError("it ran")

def reading():
    return make() if sys.argv[1] else None

@click.command()
def command():
    raise AssertionError("it ran")
"""


@pytest.mark.parametrize("name", ["nothing", "code", "parsing", "reading", "command"])
def test_a_program_is_refused_and_not_run(tmp_path: Path, name: str) -> None:
    file = tmp_path / "programs_in_a_file.py"
    file.write_text(NET)
    with pytest.raises(LoadError, match="is a program, not a model or a factory of one; it was not run"):
        load(f"{file}:{name}")


@pytest.mark.parametrize("target", ["ptgraph.cli.main:main", "ptgraph.__main__:main"])
def test_our_own_program_is_refused(target: str) -> None:
    with pytest.raises(LoadError, match="is a program"):
        load(target)


def test_a_factory_is_none(tmp_path: Path) -> None:
    file = tmp_path / "programs_in_a_file.py"
    file.write_text(NET)
    with pytest.raises(Exception, match=r"inputs") as caught:
        load(f"{file}:make")
    assert "program" not in str(caught.value).replace("programs_in_a_file", "")
