"""Modules that a target imports, removed after it: a second target in another folder then imports its own.

Changes ``sys.modules`` and ``sys.path`` of the process.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from ptgraph.common.file_names import module_file


@contextlib.contextmanager
def own_modules() -> Iterator[None]:
    """Remove modules that are imported within from ``sys.modules``, but no installed ones; restore ``sys.path``."""
    before, path = set(sys.modules), [*sys.path]
    try:
        yield
    finally:
        folders = {Path(folder).resolve() for folder in [*sys.path, ""] if folder not in path} | {Path.cwd()}
        for name in set(sys.modules) - before:
            file = module_file(sys.modules[name])
            if file is not None and _of_the_user(Path(file), folders):
                del sys.modules[name]
        sys.path[:] = path


def _of_the_user(file: Path, folders: set[Path]) -> bool:
    inside = any(folder in file.parents for folder in folders)
    return inside and "site-packages" not in file.parts and Path(__file__).parents[1] not in file.parents


__all__ = ["own_modules"]
