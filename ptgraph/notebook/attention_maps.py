"""Attention patterns: the attention probabilities of a real forward pass of any model, head by head."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from ptgraph.common.silence import alone
from ptgraph.common.unique import unique
from ptgraph.graph.categories import category
from ptgraph.tracing.module_walk import named_children, named_modules, to_evaluation
from ptgraph.tracing.state_guard import left_as_found

_SOFTMAX = (torch.softmax, F.softmax, Tensor.softmax)
_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)


@alone
def attention_patterns(model: nn.Module, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
    """Run ``model(*args, **kwargs)`` in evaluation mode, and return module path → attention probabilities.

    Each tensor is ``[batch, heads, queries, keys]``, float32 on the CPU. Every row sums to one, or to zero if the query
    may see no key. Further calls of a module have ``#2``, ``#3`` and so on after its path. Found are calls of
    ``scaled_dot_product_attention`` and of ``nn.MultiheadAttention``, and softmaxes over the last of four dimensions in
    a module of the category Attention. The model is left as it was found.
    """
    names = {module: name for name, module in named_modules(model)}
    watch = _Watch()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it does not return the probabilities
    try:
        with left_as_found(model), torch.no_grad(), _entered(names, watch.modules), watch:
            to_evaluation(model)
            model(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    found: dict[str, Tensor] = {}
    for module, pattern in watch.found:
        found[unique(names.get(module, ""), found, "{name}#{number}")] = pattern
    return found


class _Watch(TorchFunctionMode):
    """A mode that sees every call of a torch function, and keeps the probabilities of those that are attention."""

    def __init__(self) -> None:
        super().__init__()
        self.modules: list[nn.Module] = []  # the modules whose forward is running, the innermost last
        self.found: list[tuple[nn.Module, Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            self._keep(_probabilities(*args, **kwargs))
        elif func is F.multi_head_attention_forward:
            return self._multi_head(args, kwargs)
        result = func(*args, **kwargs)
        if func in _SOFTMAX and self._attends(result, kwargs.get("dim", args[1] if len(args) > 1 else None)):
            self._keep(result)
        return result

    def _attends(self, result: Tensor, dim: int | None) -> bool:
        return result.ndim == 4 and dim in (-1, 3) and self._in_attention()

    def _in_attention(self) -> bool:
        owner = self._owner()
        has_parts = next(named_children(owner), None) is not None
        return category(type(owner), has_parts=has_parts) == "Attention"

    def _owner(self) -> nn.Module:
        """Return the innermost running module that is no ``nn.Softmax``."""
        return next(module for module in reversed(self.modules) if not isinstance(module, nn.Softmax))

    def _multi_head(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call multi-head attention with the weights of every head, keep them, and return what the caller asked for."""
        given = _MULTI_HEAD.bind(*args, **kwargs)
        given.apply_defaults()
        asked = dict(given.arguments)
        output, weights = F.multi_head_attention_forward(
            **{**asked, "need_weights": True, "average_attn_weights": False}
        )
        assert weights is not None
        self._keep(weights if weights.ndim == 4 else weights[None])
        if not asked["need_weights"]:
            return output, None
        return output, weights.mean(dim=-3) if asked["average_attn_weights"] else weights

    def _keep(self, pattern: Tensor) -> None:
        """Keep a pattern ``[…, batch, heads, queries, keys]``; a missing dimension of batch or heads is 1."""
        if pattern.ndim < 4:
            pattern = pattern[:, None] if pattern.ndim == 3 else pattern[None, None]
        self.found.append((self._owner(), pattern.flatten(0, -4).detach().float().cpu()))


def _probabilities(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return the probabilities of ``scaled_dot_product_attention``, which does not return them itself."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -torch.inf)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(dim=-1).nan_to_num()


@contextmanager
def _entered(names: dict[nn.Module, str], running: list[nn.Module]) -> Iterator[None]:
    """Keep the modules in *names* whose forward is running in *running*, the innermost last."""

    def enter(module: nn.Module, args: Any) -> None:
        if module in names:
            running.append(module)

    def leave(module: nn.Module, args: Any, result: Any) -> None:
        if module in names:
            running.pop()

    handles = hooks.register_module_forward_pre_hook(enter), hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


__all__ = ["attention_patterns"]
