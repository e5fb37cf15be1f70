"""Every private name of torch that ptgraph uses, except those of torch.onnx (`ptgraph.onnx.writing.torch_onnx_bridge`).

Nothing here is promised by torch: a new version may rename any of it. tests/tracing/test_torch_internals.py holds each
name to what ptgraph needs of it, and says in a sentence what torch has changed.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

OpOverload = torch._ops.OpOverload
HigherOrderOperator = torch._ops.HigherOrderOperator  # cond, scan, flex_attention, …
DisableTorchFunction = torch._C.DisableTorchFunction
ArchiveReader = torch._C.PyTorchFileReader  # of the files that torch.save and torch.export.save write
FAKE_TENSOR_LOGGER = FakeTensorMode.__module__

# What torch.export says of a dimension that the model fixes: ``L['x'].size()[0] … to be a constant (4)``.
CONSTRAINTS_VIOLATED = "Constraints violated"
FIXED_SIZE = re.compile(r"to be a constant \((\d+)\)")
INPUT_SIZE = re.compile(r"L\['(\w+)'\]\.size\(\)\[(\d+)\]")
SYMBOL = re.compile(r"\b[su]\d+\b")  # its names of sizes that vary
# What it says of outputs of a class that it does not know, and of what **kwargs takes by its own names.
ADAPTABLE = ("which is not a known type", "top-level keys must be the arg names")

# Names in its FX graphs.
CHECKS = re.compile(r"\b_assert|aten\.sym_constrain|_guards_fn")  # operations that only check
VMAP = "torch._functorch."  # marks of torch.func.vmap
VMAP_ENTER = "._add_batch_dim"
OUTSIDE = "_empty"  # begins the key, in a stack of modules, of what is outside of any
MANGLED = re.compile(r"\.___torch_mangle_\d+")  # what TorchScript adds to a name that it has already
SCRIPT_CALL = "ptgraph::CallMethod"  # what stands in graphs of TorchScript for prim::CallMethod
# Files of the tracer itself, in a stack trace; the last is code that torch.fx has made, numbered in each process.
OWN_FRAMES = ("torch/fx/", "torch/_", "<eval_with_key>")


def guards_of(program: ExportedProgram) -> list[Any]:
    """Return what torch.export found out of sizes that may vary: conditions of sympy, which hold for the program."""
    values = (node.meta.get("val") for node in program.graph.nodes)
    sizes = (size for value in values if isinstance(value, torch.Tensor) for size in value.shape if is_symbolic(size))
    first: Any = next(sizes, None)
    return [guard.expr for guard in first.node.shape_env.guards] if first is not None else []


def condition_text(guard: Any, names: Mapping[str, str]) -> str:
    """Return a condition of sympy as Python writes it; symbols have other *names*."""
    from torch.utils._sympy.printers import PythonPrinter

    if getattr(guard, "is_Relational", False) and guard.lhs.could_extract_minus_sign():
        guard = guard.reversedsign
    text = str(PythonPrinter().doprint(guard))
    return SYMBOL.sub(lambda found: names.get(found[0], found[0]), text)


def export_errors() -> tuple[type[Exception], ...]:
    """Return what torch.export raises for a model that it cannot follow as asked (the import takes a second)."""
    import torch._dynamo.exc

    return (torch._dynamo.exc.UserError,)


def fake_tensor_reader() -> tuple[Callable[[bytes, bool], torch.Tensor], str]:
    """Return the function that makes a tensor without numbers of what a .pt2 file says of it, and its whole name.

    The import takes a second.
    """
    from torch._export.serde import serialize

    read = serialize._reconstruct_fake_tensor
    return read, f"{serialize.__name__}.{read.__name__}"


def input_spec(program: ExportedProgram) -> Any:
    """Return how the (args, kwargs) of *program* are flattened."""
    return program.call_spec.in_spec


def output_spec(program: ExportedProgram) -> Any:
    """Return how the result of *program* is flattened."""
    return program.call_spec.out_spec


def schema_of(target: Any) -> Any:
    """Return the schema of an operator, or None for another function."""
    return getattr(target, "_schema", None)


def is_empty(value: Any) -> bool:
    """Return whether *value* is a tensor without numbers."""
    return isinstance(value, torch.Tensor) and (value.is_meta or isinstance(value, FakeTensor))


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Return whether a transform of torch.func has wrapped *tensor*."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def memory_key(tensor: torch.Tensor) -> int:
    """Return a number that tensors on the same memory have in common; raises what torch does for one without any."""
    return int(tensor.untyped_storage()._cdata)


def version_of(tensor: torch.Tensor) -> int:
    """Return how often *tensor* was written in place; raises RuntimeError for one of inference mode."""
    return tensor._version


def own_parameters(module: nn.Module) -> Mapping[str, nn.Parameter | None]:
    """Return the parameters that *module* itself holds, those that are None too."""
    return module._parameters


def own_buffers(module: nn.Module) -> Mapping[str, torch.Tensor | None]:
    """Return the buffers that *module* itself holds, those that are None too."""
    return module._buffers


def own_modules(module: nn.Module) -> Mapping[str, nn.Module | None]:
    """Return the children of *module*, those that are None too."""
    return module._modules


@contextlib.contextmanager
def data_followed() -> Iterator[None]:
    """Let ``tensor.data`` be ``tensor.detach()`` of a tensor that torch.export follows.

    It does not follow the first: what is written into it is lost, and what is computed from it becomes a constant.
    """
    own: Any = torch.Tensor.data

    def get(tensor: torch.Tensor) -> Any:
        return own.__get__(tensor) if type(tensor) in (torch.Tensor, nn.Parameter) else tensor.detach()

    setattr(torch.Tensor, "data", property(get, own.__set__))  # noqa: B010 (mypy knows no such assignment)
    try:
        yield
    finally:
        del torch.Tensor.data  # that of the class above it is there again


@contextlib.contextmanager
def equality_followed() -> Iterator[None]:
    """Let ``torch.equal`` be a comparison of shapes, and then of all elements, which torch.export can follow."""
    own = torch.equal

    def equal(one: torch.Tensor, other: torch.Tensor) -> bool:
        return one.shape == other.shape and bool((one == other).all())

    names: Any = torch
    names.equal = names.Tensor.equal = equal
    try:
        yield
    finally:
        names.equal = own
        del names.Tensor.equal  # that of the class above it is there again


@contextlib.contextmanager
def graph_modules_followed() -> Iterator[None]:
    """Let torch.export note the calls of parts of a model that are ``fx.GraphModule``, as it notes those of others."""
    from torch.fx.experimental import proxy_tensor

    tracer: Any = proxy_tensor._ModuleStackTracer
    own = tracer.call_module

    def call_module(self: Any, module: nn.Module, *given: Any) -> Any:
        is_part = isinstance(module, fx.GraphModule) and module in self.submodule_paths
        return fx.Tracer.call_module(self, module, *given) if is_part else own(self, module, *given)

    tracer.call_module = call_module
    try:
        yield
    finally:
        tracer.call_module = own


@contextlib.contextmanager
def calls_watched(begin: Callable[[nn.Module], None], end: Callable[[nn.Module, Any, Any], None]) -> Iterator[None]:
    """Tell of every call of a module that Dynamo does not trace, and at its end of what it was given and gave."""
    own: Any = nn.Module._call_impl  # with a global hook, torch.export takes a third more time

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_dynamo_compiling():
            return own(self, *args, **kwargs)
        begin(self)
        result = own(self, *args, **kwargs)
        end(self, args, result)
        return result

    nn.Module._call_impl = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module._call_impl = own  # type: ignore[method-assign]


@contextlib.contextmanager
def parameters_copied() -> Iterator[None]:
    """Let torch.export.draft_export run with the numbers of parameters.

    It copies those of plain tensors only; those of parameters are whatever stood in memory.
    """
    from torch._subclasses import meta_utils

    own = meta_utils._safe_copy

    def copy(dst: torch.Tensor, src: torch.Tensor | None) -> None:
        own(dst, src.detach() if type(src) is nn.Parameter else src)

    meta_utils._safe_copy = copy
    try:
        yield
    finally:
        meta_utils._safe_copy = own


def script_class(script: torch.jit.ScriptModule) -> str:
    """Return the whole name of the class that was compiled: ``torch.nn.modules.linear.Linear``."""
    return MANGLED.sub("", script._c._type().qualified_name()).removeprefix("__torch__.")


def script_constants(script: torch.jit.ScriptModule) -> dict[str, Any]:
    """Return the values that were compiled into *script* by name; those of a loaded file are not known."""
    concrete = getattr(script, "_concrete_type", None)
    return dict(concrete.get_constants()) if concrete is not None else {}


def script_methods(script: torch.jit.ScriptModule) -> list[str]:
    """Return the names of the methods of *script*."""
    return list(script._c._method_names())


def script_arguments(script: torch.jit.ScriptModule) -> list[Any]:
    """Return what ``forward`` of *script* takes, without the module itself; nothing if it has no ``forward``."""
    return list(script._c._get_method("forward").schema.arguments[1:]) if script._c._has_method("forward") else []


def script_attribute(script: torch.jit.ScriptModule, name: str) -> Any:
    """Return an attribute that a graph of *script* reads; raises AttributeError if there is none."""
    return script._c.getattr(name)


def has_script_attribute(script: torch.jit.ScriptModule, name: str) -> bool:
    """Return whether *script* has an attribute, other than a method, of this name."""
    return bool(script._c.hasattr(name))


def script_graph(script: torch.jit.ScriptModule, method: str) -> Any:
    """Return the graph of a method in which calls of functions are inlined, and those of methods are `SCRIPT_CALL`."""
    graph = script._c._get_method(method).graph.copy()
    for call in graph.findAllNodes("prim::CallMethod"):
        kept = graph.create(SCRIPT_CALL, list(call.inputs()), call.outputsSize())
        kept.s_("name", call.s("name"))
        kept.insertBefore(call)
        for old, new in zip(call.outputs(), kept.outputs(), strict=True):
            new.setType(old.type())
            old.replaceAllUsesWith(new)
        call.destroy()
    torch._C._jit_pass_inline(graph)
    return graph


def script_dtype(tensor: torch.Tensor) -> int:
    """Return the number that TorchScript has for the dtype of *tensor*."""
    from torch._export.converter import get_dtype_as_int

    return int(get_dtype_as_int(tensor))  # type: ignore[no-untyped-call]


def uncompiled(module: nn.Module) -> nn.Module | None:
    """Return the module that torch.compile wrapped, or None for another one, and where the wrapper has hooks."""
    wrapped = sys.modules.get("torch._dynamo.eval_frame")
    if wrapped is None or type(module) is not wrapped.OptimizedModule:
        return None
    if module._forward_hooks or module._forward_pre_hooks:  # they belong to the wrapper
        return None
    return own_modules(module)["_orig_mod"]


def in_torch_function_mode() -> bool:
    """Return whether a mode sees the functions of torch that are called."""
    return bool(torch._C._len_torch_function_stack())


def is_symbolic(size: Any) -> bool:
    """Return whether *size* is of torch's classes for numbers that may vary."""
    return hasattr(size, "node")


