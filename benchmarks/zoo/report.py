"""docs/zoo.md: the table of the zoo, with totals above it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

FORMATS = ("onnx", "html", "svg", "json")
HEAD = """# Models of other libraries

`python -m benchmarks.zoo` made this table; nothing in it is typed in by hand. Each model has random weights and a small
size, and is exported, verified and counted in a process of its own. A row stays until its model is run again, and the
seconds are those of a machine with other work.

- *Exit*: the exit code that `ptgraph export` has for what was raised, and which of the four usual formats were
  written, in how many seconds.
- *Checker*: whether `onnx.checker` accepts the ONNX file, with full shape inference.
- *ONNX Runtime*: whether its outputs are those of torch, as `ptgraph verify` compares them. "random" are outputs that
  depend on random numbers, "ties" those that depend on which of equal numbers an operator such as topk chooses.
- *Counts*: whether FLOPs, convolutions, module calls and the parameters that are read are those of a run with hooks
  and a dispatch mode (`tests/support/eager_run.py`).
- *Untouched*: whether model, arguments and random states are the same, in depth, after the export and the verification.

"""
COLUMNS = ["Model", "Library", "Parameters", "Exit", "Formats", "Checker", "ONNX Runtime", "Counts", "Untouched"]
COLUMNS += ["Seconds", "Reason"]


QUANTISED = "are not quantized"  # in the warning of ptgraph about activations
OWN = "no ONNX: "  # in the sentence that names operators without a translation


def explanation(row: dict[str, Any]) -> str:
    """Return why ONNX Runtime need not give what torch gives, or nothing."""
    if not row.get("verify"):
        return ""
    if OWN in row["verify"]:
        return "no runtime can run " + str(row["verify"]).partition(OWN)[2].partition(";")[0]
    if any(QUANTISED in text for text in row["warnings"]):
        return "torch quantises activations, the ONNX does not"
    if row.get("unstable"):
        return "torch gives other numbers, too, when its inputs change by a millionth"
    return ""


def reasons(row: dict[str, Any]) -> str:
    """Return what is not right with a model, in a few words."""
    said = {
        "": row.get("reason"),
        "checker": row.get("checker") if "onnx" in row.get("formats", ()) else "",
        "ONNX Runtime": explanation(row) or row.get("verify"),
        "counts": row.get("counts"),
        "touched": row.get("touched"),
    }
    if row.get("exit") == 0 and "onnx" not in row["formats"]:
        said["ONNX Runtime"] = ""
        said[""] = next((text for text in row["warnings"] if "no onnx" in text), "no ONNX")
    return "; ".join(f"{key}: {text}" if key else str(text) for key, text in said.items() if text)


def document(rows: Sequence[dict[str, Any]]) -> str:
    """Return the page."""
    libraries = {row["library"] for row in rows}
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnx", "onnxruntime"))
    lines = [HEAD + f"{len(rows)} models of {len(libraries)} libraries, with {versions}:", ""]
    for what, count in _totals(rows).items():
        lines.append(f"- {what}: {count} of {len(rows)}")
    lines += ["", "| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _totals(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {
        "exit 0 with all four formats": sum(row["exit"] == 0 and len(row["formats"]) == len(FORMATS) for row in rows),
        "valid ONNX": sum(row.get("checker") == "" for row in rows),
        "equal in ONNX Runtime": sum(row.get("verify") == "" for row in rows),
        "equal or explained": sum(row.get("verify") == "" or bool(explanation(row)) for row in rows),
        "counts equal": sum(row.get("counts") == "" for row in rows),
        "untouched": sum(row.get("touched") == "" for row in rows),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    formats = row.get("formats", [])
    exit = "–" if row["exit"] is None else str(row["exit"])
    verified = _mark(row, "verify")
    if not row.get("verify"):
        ties = f"ties ({', '.join(row['ties'])})" if row.get("ties") else verified
        verified = "random" if row.get("random") else ties
    reason = reasons(row).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    if len(reason) > 160:
        reason = reason[:159].rstrip() + "…"
    return [
        row["model"],
        f"{row['library']} {row['version']}",
        f"{row['parameters']:,}" if "parameters" in row else "–",
        exit,
        "all" if len(formats) == len(FORMATS) else ", ".join(formats) or "–",
        _mark(row, "checker"),
        verified,
        _mark(row, "counts"),
        _mark(row, "touched"),
        str(row.get("seconds", "–")),
        reason,
    ]


def _mark(row: dict[str, Any], key: str) -> str:
    return "–" if key not in row else ("no" if row[key] else "yes")


__all__ = ["COLUMNS", "FORMATS", "document", "reasons"]
