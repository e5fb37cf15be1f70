"""torch.onnx and onnxscript as ptgraph uses them: every name and habit of theirs that is private, or may change.

`tests/onnx/test_torch_onnx_bridge.py` checks each, and says what changed where one fails. The metadata keys of
torch.onnx are in `ptgraph.onnx.metadata`.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import onnx_ir as ir
import torch
from torch import fx
from torch.export import ExportedProgram
from torch.nn.attention import SDPBackend, sdpa_kernel

from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.messages import first_line
from ptgraph.common.silence import quiet
from ptgraph.errors import ExportError
from ptgraph.onnx.metadata import NAME_SCOPES
from ptgraph.tracing.module_walk import modules
from ptgraph.tracing.torch_internals import retraceable, schema_of

log = logging.getLogger(__name__)
Translation = Callable[..., Any]  # of an operator: it takes the operator's arguments, and returns ONNX values
LastResort = Callable[[fx.Node, Sequence[Any], Mapping[str, Any]], Any]  # of any FX node: it gets its arguments, too
OLDEST = 18  # the opset whose translations serve where newer ones fail
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"ptgraph:(\d+)")


def to_onnx(
    program: ExportedProgram,
    opset: int,
    translations: Mapping[Any, Translation],
    last_resort: LastResort | None = None,
    refused: set[str] | None = None,
    of_complex: Mapping[Any, Translation] | None = None,
) -> ir.Model:
    """Return *program* as torch.onnx translates it, not optimised; *translations* maps operators to their own.

    *of_complex* has translations of operators on complex tensors, for those for which torch.onnx has none.

    With a *last_resort*, an operator whose translation fails has its translation of opset 18, unless it has one in
    *translations*; an operator that has none has what *last_resort* makes of it. The names of operators whose
    translations have failed are added to *refused*.
    """
    resort = (
        _resorting(last_resort, set() if refused is None else refused, of_complex or {})
        if last_resort is not None
        else contextlib.nullcontext()
    )
    with (
        retraceable(program),
        quiet(),
        torch.no_grad(),  # or what does not differentiate, such as writing into complex numbers, fails
        sdpa_kernel(SDPBackend.MATH),
        resort,
        _scalars_promoted(),
    ):  # else results do not lie in memory as torch.onnx takes them to
        exported = torch.onnx.export(
            program,
            dynamo=True,
            optimize=False,
            opset_version=opset,
            verbose=False,
            custom_translation_table=dict(translations),
        )
    assert exported is not None
    return exported.model


@contextlib.contextmanager
def _scalars_promoted() -> Iterator[None]:
    """Let torch.onnx make a tensor of a number that stands first in an operator of tensors, where types differ.

    Such are ``1.0 - x`` and ``5.0 // x`` for integers x: it casts x, and knows no operator for a number and that.
    """
    from torch.onnx._internal.fx.passes.type_promotion import _TypePromotionInterpreter

    interpreter: Any = _TypePromotionInterpreter
    promote = interpreter._maybe_promote_arg

    def promoted(self: Any, node: fx.Node, argument: Any, dtype: torch.dtype | None) -> Any:
        if dtype is not None and isinstance(argument, float) and argument is node.args[0] and _casts(node, dtype):
            with node.graph.inserting_before(node):
                make = torch.ops.aten.scalar_tensor.default
                return self._create_node(node.graph, "call_function", make, (argument,), {"dtype": dtype})
        return promote(self, node, argument, dtype)

    interpreter._maybe_promote_arg = promoted
    try:
        yield
    finally:
        interpreter._maybe_promote_arg = promote


def _casts(node: fx.Node, dtype: torch.dtype) -> bool:
    """Return whether the first argument of *node* should be a tensor, and another one is a tensor of another type."""
    schema = schema_of(node.target)
    values = [other.meta.get("val") for other in node.args[1:] if isinstance(other, fx.Node)]
    return (
        schema is not None
        and isinstance(schema.arguments[0].type, torch.TensorType)
        and any(isinstance(value, torch.Tensor) and value.dtype != dtype for value in values)
    )


@contextlib.contextmanager
def _resorting(last_resort: LastResort, refused: set[str], of_complex: Mapping[Any, Translation]) -> Iterator[None]:
    """Let torch.onnx find a translation for every FX node (see `to_onnx`), and pass on operators that are arguments."""
    from torch.onnx._internal.exporter import _core, _dispatching
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    core: Any = _core
    dispatch, convert = _dispatching.dispatch, core._convert_fx_arg_to_onnx_arg
    oldest = functools.cache(lambda: ONNXRegistry.from_torchlib(OLDEST))

    def found(node: fx.Node, registry: Any) -> tuple[Translation, str]:
        first, said = dispatch(node, registry)
        if first is None and any(map(_is_complex, node.all_input_nodes)):
            first = of_complex.get(node.target)

        def translation(*args: Any, **kwargs: Any) -> Any:
            if first is None:
                if any(map(_is_complex, node.all_input_nodes)) and isinstance(node.target, torch._ops.OpOverload):
                    refused.add(str(node.target.name()))  # type: ignore[no-untyped-call]  # what it is decomposed into may have translations
                return last_resort(node, args, kwargs)
            with _taken_back() as failed:
                return first(*args, **kwargs)
            own = any(found.is_custom for found in registry.get_decomps(node.target))
            older, _ = dispatch(node, oldest()) if not own else (None, "")
            if older not in (None, first):
                with _taken_back():
                    return older(*args, **kwargs)
            log.debug("torch.onnx cannot translate %s", node.format_node(), exc_info=failed[0])
            if isinstance(node.target, torch._ops.OpOverload):
                refused.add(node.target.name())
            return last_resort(node, args, kwargs)

        return translation, said

    def converted(argument: Any, *names: Any) -> Any:
        is_operator = isinstance(argument, torch._ops.OpOverload)
        return (
            argument if is_operator else convert(argument, *names)
        )  # torch.onnx takes it for a node, as it has a name

    _dispatching.dispatch, core._convert_fx_arg_to_onnx_arg = found, converted
    try:
        yield
    finally:
        _dispatching.dispatch, core._convert_fx_arg_to_onnx_arg = dispatch, convert


def _is_complex(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_complex()


@contextlib.contextmanager
def _taken_back() -> Iterator[list[Exception]]:
    """Note the exception that a translation raises, instead of raising it, and take back the nodes that it has made."""
    from onnxscript import evaluator

    recorder: Any = evaluator.default()
    made = len(recorder.nodes)
    failed: list[Exception] = []
    try:
        yield failed
    except ExportError:
        raise
    except Exception as error:  # noqa: BLE001  # a translation raises what it will, and so does what it calls
        check_interrupt(error)
        failed.append(error)
        gone = {output for node in recorder.nodes[made:] for output in node.outputs}
        del recorder.nodes[made:]
        farm = recorder.constant_farm
        for key in [key for key, value in farm.items() if value in gone]:
            del farm[key]


def decomposed(program: ExportedProgram, names: Collection[str]) -> ExportedProgram:
    """Return *program* with the operators called so (``aten::hstack``) decomposed; itself, if it has none of them."""
    known: dict[Any, Callable[..., Any]] = dict(torch.export.default_decompositions())
    table = {operator: made for operator, made in known.items() if operator.name() in names}
    if not any(node.target in table for node in program.graph.nodes):
        return program
    with retraceable(program), quiet(), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        finer: ExportedProgram = program.run_decompositions(table)
    return finer


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Raise ExportError, with the causes in one line, for whatever torch, torch.onnx and its optimiser raise."""
    try:
        yield
    except ExportError:
        raise
    except Exception as error:  # torch, torch.onnx and onnxscript raise exceptions of many classes
        check_interrupt(error)
        said = [
            _COLOURS.sub("", first_line(cause)).strip().partition(". See the")[0].rstrip(".:")
            for cause in _causes(error)
        ]
        why = ": ".join(said[1:] or said)  # the first says only that something failed
        raise ExportError(f"torch.onnx cannot translate {name}: {why}") from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


