"""An event file for the graph tab of TensorBoard: a TensorFlow ``GraphDef``, whose name scopes are the modules.

The graph has its model's name as tag, so that TensorBoard keeps the graphs of a folder apart.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ptgraph.common.unique import unique
from ptgraph.errors import ExportError
from ptgraph.formats.nested_names import namespaces
from ptgraph.formats.options import Options
from ptgraph.graph.labels import op_title
from ptgraph.graph.model import ModelGraph, Op, Shape
from ptgraph.graph.traversal import results

if TYPE_CHECKING:
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto


REMEDY = "the format tensorboard needs the package tensorboard; install it: pip install 'ptgraph[tensorboard]'"
_OPERATORS = {"input": "Placeholder", "output": "Output", "parameter": "Parameter", "buffer": "Buffer"}
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_.-]+")
_PLUGIN = "graph_run_metadata_graph"  # the name of TensorBoard's plugin for graphs with a tag


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the graph as one file, ``tfevents``. Reads no options.

    Raises ExportError if the package tensorboard is missing.
    """
    try:
        from tensorboard.compat.proto.config_pb2 import RunMetadata
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ExportError(REMEDY) from error
    run = RunMetadata(function_graphs=[RunMetadata.FunctionGraphs(pre_optimization_graph=graph_def(graph))])
    tensor = TensorProto(dtype=DT_STRING, string_val=[run.SerializeToString(deterministic=True)])
    plugin = SummaryMetadata.PluginData(plugin_name=_PLUGIN, content=b"1")
    value = Summary.Value(tag=graph.name, tensor=tensor, metadata=SummaryMetadata(plugin_data=plugin))
    file = io.BytesIO()
    records = RecordWriter(file)
    for event in (Event(file_version="brain.Event:2"), Event(summary=Summary(value=[value]))):
        records.write(event.SerializeToString(deterministic=True))
    return {"tfevents": [file.getvalue()]}


def graph_def(graph: ModelGraph) -> GraphDef:
    """Return the graph in TensorFlow's form; its inputs are in the order of the operators' arguments."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    names = _names(graph)
    found = GraphDef(versions=VersionDef(producer=22))
    for key, name in names.items():
        op = graph.op(key)
        reads = sorted(
            (slot, names[source], output)
            for source, _, edge in graph.ops.in_edges(key, data=True)
            for slot, output in zip(edge["slots"], edge["outputs"], strict=True)
        )
        node = found.node.add(
            name=name,
            op=op_title(op.target) if op.kind == "op" else _OPERATORS.get(op.kind, "Const"),
            input=[f"{source}:{output}" if output else source for _, source, output in reads],
        )
        shapes = [_shape(shape) for shape in _shapes(graph, key)]
        node.attr["_output_shapes"].CopyFrom(AttrValue(list=AttrValue.ListValue(shape=shapes)))
        for word, what in _attributes(op).items():
            node.attr[word].CopyFrom(_value(what))
    return found


def _attributes(op: Op) -> dict[str, Any]:
    """Return the attributes of a node, which TensorBoard shows when it is selected."""
    known = {"name": op.target, "module": op.scope, "dtype": op.dtype}
    counts = {"parameters": op.params, "FLOPs": op.flops, "activation bytes": op.activation_bytes}
    source = {"source": f"{op.file}:{op.line}" if op.file else None}
    return op.attributes | {word: what for word, what in (known | counts | source).items() if what}


def _names(graph: ModelGraph) -> dict[str, str]:
    """Return the name of each node: its scopes, then its operator or its own name, of letters that are allowed."""
    taken: set[str] = set()
    places: dict[tuple[str, ...], str] = {(): ""}
    calls: dict[str, str] = {}
    for key, names in namespaces(graph).items():  # a module stands after the one around it
        if names:
            places[names] = _unique(places[names[:-1]], names[-1], taken) + "/"
        calls[key] = places[names]
    found: dict[str, str] = {}
    for key, op in graph.ops.nodes(data=True):
        stored = op["kind"] in ("parameter", "buffer", "constant")
        reader = next(iter(graph.ops.successors(key)), None) if stored else key
        if reader is not None:
            title = op["target"].rpartition(".")[2] if stored else op_title(op["target"])
            found[key] = _unique(calls.get(graph.ops.nodes[reader]["call"], ""), title, taken)
    return found


def _unique(scope: str, name: str, taken: set[str]) -> str:
    """Return a name in *scope* that is not taken, and take it."""
    safe = scope + (_NOT_IN_NAMES.sub(".", name).lstrip("_-") or ".")
    found = unique(safe, taken, "{name}.{number}")
    taken.add(found)
    return found


def _shapes(graph: ModelGraph, key: str) -> list[Shape | None]:
    known = results(graph.ops, key)
    return [known.get(number, (None, None))[0] for number in range(max(known) + 1)]


def _shape(shape: Shape | None) -> TensorShapeProto:
    """Return a shape in TensorFlow's form, where a dimension that varies is -1."""
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    if shape is None:
        return TensorShapeProto(unknown_rank=True)
    sizes = [{"size": size} if isinstance(size, int) else {"size": -1, "name": size} for size in shape]
    return TensorShapeProto(dim=[TensorShapeProto.Dim(**size) for size in sizes])


def _value(value: Any) -> AttrValue:
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue

    if isinstance(value, int) and not isinstance(value, bool):
        return AttrValue(i=value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return AttrValue(s=text.encode("utf-8", "backslashreplace"))


__all__ = ["graph_def", "render"]
