"""Source files as ``package/module.py``, and the docstring, source and methods of a class."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from torch import nn

from ptgraph.common.file_names import module_file
from ptgraph.graph.model import ClassInfo
from ptgraph.tracing.plain_values import public
from ptgraph.tracing.torch_internals import OWN_FRAMES

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)


class SourceFiles:
    """The files of all modules that are imported when this is made: make one for each trace.

    The user's own modules come and go between traces, and one of another folder may have the same name.
    """

    def __init__(self) -> None:
        self._modules = {
            file: name
            for name, module in sorted(sys.modules.items())
            if (file := module_file(module)) is not None and name != "__main__"
        }
        self._shown: dict[str, str] = {}

    def relative_path(self, file: str) -> str:
        """Return *file* as ``package/module.py``: the same wherever the package is installed or checked out."""
        if file not in self._shown:
            path = Path(file)
            name = self._modules.get(file)
            parts = name.split(".") if name is not None else [""]
            above = parts if name is not None and path.name == "__init__.py" else parts[:-1]
            self._shown[file] = "/".join([*above, path.name])
        return self._shown[file]

    def last_frame(self, stack_trace: str | None) -> tuple[str | None, int | None]:
        """Return file and line of the innermost frame of a stack trace, or two Nones; a tracer's own are left out."""
        for file, line in reversed(_FRAME.findall(stack_trace or "")):
            path = self.relative_path(file)
            if not path.startswith(OWN_FRAMES):
                return path, int(line)
        return None, None

    def describe(self, cls: Any) -> ClassInfo:
        """Return what the code says of a class or function; without readable source, its name and docstring."""
        try:
            lines, line = inspect.getsourcelines(cls)
            file = self.relative_path(inspect.getsourcefile(cls) or "")
        except (OSError, TypeError):  # built in the interpreter, or compiled
            return ClassInfo(cls.__qualname__, cls.__module__, doc=_own_doc(cls), methods=_methods(cls))
        source = textwrap.dedent("".join(lines))
        return ClassInfo(cls.__qualname__, cls.__module__, _own_doc(cls), file, line, source, _methods(cls))


def qualified_name(cls: Any) -> str:
    """Return ``package.module.Class``, the name by which a class or function is known in ``ModelGraph.classes``."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _own_doc(item: Any) -> str | None:
    """Return the docstring; not that of what it overrides, which for most is ``nn.Module.forward``."""
    return inspect.cleandoc(item.__doc__) if item.__doc__ else None


def _methods(cls: Any) -> tuple[dict[str, str | None], ...]:
    """Return name, signature and docstring of the public methods, but for those every module has."""
    found = {}
    for base in reversed(getattr(cls, "__mro__", ())):  # a function has none
        if base in (object, nn.Module) or base.__module__ == "torch.nn.modules.module":
            continue
        for name, value in vars(base).items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if not name.startswith("_") and inspect.isfunction(function):
                found[name] = function
    return tuple(
        {"name": name, "signature": _signature(function), "doc": _own_doc(function)} for name, function in found.items()
    )


def _signature(function: Any) -> str:
    try:
        return public(str(inspect.signature(function)))
    except (TypeError, ValueError):
        return "(…)"


__all__ = ["SourceFiles", "qualified_name"]
