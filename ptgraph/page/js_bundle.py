"""ES modules → one script: each after those that it imports from, without the words `import` and `export`.

The page is one file that asks for nothing, so its modules share one scope; their names at the top differ, or the
browser would refuse the script.
"""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable
from posixpath import dirname, join, normpath

_IMPORT = re.compile(r"^import \{[^}]*\} from '(\.{1,2}/[\w./-]+\.js)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)


def bundle(folder: Traversable, entry: str) -> str:
    """Return the script of the module *entry* with all that it imports; its path, like theirs, is one in *folder*."""
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
