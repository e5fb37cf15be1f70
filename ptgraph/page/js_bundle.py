"""ES modules → one script: each module after those that it imports, without the keywords `import` and `export`.

The page is one file that loads no others, so all modules share one scope. Names at the top of modules must differ, or
the browser refuses the script.
"""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable
from posixpath import dirname, join, normpath

_IMPORT = re.compile(r"^import \{[^}]*\} from '(\.{1,2}/[\w./-]+\.js)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)


def bundle(folder: Traversable, entry: str) -> str:
    """Return the script of the module *entry* and of all that it imports; paths are relative to *folder*.

    Raises ValueError if modules import each other.
    """
    done: dict[str, str] = {}
    _add(folder, entry, done, ())
    return "\n".join(done.values())


def _add(folder: Traversable, path: str, done: dict[str, str], above: tuple[str, ...]) -> None:
    if path in above:
        raise ValueError(f"modules import each other: {' → '.join((*above, path))}")
    if path in done:
        return
    text = folder.joinpath(path).read_text(encoding="utf-8")
    for imported in _IMPORT.findall(text):
        _add(folder, normpath(join(dirname(path), imported)), done, (*above, path))
    done[path] = _EXPORT.sub("", _IMPORT.sub("", text))


__all__ = ["bundle"]
