"""The metadata of an ONNX file: every key that ptgraph or torch.onnx writes, and the text of the module tree.

A key is the same word wherever it stands; the groups say where that is. This module imports neither torch nor onnx.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import quoted
from ptgraph.graph.module_paths import folded_paths, unfolded

# ptgraph, of a file
MODEL = "ptgraph.model"  # the class of the model
TRACER = "ptgraph.tracer"
WEIGHTS = "ptgraph.weights"  # "none", "external" or "embedded"
TREE = "ptgraph.tree"  # a `ModuleTree`
UNTRANSLATED = "ptgraph.untranslated"  # the operators that have no ONNX, if there are any: aten.median, mylib.twice

# ptgraph, of a file and of its nodes
PARAMETERS = "ptgraph.parameters"
FLOPS = "ptgraph.flops"

# ptgraph, of nodes and of functions
MODULE = "ptgraph.module"  # a module path; a star stands for what differs between the modules that share a function
CLASS = "ptgraph.class"

# ptgraph, of nodes
OPERATOR = "ptgraph.operator"  # the operator of torch
SOURCE = "ptgraph.source"  # FILE:LINE

# torch.onnx and ptgraph, of nodes
NAMESPACE = "namespace"  # PATH: CLASS of the root and of each module around the node, with slashes between them
CLASS_HIERARCHY = "pkg.torch.onnx.class_hierarchy"  # a Python list of the same classes, with their modules

# torch.onnx, of nodes
NAME_SCOPES = "pkg.torch.onnx.name_scopes"  # a Python list of the paths
FX_NODE = "pkg.torch.onnx.fx_node"  # the FX node as torch prints it
STACK_TRACE = "pkg.torch.onnx.stack_trace"

# torch.onnx and its optimiser, of the graph or the file, and of values
GRAPH_SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
FOLDED_FROM = "pkg.onnxscript.optimizer.folded_from"  # a Python list of the initializers that a constant is made of

# Domains of nodes and functions
OWN_DOMAIN = "ptgraph."  # before the library of an operator of torch that has no ONNX: ptgraph.aten
HELPER_DOMAIN = "pkg.onnxscript"  # the first part of the domains of functions that are one operation of torch


def is_known(key: str) -> bool:
    """Return whether *key* is one of those above, or another of torch.onnx and its optimiser."""
    return key.startswith(("ptgraph.", "pkg.torch.", f"{HELPER_DOMAIN}.", NAMESPACE))


def metadata_of(item: Any) -> dict[str, str]:
    """Return the metadata of a protobuf message: a model, graph, function, node or value."""
    return {entry.key: entry.value for entry in item.metadata_props}


@dataclass(frozen=True)
class ModuleTree:
    """What a file that ptgraph wrote says of modules and weights, beyond what its nodes say.

    ``modules`` maps the paths of all modules to their classes, ``categories`` classes to their category where the
    name of the class says another one. ``tied`` maps names of parameters to the first name of the same tensor.
    ``buffers`` and ``constants`` are the names of weights that are no parameters.
    """

    modules: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    tied: dict[str, str] = field(default_factory=dict)
    buffers: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)


def tree_text(tree: ModuleTree) -> str:
    """Return *tree* as JSON.

    Under ``modules``, each class has its paths: those that differ in numbers alone are joined, and a brace that is
    part of a name is written twice. What is empty is left out.
    """
    paths: dict[str, list[str]] = defaultdict(list)
    for path, class_ in tree.modules.items():
        paths[class_].append(path.replace("{", "{{"))
    entries = {
        "modules": {class_: [text for text, _ in folded_paths(found)] for class_, found in paths.items()},
        "categories": tree.categories,
        "tied": tree.tied,
        "buffers": tree.buffers,
        "constants": tree.constants,
    }
    kept = {name: value for name, value in entries.items() if value}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def tree_of_text(text: str) -> ModuleTree:
    """Return the tree that `tree_text` wrote; raises ValueError if *text* is something else."""
    try:
        entries = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(entries, dict):
        raise ValueError("it is no JSON object")
    folded = entries.get("modules", {})
    found = ModuleTree(
        modules={},
        categories=entries.get("categories", {}),
        tied=entries.get("tied", {}),
        buffers=entries.get("buffers", []),
        constants=entries.get("constants", []),
    )
    lists = [found.buffers, found.constants, *(folded.values() if isinstance(folded, dict) else [None])]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise ValueError("it has something else where a list of names must be")
    for names in (found.categories, found.tied):
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise ValueError("it has something else where an object of names must be")
    for class_, texts in folded.items():
        for text in texts:
            if text.count(".") >= limit("parts"):
                most = f"{limit_text('parts')} parts; {remedy('parts')}"
                raise ValueError(f"the path {quoted(text)} has more than {most}")
            found.modules.update((path, class_) for path in unfolded(text))
            if len(found.modules) > limit("modules"):
                raise ValueError(f"it names more than {limit_text('modules')} modules; {remedy('modules')}")
    return found


__all__ = [
    "CLASS",
    "CLASS_HIERARCHY",
    "FLOPS",
    "FOLDED_FROM",
    "FX_NODE",
    "GRAPH_SIGNATURE",
    "HELPER_DOMAIN",
    "MODEL",
    "MODULE",
    "NAMESPACE",
    "NAME_SCOPES",
    "OPERATOR",
    "OWN_DOMAIN",
    "PARAMETERS",
    "SOURCE",
    "STACK_TRACE",
    "TRACER",
    "TREE",
    "UNTRANSLATED",
    "WEIGHTS",
    "ModuleTree",
    "is_known",
    "metadata_of",
    "tree_of_text",
    "tree_text",
]
