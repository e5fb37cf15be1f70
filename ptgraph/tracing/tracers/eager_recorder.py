"""The last tracer of the ladder: run the model once and record which functions each module called, on which tensors.

It works wherever the forward pass runs, whatever Python it uses: branches taken are simply the ones recorded.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import fx, nn
from torch.overrides import TorchFunctionMode, resolve_name

from ptgraph.common.messages import first_line, shortened
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.containers import contents, is_a
from ptgraph.tracing.module_hooks import every_call
from ptgraph.tracing.module_walk import named_buffers, named_modules, named_parameters, tensors
from ptgraph.tracing.nested_values import described, opened
from ptgraph.tracing.plain_values import public
from ptgraph.tracing.source_info import qualified_name
from ptgraph.tracing.torch_internals import memory_key, pytree, version_of
from ptgraph.tracing.tracers.bound_call import BoundCall
from ptgraph.tracing.tracers.materialize import materialized

_SKIPPED = (__file__, "torch/overrides.py", "torch/functional.py", "torch/nn/functional.py", "torch/_tensor.py")
_PLAIN = (int, float, bool, str, complex, torch.dtype, torch.device, torch.layout, type(None), type(...))


class ForwardError(Exception):
    """The model does not run on these inputs; the text says in which module, and why."""


def record(call: BoundCall) -> Capture:
    """Run the model once, on real numbers, and return the functions that it called as a torch.fx graph.

    Hooks are global for the time of the run: none is put on the model.
    Raises ForwardError where the forward pass itself fails.
    """
    with materialized(call) as real:
        recorder = _Recorder(real.model)
        for name, tensor in opened(real.arguments, step="_").tensors.items():
            recorder.add_input(name, tensor)
        try:
            with recorder.hooked(), recorder:
                result = real.model(*real.args, **real.kwargs)
        except Exception as error:  # whatever the user's forward raises
            raise ForwardError(f"{_running(real.model, error)}{first_line(error)}") from error
        given = opened(result)
        outputs = [(name, recorder.node_of(tensor)) for name, tensor in given.tensors.items()]
    graph, states = recorder.graph, recorder.states
    graph.output(tuple(node for _, node in outputs))
    constants = {states[node.name][1]: node.meta["constant"] for node in graph.nodes if "constant" in node.meta}
    return Capture(
        call.name,
        graph,
        states,
        outputs,
        model=call.model,
        constants=constants,
        other_inputs=call.others,
        other_outputs=described(given.rest),
    )


def _running(model: nn.Module, error: BaseException) -> str:
    """Return which part of *model* was running when *error* was raised, and how it is set up."""
    paths = {id(module): path for path, module in named_modules(model) if path}
    place, step = "", error.__traceback__
    while step is not None:
        running = step.tb_frame.f_locals.get("self")
        if id(running) in paths and isinstance(running, nn.Module):
            place = f"in {shortened(paths[id(running)], 80)} ({type(running).__name__}({running.extra_repr()})): "
        step = step.tb_next
    return place


class _Recorder(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.states: dict[str, tuple[str, str]] = {}
        self.paths = {id(module): path for path, module in named_modules(model)}
        self.types = {path: qualified_name(type(module)) for path, module in named_modules(model)}
        self.named = {id(p): ("parameter", name) for name, p in named_parameters(model)}
        self.named |= {id(b): ("buffer", name) for name, b in named_buffers(model)}
        self.nodes: dict[int, fx.Node] = {}
        self.alive = tensors(model)  # an id names a tensor only while the tensor lives
        self.memory: dict[int, torch.UntypedStorage] = {}
        self.stack: dict[str, tuple[str, str]] = {}
        self.runs: dict[str, int] = {}

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [t for t in pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        versions = [_version(t) for t in given]
        result = func(*args, **kwargs)
        written = [t for t, version in zip(given, versions, strict=True) if _version(t) != version]
        found = [t for t in pytree.tree_leaves(result) if isinstance(t, torch.Tensor)]
        if written or any(id(t) not in self.nodes and id(t) not in self.named for t in found):
            self._add(func, args, kwargs, result, written)  # else nothing is new, and nothing was changed
        return result

    def _add(self, func: Callable[..., Any], args: Any, kwargs: Any, result: Any, written: list[torch.Tensor]) -> None:
        writes = [self.node_of(tensor) for tensor in written]
        args, kwargs = self._literal(tuple(args)), self._literal(dict(kwargs))
        short = _name(func).rpartition(".")[2].strip("_")
        node = self.graph.create_node("call_function", func, args, kwargs, name=short or "call")
        node.meta = {
            "val": pytree.tree_map_only(torch.Tensor, self._on_meta, result if result is not None else written[0]),
            "nn_module_stack": dict(self.stack),
            "stack_trace": _caller(),
            "target": _name(func),
            "writes": writes,
        }
        self._keep_results(result, node)

    def _keep_results(self, result: Any, node: fx.Node) -> None:
        if isinstance(result, torch.Tensor):
            self._keep(result, node)
        elif isinstance(result, list | tuple):
            for index, item in enumerate(result):
                if isinstance(item, torch.Tensor | list | tuple):
                    part = self.graph.call_function(operator.getitem, (node, index))
                    part.meta = {**node.meta, "val": node.meta["val"][index], "writes": []}
                    self._keep_results(item, part)

    def add_input(self, name: str, tensor: torch.Tensor) -> None:
        node = self.graph.placeholder(name)
        node.meta["val"] = self._on_meta(tensor)
        self._keep(tensor, node)

    def node_of(self, tensor: torch.Tensor) -> fx.Node:
        """Return the node that yields *tensor*; one seen for the first time is state or a constant."""
        if id(tensor) not in self.nodes:
            kind, name = self.named.get(id(tensor), ("constant", f"constant_{len(self.states)}"))
            node = self.graph.create_node("get_attr", name)
            node.meta["val"] = self._on_meta(tensor)
            if kind == "constant":
                node.meta["constant"] = tensor.detach().clone()
            self.states[node.name] = (kind, name)
            self._keep(tensor, node)
        return self.nodes[id(tensor)]

    def _keep(self, tensor: torch.Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    def _on_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor like *tensor* on meta; views of one memory stay views of one."""
        with suppress(NotImplementedError, RuntimeError):  # it has no memory of the usual kind
            memory = self.memory.setdefault(memory_key(tensor), _storage(tensor.untyped_storage().nbytes()))
            empty = torch.empty(0, dtype=tensor.dtype, device="meta")
            return empty.set_(memory, tensor.storage_offset(), tensor.shape, tensor.stride())
        return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")

    def _literal(self, value: Any) -> Any:
        """Return what stands for an argument in the graph."""
        if isinstance(value, torch.Tensor):
            return self.node_of(value)
        if is_a(value, list | tuple):
            items = [self._literal(item) for item in contents(value)]
            return tuple(items) if is_a(value, tuple) else items
        if is_a(value, dict):
            items = contents(value)
            return {str(key): self._literal(item) for key, item in zip(items[::2], items[1::2], strict=True)}
        if isinstance(value, slice):
            return slice(*(self._literal(part) for part in (value.start, value.stop, value.step)))
        return value if is_a(value, _PLAIN) else public(str(value))

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Follow which module runs, by hooks on all modules for the time being."""

        def enter(module: nn.Module, inputs: Any) -> None:
            path = self.paths.get(id(module), type(module).__name__)
            run = self.runs.get(path, 0)
            self.runs[path] = run + 1
            self.stack[f"{path}@{run}" if run else path] = (path, self.types.get(path, type(module).__name__))

        def leave(module: nn.Module, inputs: Any, result: Any) -> None:
            self.stack.popitem()

        with every_call(enter, leave):
            yield


def _storage(size: int) -> torch.UntypedStorage:
    return torch.UntypedStorage(size, device="meta")  # type: ignore[no-untyped-call]  # torch left it untyped


def _version(tensor: torch.Tensor) -> int:
    return -1 if tensor.is_inference() else version_of(tensor)


def _name(func: Callable[..., Any]) -> str:
    """Return the public name of a function, ``torch.Tensor.add``; of a property, ``torch.Tensor.T``."""
    if getattr(func, "__name__", "") == "__get__":
        return f"torch.Tensor.{getattr(getattr(func, '__self__', None), '__name__', 'property')}"
    return str(resolve_name(func) or getattr(func, "__name__", "call"))


def _caller() -> str:
    """Return the place in the code that called the function, as a line of a stack trace."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.endswith(_SKIPPED):
        frame = frame.f_back
    return f'File "{frame.f_code.co_filename}", line {frame.f_lineno}'


__all__ = ["ForwardError", "record"]
