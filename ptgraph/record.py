"""The last rung: run the model once and write down which functions each module called, on which tensors.

It works wherever the forward pass runs, whatever Python it uses: branches taken are simply the ones recorded.
"""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils import _pytree as pytree

_SKIPPED = ("torch/overrides.py", "torch/functional.py", "torch/nn/functional.py", "torch/_tensor.py")


def record(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[fx.Graph, dict[str, tuple[str, str]], list[tuple[str, Any]]]:
    """Run ``model(*args, **kwargs)`` and return its graph, which nodes read state, and the named outputs.

    Hooks are global for the time of the run: none is put on the model.
    """
    recorder = _Recorder(model)
    bound = inspect.signature(model.forward).bind(*args, **kwargs)
    for path, value in pytree.tree_flatten_with_path(dict(bound.arguments))[0]:
        if isinstance(value, torch.Tensor):
            recorder.add_input("_".join(key_name(key) for key in path), value)
    with recorder.hooked(), recorder:
        result = model(*args, **kwargs)
    outputs = output_names(pytree.tree_map_only(torch.Tensor, recorder.node_of, result))
    recorder.graph.output(tuple(node for _, node in outputs))
    return recorder.graph, recorder.states, outputs


class _Recorder(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.states: dict[str, tuple[str, str]] = {}
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.types = {path: f"{type(m).__module__}.{type(m).__qualname__}" for path, m in model.named_modules()}
        self.named = {id(p): ("parameter", name) for name, p in model.named_parameters()}
        self.named |= {id(b): ("buffer", name) for name, b in model.named_buffers()}
        self.nodes: dict[int, fx.Node] = {}
        self.alive: list[torch.Tensor] = []  # an id names a tensor only while the tensor lives
        self.stack: dict[str, tuple[str, str]] = {}
        self.runs: dict[str, int] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = [t for t in pytree.tree_leaves(result) if isinstance(t, torch.Tensor)]
        if tensors and getattr(func, "__name__", "") not in ("__get__", "requires_grad_"):
            self._add(func, args, kwargs, result)
        return result

    def _add(self, func: Callable[..., Any], args: Any, kwargs: Any, result: Any) -> None:
        args, kwargs = pytree.tree_map(self._literal, (tuple(args), dict(kwargs)))
        node = self.graph.create_node("call_function", func, args, kwargs, name=_name(func))
        node.meta = {
            "val": pytree.tree_map_only(torch.Tensor, _on_meta, result),
            "nn_module_stack": dict(self.stack),
            "stack_trace": _caller(),
            "target": resolve_name(func) or _name(func),
        }
        if isinstance(result, torch.Tensor):
            self._keep(result, node)
        elif isinstance(result, list | tuple):
            for index, item in enumerate(result):
                if isinstance(item, torch.Tensor):
                    part = self.graph.call_function(operator.getitem, (node, index))
                    part.meta = {**node.meta, "val": _on_meta(item)}
                    self._keep(item, part)

    def add_input(self, name: str, tensor: torch.Tensor) -> None:
        node = self.graph.placeholder(name)
        node.meta["val"] = _on_meta(tensor)
        self._keep(tensor, node)

    def node_of(self, tensor: torch.Tensor) -> fx.Node:
        """Return the node that yields *tensor*; one seen for the first time is state or a constant."""
        if id(tensor) not in self.nodes:
            kind, name = self.named.get(id(tensor), ("constant", f"constant_{len(self.states)}"))
            node = self.graph.create_node("get_attr", name)
            node.meta["val"] = _on_meta(tensor)
            self.states[node.name] = (kind, name)
            self._keep(tensor, node)
        return self.nodes[id(tensor)]

    def _keep(self, tensor: torch.Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    def _literal(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self.node_of(value)
        plain = (int, float, bool, str, complex, torch.dtype, torch.device, torch.layout, type(None), type(...))
        return value if isinstance(value, plain) else str(value)

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

        handles = [
            hooks.register_module_forward_pre_hook(enter),
            hooks.register_module_forward_hook(leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def output_names(result: Any) -> list[tuple[str, Any]]:
    """Return (name, leaf) for each output: ``logits``, ``past.0``; a lone one is called ``output``."""
    found = pytree.tree_flatten_with_path(result)[0]
    named = [(".".join(key_name(key) for key in path) or "output", value) for path, value in found]
    return [(f"output.{name}" if name[0].isdigit() else name, value) for name, value in named]


def key_name(key: Any) -> str:
    """Return the plain form of one step of a pytree path: a field, a key or an index."""
    return str(next(getattr(key, a) for a in ("key", "name", "idx") if hasattr(key, a)))


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def _name(func: Callable[..., Any]) -> str:
    return str(getattr(func, "__name__", "call")).strip("_") or "call"


def _caller() -> str:
    frame = sys._getframe(3)
    while frame.f_back and (
        frame.f_code.co_filename == __file__ or frame.f_code.co_filename.endswith(_SKIPPED)
    ):
        frame = frame.f_back
    return f'File "{frame.f_code.co_filename}", line {frame.f_lineno}'


__all__ = ["key_name", "output_names", "record"]
