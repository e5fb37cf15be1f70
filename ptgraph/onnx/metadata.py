"""The keys of ONNX metadata that ptgraph and torch.onnx write."""

from __future__ import annotations

SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
TREE = "ptgraph.tree"

__all__ = ["SIGNATURE", "TREE"]
