"""The types of values that the file leaves out, by ONNX's own inference on the flat graph."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping

import onnx
from onnx import AttributeProto, helper

from ptgraph.common.memory_limit import memory_limit
from ptgraph.onnx.reading.body_types import of_bodies, slices
from ptgraph.onnx.reading.constant_folding import LARGEST, computed
from ptgraph.onnx.reading.contrib_types import stand_ins
from ptgraph.onnx.reading.flat_graph import Flat
from ptgraph.onnx.reading.parameters.initializers import Initializer
from ptgraph.onnx.reading.tensor_types import UNKNOWN_SIZE, domain_of, elements, is_known, type_of

log = logging.getLogger(__name__)
MEMORY = 2**29  # bytes, beside some copies of the model


def infer(flat: Flat, model: onnx.ModelProto, initializers: Mapping[str, Initializer]) -> None:
    """Add to ``flat.types`` what can be inferred where the file says nothing, in place."""
    made = {value for node in flat.nodes for value in node.outputs if value}
    if all(_is_whole(flat.types.get(value)) for value in made):
        return
    nodes, extra = _nodes(flat, initializers)
    given = {value for node in flat.nodes for value in node.inputs if value} - made
    given |= {value for value in flat.slices.values() if value not in made}
    given -= {value for node in nodes for value in node.output}
    small = {
        name: initializer.tensor
        for name, initializer in sorted(initializers.items())
        if name in given and initializer.tensor is not None and elements(initializer.shape) <= LARGEST
    }
    opsets = _opsets(model)
    values = computed(nodes, small, opsets)
    flat.types.update((n, helper.make_tensor_type_proto(t.data_type, list(t.dims))) for n, t in values.items())
    graph = onnx.GraphProto(name="flat")
    graph.input.extend(_inputs(flat, initializers, given - set(small)))
    graph.input.extend(extra)
    for name, tensor in {**small, **values}.items():
        graph.initializer.add().CopyFrom(tensor)
        graph.initializer[-1].name = name
    graph.node.extend(node for node in nodes if not any(name in values for name in node.output))
    known = (value for value in sorted(made) if is_known(flat.types.get(value)))
    graph.value_info.extend(onnx.ValueInfoProto(name=value, type=flat.types[value]) for value in known)
    whole = onnx.ModelProto(ir_version=model.ir_version, graph=graph)
    whole.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in opsets.items())
    for info in _inferred(whole):
        is_own = info.name in made or info.name in flat.slices
        if is_own and is_known(info.type) and not _is_whole(flat.types.get(info.name)):
            flat.types[info.name] = info.type


def _nodes(
    flat: Flat, initializers: Mapping[str, Initializer]
) -> tuple[list[onnx.NodeProto], list[onnx.ValueInfoProto]]:
    """Return nodes of ONNX with the types of those of *flat*, in order, and inputs of their own."""
    nodes: list[onnx.NodeProto] = []
    inputs: list[onnx.ValueInfoProto] = []
    sliced: set[str] = set()
    for node in flat.nodes:
        new = [value for value in node.inputs if value not in sliced and not _is_whole(flat.types.get(value))]
        for turn, gather in slices(flat, dict.fromkeys(new)):
            inputs.append(helper.make_tensor_value_info(turn, onnx.TensorProto.INT64, []))
            nodes.append(gather)
            sliced.add(gather.output[0])
        if any(a.type == AttributeProto.GRAPH for a in node.proto.attribute):
            nodes.extend(of_bodies(node))
            continue
        found = stand_ins(node, initializers)
        if found is not None:
            nodes.extend(found.nodes)
            inputs.extend(found.weights)
            continue
        own = node.attributes.values()
        nodes.append(
            onnx.NodeProto(
                op_type=node.proto.op_type, domain=node.domain, input=node.inputs, output=node.outputs, attribute=own
            )
        )
    return nodes, inputs


def _opsets(model: onnx.ModelProto) -> dict[str, int]:
    """Return the versions of operator sets by domain; where functions differ from the model, the model's count."""
    imports = {(domain_of(item), item.version) for item in model.opset_import}
    own = dict(imports)
    imports |= {
        (domain_of(item), item.version)
        for function in model.functions
        for item in function.opset_import
        if domain_of(item) not in own
    }
    return dict(sorted(imports))


def _inputs(
    flat: Flat, initializers: Mapping[str, Initializer], values: Collection[str]
) -> Iterable[onnx.ValueInfoProto]:
    for value in sorted(values):
        info = flat.types.get(value)
        if value in initializers:
            info = helper.make_tensor_type_proto(initializers[value].code, list(initializers[value].shape))
        if info is not None:
            yield onnx.ValueInfoProto(name=value, type=info)


def _inferred(model: onnx.ModelProto) -> Iterable[onnx.ValueInfoProto]:
    """Return the types that ONNX infers; none if the model contradicts itself, or would take much memory."""
    try:
        with memory_limit(MEMORY + 8 * model.ByteSize()):  # a size in a damaged file may become a number of dimensions
            return list(onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, IndexError, MemoryError):
        log.debug("no types are inferred", exc_info=True)
        return []


def _is_whole(info: onnx.TypeProto | None) -> bool:
    """Return whether a type says every size, or at least its name; that of a sequence, those of its elements."""
    for kind in ("sequence_type", "optional_type"):
        if info is not None and info.WhichOneof("value") == kind:
            return _is_whole(getattr(info, kind).elem_type)
    return is_known(info) and UNKNOWN_SIZE not in type_of(info)[0]


__all__ = ["infer"]
