"""A ScriptModule → a plain module with the same parameters, buffers and parts, which a tracer can follow.

Classes carry the names that they had before they were compiled. What cannot be run by Python is one opaque function,
with the parameters of its module.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import fx, nn
from torch.overrides import handle_torch_function

from ptgraph.common.unique import unique
from ptgraph.tracing.module_walk import named_modules, tensors
from ptgraph.tracing.torch_internals import (
    WeakIdKeyDictionary,
    has_script_attribute,
    in_torch_function_mode,
    own_buffers,
    own_modules,
    own_parameters,
    pytree,
    script_arguments,
    script_attribute,
    script_class,
    script_constants,
    script_graph,
    script_methods,
)
from ptgraph.tracing.torchscript.interpreter import (
    GET,
    Access,
    Body,
    UnsupportedOperatorError,
    read_graph,
    run_graph,
    with_constants_held,
)

_FORWARD = re.compile(r"forward(__)?\d*")  # torch numbers the calls of a module that it traced


_parameters: Any = WeakIdKeyDictionary()


class ScriptedModule(nn.Module):
    """What takes the place of a ScriptModule while it is traced. ``opaque`` says why its code is not run by Python."""

    opaque = ""


def script_signature(script: torch.jit.ScriptModule) -> inspect.Signature:
    """Return the signature of ``forward``, without the module itself."""
    kinds = inspect.Parameter
    return inspect.Signature(
        [
            kinds(
                argument.name,
                kinds.KEYWORD_ONLY if argument.kwarg_only else kinds.POSITIONAL_OR_KEYWORD,
                default=argument.default_value if argument.has_default_value() else kinds.empty,
            )
            for argument in script_arguments(script)
        ]
    )


def opened(script: torch.jit.ScriptModule, known: dict[int, nn.Module]) -> nn.Module:
    """Return the plain module for *script*; *known* holds those that were made, by the ``id`` of the ScriptModule.

    Parameters and buffers are the same tensors. Nothing of *script* is changed.
    """
    if id(script) in known:
        return known[id(script)]
    bodies, missing = _bodies(script)
    called = {"forward", *(name for body in bodies.values() for name in body.called())}
    why = next((reason for name, reason in missing.items() if _FORWARD.fullmatch(name) or name in called), "")
    made = _class_of(script)()
    known[id(script)] = made
    own = vars(made)
    own["_script"], own["opaque"] = _Held(script), why
    for name, value in script_constants(script).items():
        if name.isidentifier() and isinstance(value, int | float | str | list | tuple | None):
            own.setdefault(name, value)
    for name, parameter in own_parameters(script).items():
        made.register_parameter(name, _parameter(parameter))
    for name, buffer in own_buffers(script).items():
        made.register_buffer(name, buffer)
    for name, part in own_modules(script).items():
        if part is not None:
            made.add_module(name, opened(part, known) if isinstance(part, torch.jit.ScriptModule) else part)
    frozen = not hasattr(script, "training")
    made.training = not frozen and bool(script.training)
    hold = partial(_hold, made, frozen)
    wanted = {step.name for body in bodies.values() for step in body.all_steps() if step.kind == GET}
    own["_attributes"] = _attributes(script, made, wanted)
    own["_bodies"] = {name: with_constants_held(body, hold) for name, body in bodies.items()}
    return made


@dataclass(frozen=True)
class _Own:
    """Stands for a parameter or buffer of the module: a tracer puts other tensors in their place."""

    name: str


def _attributes(script: torch.jit.ScriptModule, made: nn.Module, wanted: set[str]) -> dict[str, Any]:
    """Return the attributes in *wanted* that are no parameter, buffer or part, with `_Own` in place of such."""
    state = {**own_parameters(made), **own_buffers(made)}
    names = {_memory(tensor): name for name, tensor in state.items() if tensor is not None}
    found: dict[str, Any] = {}
    for name in sorted(wanted - {"training", *state, *own_modules(made)}):
        if has_script_attribute(script, name):
            found[name] = pytree.tree_map_only(
                torch.Tensor,
                lambda tensor: _Own(names[key]) if (key := _memory(tensor)) in names else tensor,
                script_attribute(script, name),
            )
            vars(made).setdefault(name, found[name])  # it is a setting
    return found


def _memory(tensor: torch.Tensor) -> Any:
    """Return what two tensors have in common that are one, or were when they were saved."""
    if tensor.is_meta or not tensor.numel() or tensor.layout is not torch.strided:
        return id(tensor)
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def _parameter(tensor: torch.Tensor | None) -> nn.Parameter | None:
    """Return a parameter of a ScriptModule as one; in a loaded file it is a plain tensor, always the same object."""
    if tensor is None or isinstance(tensor, nn.Parameter):
        return tensor
    if tensor not in _parameters:
        _parameters[tensor] = nn.Parameter(tensor.detach(), tensor.requires_grad)
    found: nn.Parameter = _parameters[tensor]
    return found


def _hold(module: ScriptedModule, frozen: bool, value: str, tensor: torch.Tensor) -> str:
    """Give *module* a constant of its graph, and return its name: that of the parameter, if it is *frozen*."""
    name = re.sub(r"\W", "_", value.removeprefix("self."))
    name = name if name.isidentifier() and not hasattr(module, name) else unique(f"constant_{name}", vars(module))
    if frozen and tensor.is_floating_point() and tensor.numel() > 1:
        module.register_parameter(name, nn.Parameter(tensor.detach(), requires_grad=False))
    else:
        setattr(module, name, tensor)
    return name


class _Held:
    """Holds a ScriptModule where neither ``nn.Module`` nor a copy of a module looks for modules."""

    def __init__(self, script: torch.jit.ScriptModule) -> None:
        self.script = script

    def __deepcopy__(self, _memo: Any) -> _Held:
        return self


def _bodies(script: torch.jit.ScriptModule) -> tuple[dict[str, Body], dict[str, str]]:
    """Return the methods that can be run by Python, and for each other one the reason why not."""
    found, missing = {}, {}
    for name in script_methods(script):
        try:
            found[name] = read_graph(script_graph(script, name))
        except (UnsupportedOperatorError, RuntimeError) as error:  # torch cannot inline what it cannot find
            missing[name] = str(error).partition("\n")[0]
    return found, missing


def _class_of(script: torch.jit.ScriptModule) -> type[ScriptedModule]:
    """Return a class with the name of the one that was compiled."""
    package, _, name = script_class(script).rpartition(".")

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _call(self, "forward", bound.args)

    signature = script_signature(script)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    vars(forward)["__signature__"] = inspect.Signature([own, *signature.parameters.values()])
    return type(name, (ScriptedModule,), {"__module__": package or "__torch__", "forward": forward})


def _call(module: Any, method: str, args: Sequence[Any]) -> Any:
    if module.opaque:
        return _opaque(vars(module)["_script"], method, tensors(module), *args)
    body = vars(module)["_bodies"].get(method)
    if body is None:
        raise NotImplementedError(f"{type(module).__name__} has no method {method}")
    return run_graph(body, _ACCESS, [module, *args])


def _opaque(held: _Held, method: str, state: list[torch.Tensor], *args: Any) -> Any:
    """Run a method as TorchScript does; a mode that records functions sees one, which reads *state*."""
    if torch.compiler.is_exporting() or any(isinstance(value, fx.Proxy) for value in args):
        raise UnsupportedOperatorError("TorchScript that Python cannot run")
    if in_torch_function_mode():
        return handle_torch_function(_opaque, (), held, method, state, *args)
    return getattr(held.script, method)(*args)


_opaque.__module__, _opaque.__name__, _opaque.__qualname__ = "torch.jit", "ScriptModule", "ScriptModule"


def _get(owner: Any, name: str) -> Any:
    if not isinstance(owner, ScriptedModule):
        return getattr(owner, name)
    state: dict[str, Any] = {**own_parameters(owner), **own_buffers(owner)}
    for held in (own_modules(owner), state, vars(owner)["_attributes"], vars(owner)):
        if name in held:
            return pytree.tree_map_only(_Own, lambda own: state[own.name], held[name])
    raise UnsupportedOperatorError(f"attribute {name}")


def _put(owner: Any, name: str, value: Any) -> None:
    if isinstance(owner, ScriptedModule) and name in vars(owner)["_attributes"]:
        vars(owner)["_attributes"][name] = value
    else:
        setattr(owner, name, value)


def _call_method(owner: Any, name: str, args: Sequence[Any]) -> Any:
    if not isinstance(owner, ScriptedModule):
        return getattr(owner, name)(*args)
    if not _FORWARD.fullmatch(name):
        return _call(owner, name, args)
    if name == "forward":
        return owner(*args)
    vars(owner)["forward"] = lambda *given: _call(owner, name, given)  # so that it is a call of the module
    try:
        return owner(*args)
    finally:
        del vars(owner)["forward"]


_ACCESS = Access(_get, _put, _call_method)


def closed_parts(model: nn.Module) -> list[tuple[str, str]]:
    """Return path and reason of each module whose TorchScript is not run by Python; parts of one are left out."""
    found: list[tuple[str, str]] = []
    for path, module in named_modules(model):
        why = vars(module).get("opaque") if isinstance(module, ScriptedModule) else ""
        if why and not any(path.startswith(f"{above}.") or not above for above, _ in found):
            found.append((path, why))
    return found


__all__ = ["ScriptedModule", "closed_parts", "opened", "script_signature"]
