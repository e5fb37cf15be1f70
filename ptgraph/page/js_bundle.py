"""ES modules → one script: each after those that it imports from, without the words `import` and `export`.

The page is one file that asks for nothing, so its modules share one scope; their names at the top differ, or the
browser would refuse the script.
"""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable

_IMPORT = re.compile(r"^import \{[^}]*\} from '\./([\w-]+\.js)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)


def bundle(folder: Traversable, entry: str) -> str:
    """Return the script of the module *entry* in *folder*, with all that it imports."""
    done: dict[str, str] = {}
    _add(folder, entry, done, ())
    return "\n".join(done.values())


def _add(folder: Traversable, name: str, done: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"modules import each other: {' → '.join((*above, name))}")
    if name in done:
        return
    text = (folder / name).read_text(encoding="utf-8")
    for imported in _IMPORT.findall(text):
        _add(folder, imported, done, (*above, name))
    done[name] = _EXPORT.sub("", _IMPORT.sub("", text))


__all__ = ["bundle"]