def expression_of(size: Any) -> Any:
    """Return the sympy expression of a size that may vary."""
    return size.node.expr


def hint_of(size: Any) -> Any:
    """Return the number that a size that may vary has for the example inputs; None where it depends on data."""
    return size.node.hint


@contextlib.contextmanager
def retraceable(program: ExportedProgram) -> Iterator[None]:
    """Let passes trace *program* again and again.

    One leaves sizes that depend on data, for which the next one would look in its results. And a program of draft
    export computes with numbers that may not be those of the model: checks of torch then fail.
    """
    held = pytree.tree_leaves([node.meta.get("val") for node in program.graph.nodes])
    modes = {id(value.fake_mode): value.fake_mode for value in held if isinstance(value, FakeTensor)}
    computing = [mode for mode in modes.values() if mode.propagate_real_tensors]
    for mode in modes.values():
        mode.propagate_real_tensors = False
        if mode.shape_env is not None:
            mode.shape_env.pending_fresh_unbacked_symbols.clear()
    try:
        yield
    finally:
        for mode in computing:
            mode.propagate_real_tensors = True


def free_symbols(sizes: Iterable[Any]) -> Iterator[str]:
    """Yield the names of the symbols in sizes that may vary."""
    for size in sizes:
        yield from map(str, size.node.expr.free_symbols)


