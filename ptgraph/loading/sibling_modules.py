"""What lies beside a target can be imported, and is never taken for a library that ptgraph or torch imports later.

A folder comes first on ``sys.path``, as for Python's own scripts, so that ``from utils import x`` finds the utils.py
that lies there, whatever is installed. Only names of the standard library and of what ptgraph requires are looked for
elsewhere first: a profile.py or sympy.py beside the model is not what torch means by that name.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_GENERAL = {"utils", "tests", "test", "examples", "docs", "benchmarks", "tools", "scripts", "models", "config", "data"}


def add_folder(folder: Path) -> None:
    """Let modules in *folder* be imported."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    _FINDER.folders.add(folder)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def is_library(name: str) -> bool:
    """Say whether *name* is a module of the standard library, or of what ptgraph requires and is installed."""
    return name in sys.stdlib_module_names or name in _required()


class _Libraries:
    """Finds libraries where a module of the user's has the same name."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if path is not None or not any(_holds(folder, name) for folder in self.folders) or not is_library(name):
            return None
        return PathFinder.find_spec(name, [place for place in sys.path if Path(place).resolve() not in self.folders])


def _holds(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()


@cache
def _required() -> set[str]:
    """Return the modules of all that ptgraph requires, with its extras, and of what that requires."""
    known, left = set(), ["ptgraph"]
    while left:
        name = _normal(left.pop())
        if name not in known:
            known.add(name)
            try:
                left += [
                    re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in metadata.requires(name) or ()
                ]
            except metadata.PackageNotFoundError:  # an extra of something that is not installed
                continue
    modules = metadata.packages_distributions().items()
    return {module for module, names in modules if known & set(map(_normal, names))} - _GENERAL


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_FINDER: Any = _Libraries()

__all__ = ["add_folder", "is_library"]
