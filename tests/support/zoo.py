"""Small models, each with one thing that a tracer may stumble over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.nn.utils import parametrizations

from ptgraph import trace
from ptgraph.graph.model import ModelGraph


class Two(nn.Module):
    """Two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.a(x), self.b(x)


class Dictionary(Two):
    """A dictionary, with another in it."""

    def forward(self, x: Tensor) -> Any:
        return {"logits": self.a(x), "more": {"hidden": [self.b(x), None, 3]}, "output": x}


class Named(NamedTuple):
    logits: Tensor
    states: list[Tensor]


class GivesNamed(Two):
    """A NamedTuple."""

    def forward(self, x: Tensor) -> Any:
        return Named(self.a(x), [self.b(x)])


@dataclass
class Result:
    logits: Tensor
    loss: Tensor | None = None
    inner: Any = field(default_factory=dict)


class GivesDataclass(Two):
    """A dataclass that torch has never heard of, with another in it."""

    def forward(self, x: Tensor) -> Any:
        return Result(self.a(x), None, {"deep": Result(self.b(x))})


class TiedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Any:
        return self.head(self.embed(ids))


class DataIf(Two):
    def forward(self, x: Tensor) -> Any:
        return self.a(x) if x.isnan().any() else self.b(x)


class Unused(Two):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(5))
        self.register_buffer("idle", torch.ones(3))

    def forward(self, x: Tensor) -> Any:
        return self.a(x)


class Reuse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: Tensor) -> Any:
        return self.part(x) + self.part(x.exp())


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4, dtype=torch.bfloat16), nn.LayerNorm(4, dtype=torch.bfloat16)

    def forward(self, x: Tensor) -> Any:
        return self.norm(self.linear(x))


class Alias(nn.Module):
    """One module under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm1d(4)
        self.second = self.first
        self.extra = nn.Parameter(torch.ones(4))
        self.third = nn.Linear(4, 4)
        self.third.bias = self.extra

    def forward(self, x: Tensor) -> Any:
        x = self.first(x)
        x = self.second(x)
        return self.third(x) + self.extra


class Buffers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.register_buffer("scale", torch.ones(3, 1, 1))
        self.register_buffer("hidden", torch.ones(2), persistent=False)
        self.register_buffer("none", None)
        self.plain = torch.ones(3, 1, 1)

    def forward(self, x: Tensor) -> Any:
        return self.norm(x) * self.scale + self.plain + self.hidden.sum()


class Nested(nn.Module):
    """Containers in containers, a part that is None, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                nn.ModuleDict({"main": nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU())), "0": nn.Linear(4, 4)}),
                nn.ModuleDict({"main": nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU())), "add": nn.Tanh()}),
            ]
        )
        self.parameters_ = nn.ParameterDict({"w": nn.Parameter(torch.ones(4))})
        self.nothing = None
        self.idle = nn.Sequential(nn.Identity(), nn.ModuleList())

    def forward(self, x: Tensor) -> Any:
        for stage in self.stages:
            for name, part in stage.items():
                x = part(x) if name != "add" else x + part(x)
        return x * self.parameters_["w"]


class Arguments(Two):
    """Positional, optional, keyword-only and any other arguments, in lists and dictionaries."""

    def forward(  # type: ignore[override]
        self,
        xs: list[Tensor],
        table: dict[str, Any],
        flag: bool = True,
        mask: Tensor | None = None,
        *,
        k: int,
        **more: Any,
    ) -> Any:
        x = xs[0] + xs[1] + table["a"]["b"]
        return self.a(x if mask is None else x * mask) * k + more["z"] if flag else x


class InPlace(Two):
    def forward(self, x: Tensor) -> Any:
        y = self.a(x)
        y[:, 0] = 1.0
        y += 1
        return y.relu_()


class Cond(Two):
    def forward(self, x: Tensor) -> Any:
        return torch.cond(x.sum() > 0, lambda x: self.a(x).sin(), lambda x: self.a(x + 1), (x,))


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        start = torch.zeros((), dtype=torch.int64, device=x.device)
        return while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, self.step(x)), (start, x))[1]


class Scan(Loop):
    def forward(self, x: Tensor) -> Any:
        return scan(lambda carry, item: (self.step(carry) + item, carry * 1), torch.zeros_like(x[0]), x)