# Translations of operators


def torchlib(name: str, part: str = "core") -> Any:
    """Return onnxscript's translation of an operator of torch: ``aten_conv1d``; *part* is its module there."""
    return getattr(importlib.import_module(f"onnxscript.function_libs.torch_lib.ops.{part}"), name)


def in_place_of(theirs: Any) -> Callable[[Translation], Translation]:
    """Return a decorator for a translation that replaces *theirs*, with the same parameters.

    torch.onnx tells attributes from inputs by the signature of the function.
    """
    decorator: Callable[[Translation], Translation] = functools.wraps(theirs.func)
    return decorator


def record(node: ir.Node) -> ir.Node:
    """Add *node* to those that the operator being translated becomes."""
    from onnxscript import evaluator

    recorder: Any = evaluator.default()
    recorder.nodes.append(node)
    return node


@contextlib.contextmanager
def body_recorded() -> Iterator[list[ir.Node]]:
    """Collect in a list the nodes that are made, for the body of a loop, and not among those of the operator."""
    from onnxscript import evaluator

    outer: Any = evaluator.default()
    with evaluator.default_as(inner := type(outer)(outer.opset, {})):
        yield inner.nodes


# Where a node is from


@contextlib.contextmanager
def numbers_carried(whole: fx.GraphModule, nodes: Iterable[fx.Node]) -> Iterator[None]:
    """Let each of *nodes*, which are those of *whole*, carry its number to the ONNX nodes that it becomes.

    torch.onnx writes the stack of modules of an FX node into the metadata of ONNX nodes, and decompositions keep it.
    So a node has a stack of one module here, which is called after the number, and a node that is not in *nodes*
    (an alias, for example) has an empty one. What a context manager wraps is run node by node, since torch would give
    its nodes the stack of the wrapper.
    """
    wrapped = [body for body in modules(whole) if isinstance(body, fx.GraphModule) and body is not whole]
    for body in wrapped:
        body.forward = fx.Interpreter(body).run
    numbered = list(nodes)
    others = [node for body in (whole, *wrapped) for node in body.graph.nodes if "nn_module_stack" in node.meta]
    before = {node: node.meta.get("nn_module_stack") for node in (*numbered, *others)}
    for node in others:
        node.meta["nn_module_stack"] = {}
    for number, node in enumerate(numbered):
        node.meta["nn_module_stack"] = {"number": (f"ptgraph:{number}", "torch.nn.Module")}
    try:
        yield
    finally:
        for node, stack in before.items():
            node.meta["nn_module_stack"] = stack
        for body in wrapped:
            del body.forward


