"""The tree of modules of an ONNX file, with what each holds and computes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import networkx as nx

from ptgraph.graph.aggregate import totals
from ptgraph.graph.categories import category_of_name, category_of_type
from ptgraph.graph.model import UNKNOWN_CLASS, Call, ClassInfo, Component, Parameter
from ptgraph.graph.module_paths import completed, parent, upwards
from ptgraph.graph.serialize import attributes
from ptgraph.onnx.reading.model_info import ModelInfo

_OPERATORS: dict[str, list[str]] = {
    "Activation": ["BiasGelu", "FastGelu", "Gelu", "LeakyRelu", "QuickGelu", "Relu", "Sigmoid", "Softmax", "Tanh"],
    "Attention": [
        "Attention",
        "DecoderMaskedMultiHeadAttention",
        "DecoderMaskedSelfAttention",
        "GroupQueryAttention",
        "MultiHeadAttention",
        "PackedAttention",
        "PackedMultiHeadAttention",
        "QAttention",
        "SparseAttention",
    ],
    "Convolution": ["Conv", "ConvInteger", "ConvTranspose", "FusedConv", "NhwcConv", "NhwcFusedConv", "QLinearConv"],
    "Embedding": ["EmbedLayerNormalization", "Gather", "GatherBlockQuantized", "QEmbedLayerNormalization"],
    "Linear": [
        "DynamicQuantizeMatMul",
        "FusedGemm",
        "FusedMatMul",
        "Gemm",
        "GemmFastGelu",
        "MatMul",
        "MatMulBnb4",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QGemm",
        "QLinearMatMul",
    ],
    "Normalization": [
        "BatchNormalization",
        "GroupNorm",
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "SimplifiedLayerNormalization",
        "SkipGroupNorm",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    ],
    "Pooling": ["AveragePool", "GlobalAveragePool", "MaxPool", "QLinearAveragePool", "QLinearGlobalAveragePool"],
    "Recurrent": ["DynamicQuantizeLSTM", "GRU", "LSTM", "RNN"],
}  # of a module without parts of which no class is known, that is one of these
_BY_OPERATOR = {operator: category for category, operators in _OPERATORS.items() for operator in operators}

_MOVED = {"Cast", "DequantizeLinear", "Identity", "QuantizeLinear", "Reshape", "Transpose"}  # what only brings a weight
_BESIDE = {"onnx.Add", "onnx.Identity", "onnx.Transpose"}


def components(
    ops: nx.DiGraph[str], calls: Mapping[str, Call], types: Mapping[str, str], info: ModelInfo
) -> tuple[nx.DiGraph[str], dict[str, ClassInfo]]:
    """Return the tree of modules, and what is known of their classes: names, docstrings; *types* has those that ran."""
    known = {path: type_ for path, type_ in {**info.modules, **types}.items() if type_ != UNKNOWN_CLASS}
    told = bool(info.modules) or any("." in type_ for type_ in known.values())  # a name without a module is no path
    holders = [p.name.rpartition(".")[0] for p in info.parameters] if told else []
    paths = completed({**dict.fromkeys(types, ""), **known}, holders)
    direct, below, tied = _held(info.parameters, paths)
    flops, activations, counts, shapes = totals(ops, dict(calls))
    parents = {parent(path, paths) for path in paths if path}
    ops_of, operators = _operators(ops)
    tree: nx.DiGraph[str] = nx.DiGraph()
    classes: dict[str, ClassInfo] = {}
    for path in _in_order(paths):
        has_parts = path in parents
        type_ = paths[path] or (
            _only(ops_of[path], counts[path]) if path and not has_parts and path in counts else UNKNOWN_CLASS
        )
        package, _, name = type_.rpartition(".")
        classes.setdefault(type_, ClassInfo(name, package, info.docs.get(type_) or None))
        own, all_ = direct[path], below[path]
        shape, dtype = shapes.get(path, (None, None))
        component = Component(
            path=path,
            type=type_,
            category=info.categories.get(type_) or _category(path, paths[path], has_parts, operators.get(path, [])),
            own_params=sum(p.count for p in own.values() if p.kind == "parameter"),
            total_params=sum(p.count for p in all_.values() if p.kind == "parameter"),
            trainable_params=sum(p.count for p in all_.values() if p.trainable),
            own_buffers=sum(p.count for p in own.values() if p.kind == "buffer"),
            tied=tied[path],
            calls=counts.get(path, 0),
            flops=flops.get(path, 0),
            activation_bytes=activations.get(path, 0),
            shape=shape,
            dtype=dtype,
        )
        tree.add_node(path, **attributes(component))
        if path:
            tree.add_edge(parent(path, tree), path)
    return tree, dict(sorted(classes.items()))


def _in_order(paths: Mapping[str, str]) -> list[str]:
    """Return *paths* with each part after its parent, and before what follows that."""
    tree: nx.DiGraph[str] = nx.DiGraph([(parent(path, paths), path) for path in paths if path])
    tree.add_node("")
    return [*nx.dfs_preorder_nodes(tree, "")]


def _category(path: str, type_: str, has_parts: bool, operators: Sequence[str]) -> str:
    if type_:
        return category_of_type(type_, has_parts=has_parts, root=not path)
    if not path:
        return "Core architecture"
    named = category_of_name(path.rpartition(".")[2], has_parts=has_parts)
    found = {_BY_OPERATOR.get(operator) for operator in operators} - ({None} if len({*operators}) > 1 else set())
    only = next(iter(found), None)
    return only if named == "Other" and len(found) == 1 and only is not None else named


def _only(operators: Sequence[str], calls: int) -> str:
    """Return the operator of a module that is but one operation, with its bias and what only reshapes a weight."""
    main = [operator for operator in operators if operator not in _BESIDE] or operators
    return main[0] if len({*main}) == 1 and len(main) == calls else UNKNOWN_CLASS


def _operators(ops: nx.DiGraph[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the operators of each module's own with their domains, and the names of those that are given a parameter
    and compute with it, or of all if none is.
    """
    full: dict[str, list[str]] = defaultdict(list)
    weighty: dict[str, list[str]] = defaultdict(list)
    every: dict[str, list[str]] = defaultdict(list)
    for _, op in ops.nodes(data=True):
        if op["kind"] == "op":
            own = op["target"].rpartition(".")[2]
            full[op["scope"]].append(op["target"])
            for found in (weighty, every) if op["params"] and own not in _MOVED else (every,):
                found[op["scope"]].append(own)
    return full, every | weighty


def _held(
    parameters: Sequence[Parameter], paths: Mapping[str, str]
) -> tuple[dict[str, dict[str, Parameter]], dict[str, dict[str, Parameter]], dict[str, dict[str, str]]]:
    """Return by path what each module holds itself, what its whole subtree holds, and which names are tied."""
    direct: dict[str, dict[str, Parameter]] = defaultdict(dict)
    below: dict[str, dict[str, Parameter]] = defaultdict(dict)
    tied: dict[str, dict[str, str]] = defaultdict(dict)
    for parameter in parameters:
        path = parameter.name.rpartition(".")[0]
        path = path if path in paths else parent(path, paths)
        first = parameter.tied_to or parameter.name
        direct[path][first] = parameter
        if parameter.tied_to is not None:
            tied[path][parameter.name] = first
        for above in upwards(path):
            below[above][first] = parameter
    return direct, below, tied


__all__ = ["components"]
