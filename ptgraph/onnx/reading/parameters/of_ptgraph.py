"""The parameters of a file that ptgraph wrote: its module tree says which initializers are none, and which are tied."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from ptgraph.onnx.metadata import CLASS, MODEL, TREE, ModuleTree, metadata_of, tree_of_text
from ptgraph.onnx.reading.flat_graph import Contradiction, Flat
from ptgraph.onnx.reading.model_info import ModelInfo, Role, parameter_of
from ptgraph.onnx.reading.parameters.initializers import Initializer, readers_of


def of_ptgraph(model: onnx.ModelProto, flat: Flat, initializers: Mapping[str, Initializer]) -> ModelInfo:
    """Return what *model* says of its parameters and modules. Raises Contradiction if its module tree is damaged."""
    metadata = metadata_of(model)
    try:
        tree = tree_of_text(metadata.get(TREE, "{}"))
    except ValueError as error:
        raise Contradiction(f"its metadata {TREE!r} is damaged: {error}") from error
    docs = {metadata_of(f).get(CLASS, ""): f.doc_string for f in model.functions if f.doc_string}
    docs[metadata.get(MODEL, "")] = model.doc_string.partition("\n\n")[2]
    found = ModelInfo(modules=tree.modules, categories=tree.categories, docs=docs)
    roles = _roles(initializers, tree)
    readers = readers_of(flat, initializers)
    for name, nodes in readers.items():
        found.roles.update({(node.name, name): (roles[name], name) for node, _ in nodes})
    for name, initializer in initializers.items():
        if roles[name] != "constant":
            found.parameters.append(parameter_of(name, initializer, roles[name], used=name in readers))
    for name, first in tree.tied.items():
        if first in initializers:
            found.parameters.append(parameter_of(name, initializers[first], roles[first], first, used=first in readers))
    return found


def _roles(initializers: Mapping[str, Initializer], tree: ModuleTree) -> dict[str, Role]:
    buffers, constants = set(tree.buffers), set(tree.constants)
    roles: dict[str, Role] = {}
    for name in initializers:
        if name.startswith("constant ") or name in constants:
            roles[name] = "constant"
        else:
            roles[name] = "buffer" if name in buffers else "parameter"
    return roles


__all__ = ["of_ptgraph"]