def number_of(node: ir.Node) -> int | None:
    """Return the number of the FX node that *node* is from, or None if it is from none."""
    found = _NUMBER.search(node.metadata_props.get(NAME_SCOPES, ""))
    return int(found[1]) if found else None


def scopes_of(node: ir.Node) -> list[str] | None:
    """Return the modules around *node* by torch.onnx: paths, then the name of the FX node; None if nothing is said."""
    text = node.metadata_props.get(NAME_SCOPES)
    if text is None:
        return None
    scopes: list[str] = ast.literal_eval(text)
    return scopes


# After the translation


def raw_tensor(value: ir.Value) -> Any:
    """Return what torch.onnx made an initializer of: a tensor of torch, or None if it has no values."""
    return getattr(value.const_value, "raw", None)


def fold_constants(model: ir.Model) -> None:
    """Compute what is constant, in place, by the optimiser of onnxscript."""
    from onnxscript import optimizer

    optimizer.fold_constants(model, onnx_shape_inference=True)


__all__ = [
    "LastResort",
    "Translation",
    "body_recorded",
    "decomposed",
    "explained",
    "fold_constants",
    "in_place_of",
    "number_of",
    "numbers_carried",
    "raw_tensor",
    "record",
    "scopes_of",
    "to_onnx",
    "torchlib",
]