class NoParameters(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Any:
        return F.softmax(x @ y, dim=-1)


class Scalar(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return x.sum()


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Any:
        return torch.fft.ifft(torch.fft.fft(x) * self.weight * (1 + 2j)).real


class Frozen(Two):
    def __init__(self) -> None:
        super().__init__()
        self.a.requires_grad_(False)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, power: int) -> Tensor:
        ctx.save_for_backward(x)
        return x**power

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return 2 * grad * ctx.saved_tensors[0], None


class CustomGradient(Two):
    def forward(self, x: Tensor) -> Any:
        return Square.apply(self.a(x), 2)


class Contexts(Two):
    """What runs under a context manager is no less a part of it."""

    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            y = self.a(x)
        with torch.autocast(x.device.type if x.device.type != "meta" else "cpu", dtype=torch.bfloat16):
            z = self.b(x)
        with torch.enable_grad():
            return y.sum() + z.sum()


class MadeOnTheWay(Two):
    """A module that is made while it runs belongs to nobody."""

    def forward(self, x: Tensor) -> Any:
        return nn.GELU()(self.a(nn.Sequential(nn.ReLU(), nn.Tanh())(x)))


class Identity(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return x


class GivesItsWeight(Two):
    def forward(self, x: Tensor) -> Any:
        return self.a.weight, x


class SameTwice(nn.Module):
    def forward(self, x: Tensor) -> Any:
        y = x + x
        return y, y, {"again": y}


class Constant(nn.Module):
    """It has no tensor to read."""

    def forward(self, size: int) -> Any:
        return torch.ones(size) * 2


class CallsItself(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, depth: int = 2) -> Any:
        return self(self.linear(x), depth - 1) if depth else x


class Names(nn.Module):
    """Arguments and results whose names are those of other things."""

    def forward(self, input: Tensor, max: Tensor, output: Tensor, add: Tensor) -> Any:
        return {"output": input + max, "input": add + output, "a.b": max, "a": {"b": output}, "": add}


class HostileNames(nn.Module):
    """Modules may be called anything without a dot."""

    NAMES = (
        "add",
        "0",
        "we@1",
        "we",
        "ü ß",
        "→",
        "a→b",
        "x" * 200,
        "<&\">'",
        "a[0]",
        "/",
        "#",
        "/#positions",
        "\\N\\l",
        "%2192",
        "&bogus;",
        "\x07",
    )

    def __init__(self) -> None:
        super().__init__()
        for name in self.NAMES:
            self.add_module(name, nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU()))

    def forward(self, x: Tensor) -> Any:
        for number, name in enumerate(self.NAMES, 1):  # no two alike, so that none is folded away
            x = (self._modules[name](x) + 1).clamp(max=100 * number)  # type: ignore[misc]
        return self._modules["we"](x)  # type: ignore[misc]


class Weights(nn.Module):
    """Weights that are computed from others."""

    def __init__(self) -> None:
        super().__init__()
        self.normed = parametrizations.weight_norm(nn.Linear(4, 4))
        self.orthogonal = parametrizations.orthogonal(nn.Linear(4, 4, bias=False), use_trivialization=False)

    def forward(self, x: Tensor) -> Any:
        return self.orthogonal(self.normed(x))


class Indices(nn.Module):
    """Nothing but integers."""

    def forward(self, ids: Tensor) -> Any:
        return (ids + torch.arange(4, device=ids.device)).clamp(max=9)[:, None] == ids


class Empty(nn.Module):
    """A dimension of size zero, and a weight of that size."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.ones(0, 4))

    def forward(self, x: Tensor) -> Any:
        return torch.cat([x, self.none]).sum(0)


@dataclass(frozen=True)
class Case:
    """A model, the shapes of its inputs, and what its graph must say.

    ``outputs`` maps the names of the outputs to their shapes.
    """

    make: Callable[[], nn.Module]
    args: Callable[[], tuple[Any, ...]]
    outputs: dict[str, tuple[int, ...]]
    tracer: str = "torch.export"
    kwargs: Callable[[], dict[str, Any]] = dict
    unused: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu", "meta")


def x(*shape: int, dtype: torch.dtype = torch.float32) -> Callable[[], tuple[Tensor]]:
    return lambda: (torch.ones(shape, dtype=dtype),)


LONG = torch.int64
ZOO = {
    "lstm": Case(lambda: nn.LSTM(4, 5, 2), x(3, 2, 4), {"0": (3, 2, 5), "1.0": (2, 2, 5), "1.1": (2, 2, 5)}),
    "transformer": Case(
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        lambda: (*x(2, 3, 8)(), *x(2, 4, 8)()),
        {"output": (2, 4, 8)},
    ),
    "two": Case(Two, x(1, 4), {"0": (1, 2), "1": (1, 3)}),
    "dictionary": Case(Dictionary, x(1, 4), {"logits": (1, 2), "more.hidden.0": (1, 3), "output": (1, 4)}),
    "named": Case(GivesNamed, x(1, 4), {"logits": (1, 2), "states.0": (1, 3)}),
    "dataclass": Case(GivesDataclass, x(1, 4), {"logits": (1, 2), "inner.deep.logits": (1, 3)}),
    "tied": Case(TiedWeights, x(2, 3, dtype=LONG), {"output": (2, 3, 7)}),
    "if": Case(DataIf, x(1, 4), {"output": (1, 3)}, "torch.export.draft_export", unused=("a.weight", "a.bias")),
    "unused": Case(Unused, x(1, 4), {"output": (1, 2)}, unused=("token", "b.weight", "b.bias", "idle")),
    "reuse": Case(Reuse, x(1, 4), {"output": (1, 4)}),
    "half": Case(Half, x(1, 4, dtype=torch.bfloat16), {"output": (1, 4)}),
    "alias": Case(
        Alias, x(2, 4), {"output": (2, 4)}, unused=("first.num_batches_tracked", "second.num_batches_tracked")
    ),
    "buffers": Case(Buffers, x(1, 3, 2, 2), {"output": (1, 3, 2, 2)}, unused=("norm.num_batches_tracked",)),
    "nested": Case(Nested, x(1, 4), {"output": (1, 4)}),
    "arguments": Case(
        Arguments,
        lambda: ([*x(1, 4)(), *x(1, 4)()], {"a": {"b": torch.ones(4)}}),
        {"output": (1, 2)},
        kwargs=lambda: {"k": 3, "mask": torch.ones(4), "z": torch.ones(2)},
        unused=("b.weight", "b.bias"),
    ),
    "in-place": Case(InPlace, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "cond": Case(Cond, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "while": Case(Loop, x(1, 4), {"output": (1, 4)}),
    "scan": Case(Scan, x(3, 4), {"0": (4,), "1": (3, 4)}),
    "no parameters": Case(NoParameters, lambda: (*x(2, 3)(), *x(3, 2)()), {"output": (2, 2)}),
    "linear": Case(lambda: nn.Linear(3, 4), x(2, 3), {"output": (2, 4)}),
    "scalar": Case(Scalar, x(3), {"output": ()}),
    "complex": Case(Complex, x(2, 3), {"output": (2, 3)}),
    "frozen": Case(Frozen, x(1, 4), {"0": (1, 2), "1": (1, 3)}),
    "gradient": Case(CustomGradient, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "contexts": Case(Contexts, x(1, 4), {"output": ()}),
    "on the way": Case(MadeOnTheWay, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "identity": Case(Identity, x(2), {"output": (2,)}),
    "weight": Case(GivesItsWeight, x(2), {"0": (2, 4), "1": (2,)}, unused=("a.bias", "b.weight", "b.bias")),
    "same twice": Case(SameTwice, x(2), {"0": (2,), "1": (2,), "2.again": (2,)}),
    "constant": Case(Constant, lambda: (3,), {"output": (3,)}, devices=("cpu",)),
    "itself": Case(CallsItself, x(1, 4), {"output": (1, 4)}),
    "names": Case(
        Names,
        lambda: tuple(torch.ones(2) for _ in range(4)),
        {"output": (2,), "input": (2,), "a.b": (2,), "a.b_2": (2,), "output_2": (2,)},
    ),
    "hostile": Case(HostileNames, x(1, 4), {"output": (1, 4)}),
    "weights": Case(Weights, x(1, 4), {"output": (1, 4)}, devices=("cpu",)),
    "indices": Case(Indices, x(2, 4, dtype=LONG), {"output": (2, 2, 4)}),
    "empty": Case(Empty, x(2, 4), {"output": (4,)}),
}
RUNS = [(name, device) for name, case in ZOO.items() for device in case.devices]
GRAPHS: dict[tuple[str, str], tuple[nn.Module, ModelGraph]] = {}


def made(name: str, device: str = "cpu") -> tuple[nn.Module, ModelGraph]:
    """Return a model of the zoo and its graph, traced once."""
    if (name, device) not in GRAPHS:
        case = ZOO[name]
        with torch.device(device):
            model, args, kwargs = case.make(), case.args(), case.kwargs()
        GRAPHS[name, device] = model, trace(model, *args, **kwargs)
    return GRAPHS[name, device]


def graph_of(name: str, device: str = "cpu") -> ModelGraph:
    return made(name, device)[1]
