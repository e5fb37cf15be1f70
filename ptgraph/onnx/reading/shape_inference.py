"""The types of values that the file leaves out, by ONNX's own inference on the flat graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx
from onnx import AttributeProto, helper

from ptgraph.onnx.reading.constant_folding import LARGEST, computed
from ptgraph.onnx.reading.flat_graph import Flat
from ptgraph.onnx.reading.parameters import Weight
from ptgraph.onnx.reading.tensor_types import UNKNOWN_SIZE, domain_of, elements, is_known, type_of


def infer(flat: Flat, model: onnx.ModelProto, weights: Mapping[str, Weight]) -> None:
    """Add to ``flat.types`` what can be inferred where the file says nothing, in place."""
    made = {value for node in flat.nodes for value in node.outputs if value}
    if all(_is_whole(flat.types.get(value)) for value in made):
        return
    given = {value for node in flat.nodes for value in node.inputs if value} - made
    small = {name: tensor for name in sorted(given & set(weights)) if (tensor := _small(weights[name])) is not None}
    graph = onnx.GraphProto(name="flat")
    for value in sorted(given - set(small)):
        info = flat.types.get(value)
        if value in weights:
            info = helper.make_tensor_type_proto(weights[value].code, list(weights[value].shape))
        if info is not None:
            graph.input.append(onnx.ValueInfoProto(name=value, type=info))
    nodes = [
        onnx.NodeProto(
            op_type=node.proto.op_type,
            domain=node.domain,
            input=node.inputs,
            output=node.outputs,
            attribute=node.attributes.values(),
        )
        for node in flat.nodes
        if not any(a.type == AttributeProto.GRAPH for a in node.proto.attribute)
    ]  # but those with a body, which stands before them: their results are what the file says
    imports = {(domain_of(e), e.version) for e in model.opset_import}
    imports |= {
        (domain_of(e), e.version) for f in model.functions for e in f.opset_import if domain_of(e) not in dict(imports)
    }
    values = computed(nodes, small, dict(sorted(imports)))
    flat.types.update((n, helper.make_tensor_type_proto(t.data_type, list(t.dims))) for n, t in values.items())
    for name, tensor in {**small, **values}.items():
        graph.initializer.add().CopyFrom(tensor)
        graph.initializer[-1].name = name
    graph.node.extend(node for node in nodes if not any(name in values for name in node.output))
    graph.value_info.extend(_infos(flat, made))
    whole = onnx.ModelProto(ir_version=model.ir_version, graph=graph)
    whole.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in sorted(imports))
    try:
        found = onnx.shape_inference.infer_shapes(whole, data_prop=True)
    except Exception:  # what contradicts itself, or is too large, stays as it is
        return
    for info in found.graph.value_info:
        if is_known(info.type) and not _is_whole(flat.types.get(info.name)):
            flat.types[info.name] = info.type


def _infos(flat: Flat, made: Iterable[str]) -> Iterable[onnx.ValueInfoProto]:
    for value in sorted(made):
        if is_known(flat.types.get(value)):
            yield onnx.ValueInfoProto(name=value, type=flat.types[value])


def _is_whole(info: onnx.TypeProto | None) -> bool:
    """Return whether a type says every size, or at least its name."""
    return is_known(info) and UNKNOWN_SIZE not in type_of(info)[0]


def _small(weight: Weight) -> onnx.TensorProto | None:
    return weight.tensor if elements(weight.shape) <= LARGEST else None


__all__ = ["infer"]
