"""Sibling modules: files beside a target can be imported, but never in place of a library of torch or ptgraph.

The target's folder comes first on ``sys.path``, as for Python's own scripts, so that ``from utils import x`` finds the
utils.py in it, whatever is installed. Modules of the standard library and of ptgraph's requirements are looked for
elsewhere first: when torch imports sympy, a sympy.py beside the model is not found.

``sys.path`` and ``sys.meta_path`` of the process stay changed (see `ptgraph.loading.own_modules`).
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
    """Let modules in *folder* be imported, from now on."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    _FINDER.folders.add(folder)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def is_library(name: str) -> bool:
    """Return whether *name* is a module of the standard library, or of an installed requirement of ptgraph."""
    return name in sys.stdlib_module_names or name in _required()


class _Libraries:
    """A finder of modules that finds the library where a module in the user's folder has the same name."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if path is not None or not any(_holds(folder, name) for folder in self.folders) or not is_library(name):
            return None
        return PathFinder.find_spec(name, [path for path in sys.path if Path(path).resolve() not in self.folders])


def _holds(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()


@cache
def _required() -> set[str]:
    """Return the modules of all direct and indirect requirements of ptgraph and its extras."""
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
