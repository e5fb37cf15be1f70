"""Files of torch.jit.save → the ScriptModule, if its code does nothing but compute.

TorchScript can write files (``torch.save``, ``torch.from_file``) and call operators of other libraries, when it is
loaded and when it is run. A file whose code could do so is refused.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import first_line, listed
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError
from ptgraph.loading.archives import check_archive

# The words of all ways to say it; a method of the user's that is called so is refused, too.
_FILES = re.compile(r"\b(save|from_file)\b")
_OPERATORS = re.compile(r"\bops\s*\.\s*(\w+)")
_KNOWN = {"aten", "prim", "quantized", "torchaudio", "torchvision"}


def is_torchscript(path: Path) -> bool:
    """Return whether *path* is a file that torch.jit.save wrote, whatever its name ends with."""
    return _is_torchscript(_entries(path))


def is_pickled(path: Path) -> bool:
    """Return whether *path* is a file that torch.save wrote."""
    entries = _entries(path)
    return _holds(entries, "data.pkl") and not _is_torchscript(entries)


def read_torchscript(path: Path, *, trust: bool = False) -> torch.jit.ScriptModule:
    """Return the module in a file of torch.jit.save, on the CPU.

    Raises LoadError if it cannot be read, or if its code may do more than compute, and there is no *trust*.
    """
    if not trust:
        _check(path)
    try:
        with path.open("rb") as file:
            check_archive(file, path.stat().st_size, lambda name: not name.endswith(".py"))
        with quiet():
            loaded: Any = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:  # what torch raises for a damaged file, or an operator that is not installed
        raise LoadError(f"cannot read {path}: {first_line(error)}") from error
    return loaded  # type: ignore[no-any-return]


def _check(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        code = _code_of(archive.namelist())
        if sum(archive.getinfo(name).file_size for name in code) > limit("code"):
            raise LoadError(f"{path} holds more than {limit_text('code')} of code; {remedy('code')}")
        text = "\n".join(archive.read(name).decode("utf-8", "replace") for name in code)
    found = [f"{match[1]}()" for match in _FILES.finditer(text)]
    found += [f"ops.{match[1]}" for match in _OPERATORS.finditer(text) if match[1] not in _KNOWN]
    if found:
        said = listed(sorted(set(found)))
        raise LoadError(f"{path} holds code that may do more than compute ({said}); --trust runs it all the same")


def _is_torchscript(entries: list[str]) -> bool:
    return _holds(entries, "constants.pkl") and _code_of(entries) != []


def _holds(entries: list[str], name: str) -> bool:
    return any(entry.partition("/")[2] == name for entry in entries)


def _code_of(entries: list[str]) -> list[str]:
    return [entry for entry in entries if entry.partition("/")[2].startswith("code/") and entry.endswith(".py")]


def _entries(path: Path) -> list[str]:
    """Return the names in a zip archive; nothing for any other file, and for what is no regular file."""
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return []


__all__ = ["is_pickled", "is_torchscript", "read_torchscript"]
