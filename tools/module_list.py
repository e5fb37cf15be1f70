"""Writes docs/modules.md: every module of ptgraph, with the first line of its docstring. ``make docs`` runs it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "modules.md"
HEAD = """\
# Modules

`make docs` writes this page from the docstrings. CONTRIBUTING.md says what the packages are.
"""


def document() -> str:
    """Return the page: a table for each package."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "ptgraph").rglob("*.py")):
        if path.name != "__init__.py":
            folder = str(path.parent.relative_to(ROOT))
            found.setdefault(folder, []).append(f"| `{path.stem}` | {_first_line(path)} |")
    tables = (
        "\n".join([f"## {folder}", "", "| module | what it is |", "|---|---|", *rows]) for folder, rows in found.items()
    )
    return "\n\n".join([HEAD.rstrip(), *tables]) + "\n"


def _first_line(path: Path) -> str:
    """Return the first paragraph of the docstring of a module, as one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
