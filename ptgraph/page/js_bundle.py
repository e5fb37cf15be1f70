"""ES modules → one script: each module after those that it imports, without the keywords `import` and `export`.

The page is one file that loads no others, so all modules share one scope. Names at the top of modules must differ, or
the browser refuses the script.
"""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable
from posixpath import dirname, join, normpath

_IMPORT = re.compile(r"^import \{[^}]*\} from '(\.{1,2}/[\w./-]+\.js)';\n", re.MULTILINE)
_EXPORT = re.compile(r"\nexport (?=(?:async )?(?:function|class|const|let)\b)")


def bundle(folder: Traversable, entry: str) -> str:
    """Return the script of the module *entry* and of all that it imports; paths are relative to *folder*.

    Raises ValueError if modules import each other.
    """
    done: dict[str, str] = {}
    _add(folder, entry, done, ())
    return _EXPORT.sub("\n", "\n".join(["", *done.values()]))[1:]


def _add(folder: Traversable, path: str, done: dict[str, str], above: tuple[str, ...]) -> None:
    if path in above:
        raise ValueError(f"modules import each other: {' → '.join((*above, path))}")
    if path in done:
        return
    pieces = _IMPORT.split(folder.joinpath(path).read_text(encoding="utf-8"))  # text and imported paths in turn
    for imported in pieces[1::2]:
        _add(folder, normpath(join(dirname(path), imported)), done, (*above, path))
    done[path] = "".join(pieces[::2])


__all__ = ["bundle"]
