"""The keys of ONNX metadata stand in one module, and the text of the module tree is read as it was written."""

from __future__ import annotations

import ast

import pytest

from ptgraph.onnx import metadata
from ptgraph.onnx.metadata import ModuleTree, tree_of_text, tree_text
from tests.conftest import ROOT

KEYS = {value for name, value in vars(metadata).items() if name.isupper()}


def strings(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_other_module_writes_out_a_key() -> None:
    assert {"ptgraph.tree", "namespace", "pkg.torch.onnx.name_scopes"} <= KEYS
    home = ROOT / "ptgraph" / "onnx" / "metadata.py"
    onnx = set((ROOT / "ptgraph" / "onnx").rglob("*.py")) - {home}
    assert len(onnx) > 20
    for path in set((ROOT / "ptgraph").rglob("*.py")) - {home}:
        found = strings(ast.parse(path.read_text(encoding="utf-8")))
        assert not {text for text in found if text.startswith("pkg.") or text in KEYS - {"namespace"}}, path
        assert path not in onnx or "namespace" not in found, path  # a word of other formats and of torch.ops too


def test_a_module_tree_is_read_as_it_was_written() -> None:
    paths = ["", "layers", *(f"layers.{number}" for number in range(12)), "layers.3.{x}", "a{1", "b.7", "b.9"]
    tree = ModuleTree(
        modules={path: f"m.Class{len(path) % 3}" for path in paths},
        categories={"m.Class1": "Linear"},
        tied={"head.weight": "embedding.weight"},
        buffers=["b{x}"],
        constants=["lifted_0"],
    )
    assert tree_of_text(tree_text(tree)) == tree
    assert tree_of_text(tree_text(ModuleTree())) == ModuleTree()
    assert tree_text(ModuleTree()) == "{}"
    assert "layers.{0–11}" in tree_text(ModuleTree(modules={f"layers.{number}": "m.Block" for number in range(12)}))


@pytest.mark.parametrize("text", ["", "[]", '{"modules":[]}', '{"modules":{"m.A":"a"}}', '{"tied":{"a":1}}'])
def test_other_text_is_no_module_tree(text: str) -> None:
    with pytest.raises(ValueError):
        tree_of_text(text)
