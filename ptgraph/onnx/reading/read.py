"""An ONNX file → ModelGraph: its nodes are the operations, and what the file says of modules is their tree.

No torch is needed, and no weights. ``torch.onnx.export`` and ptgraph write which modules a node is in; of other files,
names such as ``/layers.0/attn/MatMul`` say it, or functions. A name ``onnx.MatMul`` is that of ONNX's own operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx

from ptgraph.common.file_names import file_stem
from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.messages import shortened
from ptgraph.errors import LoadError, UsageError
from ptgraph.graph.block_ids import with_blocks
from ptgraph.graph.model import ONNX_FILE, ModelGraph
from ptgraph.onnx.reading.build_ops import named_dimensions, operations
from ptgraph.onnx.reading.file_facts import file_facts
from ptgraph.onnx.reading.flat_graph import Contradiction
from ptgraph.onnx.reading.flatten import flatten
from ptgraph.onnx.reading.limits import BeyondLimits
from ptgraph.onnx.reading.load_proto import fault, is_garbled, read_model
from ptgraph.onnx.reading.module_tree import components
from ptgraph.onnx.reading.parameters.constants import weights_of_constants
from ptgraph.onnx.reading.parameters.find import model_info, says_parameters
from ptgraph.onnx.reading.parameters.initializers import initializers_of
from ptgraph.onnx.reading.parameters.packed import unpacked
from ptgraph.onnx.reading.shape_inference import infer


def read_target(path: Path, given: Sequence[str] = (), name: str | None = None) -> ModelGraph:
    """Return the graph of an ONNX file that is a target, called *name*, or like the file.

    Raises UsageError if *given* has options that cannot change such a graph, or *name* is no name of a file, and
    LoadError as `read` does.
    """
    if given:
        raise UsageError(f"{path} is an ONNX file, which is drawn as it is; {given[0]} cannot change it")
    return read(path, file_stem(path.stem) if name is None else file_stem(name, strict=True))


def read(path: Path, name: str) -> ModelGraph:
    """Return the graph of the ONNX file *path*, called *name*.

    Raises LoadError if it cannot be read, holds no ONNX model, or one that contradicts itself.
    """
    model = read_model(path)
    if is_garbled(model):
        raise LoadError(f"{path} is damaged: there is text in it that is no UTF-8")
    try:
        return graph_of_model(model, name)
    except BeyondLimits as error:
        raise LoadError(f"{path}: {error}") from error
    except Contradiction as error:
        raise LoadError(f"{path} is no valid ONNX model: {shortened(str(error), 1000)}") from error
    except Exception as error:  # of a damaged file, or a fault of ours: the checker of ONNX knows
        check_interrupt(error)
        reason = fault(model)
        if reason is None:
            raise
        raise LoadError(f"{path} is no valid ONNX model: {shortened(reason, 1000)}") from error


def graph_of_model(model: onnx.ModelProto, name: str) -> ModelGraph:
    """Return the graph of an ONNX model in memory, called *name*; raises LoadError if it contradicts itself."""
    flat = flatten(model)
    if not says_parameters(model):
        weights_of_constants(flat)
    initializers = unpacked(flat, initializers_of(model, flat))
    infer(flat, model, initializers)
    info = model_info(model, flat, initializers)
    ops = operations(model, flat, initializers, info)
    calls = flat.module_calls
    tree, classes = components(ops, calls.calls, {"": flat.root, **calls.types}, info)
    graph = ModelGraph(
        name=name,
        ops=ops,
        components=tree,
        calls=calls.calls,
        parameters=tuple(info.parameters),
        classes=classes,
        tracer=ONNX_FILE,
        dimensions={word: word for word in named_dimensions(ops)},
        file=file_facts(model, flat),
    )
    return with_blocks(graph)


__all__ = ["graph_of_model", "read", "read_target"]
