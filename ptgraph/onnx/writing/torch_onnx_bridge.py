"""torch.onnx as ptgraph calls it: the translation of an ExportedProgram, and its errors in one line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import onnx_ir as ir
import torch
from torch.export import ExportedProgram
from torch.nn.attention import SDPBackend, sdpa_kernel

from ptgraph.common.messages import first_line
from ptgraph.common.silence import quiet
from ptgraph.errors import ExportError
from ptgraph.onnx.writing.corrections import corrections, record

DOMAIN = "ptgraph"  # of the nodes that mark and repeat blocks; none is left in the end
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def to_onnx(program: ExportedProgram, opset: int) -> ir.Model:
    marks = {getattr(torch.ops.ptgraph, name).default: _opaque(name) for name in ("enter", "leave", "repeat")}
    with quiet(), sdpa_kernel(SDPBackend.MATH):  # else torch.onnx takes results to lie in memory as they do not
        exported = torch.onnx.export(
            program,
            dynamo=True,
            optimize=False,
            opset_version=opset,
            verbose=False,
            custom_translation_table=marks | corrections(),
        )
    assert exported is not None
    return exported.model


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Raise ExportError, with the causes in one line, for whatever torch, torch.onnx and its optimiser raise."""
    try:
        yield
    except Exception as error:  # their many parts raise whatever they raise
        said = [
            _COLOURS.sub("", first_line(cause)).strip().partition(". See the")[0].rstrip(".:")
            for cause in _causes(error)
        ]
        why = ": ".join(said[1:] or said)  # the first says only that something failed
        raise ExportError(f"torch.onnx cannot translate {name}: {why}") from error


def _opaque(name: str) -> Any:
    """Return the translation of an operator that marks repeated blocks: a node of our own domain."""

    def translation(tensors: Sequence[ir.Value], *rest: Any) -> Any:
        mark = rest[:-1] if name == "leave" else rest[:1] if name == "repeat" else ()
        outputs = len(rest[-2].split(",")) if name == "repeat" else 1
        node = ir.Node(DOMAIN, name, [*tensors, *mark], [ir.AttrString("id", rest[-1])], num_outputs=outputs)
        record(node)
        return list(node.outputs) if name == "repeat" else node.outputs[0]

    return translation


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


__all__ = ["DOMAIN", "explained", "to_onnx"]
