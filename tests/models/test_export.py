"""The model can be traced whole, with free batch and sequence, and the trace computes the same."""

from typing import Any

import pytest
import torch
from torch.export import Dim, ExportedProgram, export

from ptgraph.models import TransformerLM, build
from tests.models.small import make, tokens


def traced(model: TransformerLM, sequence: Any) -> ExportedProgram:
    ids = model.example_inputs()["input_ids"]
    return export(model, (ids,), dynamic_shapes=({0: Dim.AUTO, 1: sequence},), strict=False)


def targets(program: ExportedProgram) -> list[str]:
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("attention", ["dense", "sparse"])
def test_meta_model_exports_with_free_dimensions(attention: str, bounded: bool) -> None:
    with torch.device("meta"):
        model = build("tiny", attention=attention, num_layers=3)
    limit = {"max": model.config.context_length} if bounded else {}
    program = traced(model, Dim("sequence", **limit))
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    shape = output.args[0][0].meta["val"].shape
    assert all(isinstance(size, torch.SymInt) for size in shape[:2])
    assert shape[2] == model.config.vocab_size


def test_trace_computes_what_the_model_computes(model: TransformerLM) -> None:
    program = traced(model, Dim("sequence", max=model.config.context_length)).module()
    for shape in ((2, 16), (3, 4), (5, 31)):
        torch.testing.assert_close(program(tokens(*shape)), model(tokens(*shape)), atol=1e-5, rtol=1e-5)


def test_trace_has_no_needless_operations(model: TransformerLM) -> None:
    """No casts, copies, asserts or guards; one fused attention per layer; the tables of RoPE once."""
    names = targets(traced(model, Dim("sequence")))
    unwanted = ("aten.to.", "_to_copy", "clone", "contiguous", "assert", "detach", "expand", "repeat")
    assert not [name for name in names if any(word in name for word in unwanted)]
    assert names.count("aten.scaled_dot_product_attention.default") == model.config.num_layers
    assert names.count("aten.cos.default") == (2 if model.config.attention == "sparse" else 1)


def test_every_layer_has_the_same_operations() -> None:
    with torch.device("meta"):
        one, four = make(num_layers=1), make(num_layers=4)
    few, many = targets(traced(one, Dim("sequence"))), targets(traced(four, Dim("sequence")))
    start = few.index("aten.rms_norm.default")
    layer = few[start : len(few) - 2]  # what remains are the final norm and the head
    assert many == few[:start] + 4 * layer + few[-2:]


def test_example_inputs_follow_the_model() -> None:
    with torch.device("meta"):
        model = make(context_length=10)
    inputs = model.example_inputs(sequence=12)
    assert inputs["input_ids"].device.type == "meta"
    assert inputs["input_ids"].shape == (2, 10)
    assert TransformerLM.example_dynamic_shapes.keys() == inputs.keys()
    assert model(**inputs).shape == (2, 10, model.config.vocab_size)