__all__ = [
    "ADAPTABLE",
    "CHECKS",
    "CONSTRAINTS_VIOLATED",
    "FAKE_TENSOR_LOGGER",
    "FIXED_SIZE",
    "INPUT_SIZE",
    "OUTSIDE",
    "OWN_FRAMES",
    "SCRIPT_CALL",
    "SYMBOL",
    "VMAP",
    "VMAP_ENTER",
    "ArchiveReader",
    "DataDependentOutputException",
    "DisableTorchFunction",
    "DynamicOutputShapeException",
    "FakeTensorMode",
    "HigherOrderOperator",
    "OpOverload",
    "TorchDispatchMode",
    "WeakIdKeyDictionary",
    "calls_watched",
    "condition_text",
    "data_followed",
    "equality_followed",
    "export_errors",
    "expression_of",
    "fake_tensor_reader",
    "free_symbols",
    "graph_modules_followed",
    "guards_of",
    "has_script_attribute",
    "hint_of",
    "in_torch_function_mode",
    "input_spec",
    "is_empty",
    "is_symbolic",
    "is_wrapped",
    "memory_key",
    "output_spec",
    "own_buffers",
    "own_modules",
    "own_parameters",
    "parameters_copied",
    "pytree",
    "retraceable",
    "schema_of",
    "script_arguments",
    "script_attribute",
    "script_class",
    "script_constants",
    "script_dtype",
    "script_graph",
    "script_methods",
    "uncompiled",
    "version_of",
]
