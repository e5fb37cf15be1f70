"""A graph calls its modules as often as they are called when the model runs: else another is taken, or it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm
from torch.utils.checkpoint import checkpoint

from ptgraph.errors import PtgraphWarning
from ptgraph.tracing import capture as ladder
from ptgraph.tracing.agreement import Witness, other_work
from ptgraph.tracing.build_graph import captured_graph, graph_of
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.source import Source
from ptgraph.tracing.stand_ins import stand_ins
from ptgraph.tracing.tracers.bound_call import BoundCall
from tests.support.tracers import DRAFT, EXPORT, RECORDED, STRICT, SYMBOLIC

Tracer = Callable[[BoundCall], Capture]

X = torch.ones(2, 4)


def block() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Dropout(), nn.Identity())


class Runs(nn.Module):
    """A model of *parts*, of which a function makes the result."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def chain(parts: Any, x: Tensor) -> Tensor:
    for part in parts:
        x = part(x)
    return x


def unused(model: Any, x: Tensor) -> Tensor:
    model.aux(x)
    model.aux(model.b(x).view(-1)[:4])
    return model.a(x)


def written(model: Any, x: Tensor) -> Tensor:
    y = torch.zeros(2, 4)
    y[0] = model.a(x[0])
    y[1] = model.a(x[1])
    return y


def kept(model: Any, x: Tensor) -> Tensor:
    model.last.copy_(model.a(x))
    return x + 1


def stateful() -> nn.Module:
    model = Runs(kept, a=block())
    model.register_buffer("last", torch.zeros(2, 4))
    return model


def parts_in_a_plain_list() -> nn.Module:
    model = Runs(lambda model, x: chain(model.parts, model.a(x)), a=block())
    model.parts = [block(), block()]  # type: ignore[assignment]
    return model


def graph_module(model: nn.Module) -> nn.Module:
    return torch.fx.symbolic_trace(model)


def compiled(model: Any) -> Any:
    return torch.compile(model)


class Calls(nn.Module):
    """A part whose forward is called without ``__call__``."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = block(), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b.forward(self.a.forward(x))


SHARED = nn.Linear(4, 4)
FAITHFUL: dict[str, Callable[[], nn.Module]] = {
    "called twice": lambda: Runs(lambda model, x: model.a(model.a(x)), a=block()),
    "two names": lambda: Runs(lambda model, x: model.b(model.a(x)), a=SHARED, b=SHARED),
    "three names of repeats": lambda: nn.Sequential(*(nn.Sequential(SHARED, nn.GELU(), block()) for _ in range(4))),
    "repeats": lambda: nn.Sequential(*(block() for _ in range(6))),
    "repeats within": lambda: nn.Sequential(*(nn.Sequential(*(block() for _ in range(3))) for _ in range(4))),
    "slices": lambda: Runs(
        lambda model, x: chain(model.a[1:], chain(model.a[:2], x)), a=nn.ModuleList(block() for _ in range(3))
    ),
    "cond": lambda: Runs(
        lambda model, x: torch.cond(x.sum() > 0, lambda x: model.a(x), lambda x: model.b(model.b(x)), (model.a(x),)),
        a=nn.Linear(4, 4),
        b=nn.Linear(4, 4),
    ),
    "vmap": lambda: Runs(lambda model, x: torch.func.vmap(model.a)(model.a(x)), a=nn.Linear(4, 4)),
    "lstm": lambda: Runs(lambda model, x: model.b(model.a(x)[0]), a=nn.LSTM(4, 4, 2), b=nn.GRU(4, 4)),
    "attention": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 3),
    "spectral norm": lambda: nn.Sequential(spectral_norm(nn.Linear(4, 4)), block()),
    "parametrized": lambda: nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(4, 4)), parametrizations.weight_norm(nn.Linear(4, 4))
    ),
    "checkpoint": lambda: Runs(
        lambda model, x: checkpoint(model.a, checkpoint(model.b, x, use_reentrant=False), use_reentrant=False),
        a=block(),
        b=block(),
    ),
    "plain list": parts_in_a_plain_list,
    "script": lambda: nn.Sequential(torch.jit.script(block()), block(), torch.jit.trace(block(), X)),
    "compiled": lambda: nn.Sequential(compiled(block()), block()),
    "graph module": lambda: nn.Sequential(graph_module(block()), block()),
    "quantized": lambda: torch.ao.quantization.quantize_dynamic(nn.Sequential(block(), block())),
    "unused results": lambda: Runs(unused, a=block(), b=nn.Linear(4, 4), aux=nn.Linear(4, 4)),
    "written into": lambda: Runs(written, a=block()),
    "state": stateful,
    "without call": Calls,
    "no operation": lambda: Runs(lambda model, x: model.b(model.a(x)), a=nn.Sequential(nn.Identity()), b=nn.Flatten(1)),
}


CLOSED = {  # which cannot follow which
    STRICT: {"checkpoint", "plain list", "quantized", "script"},
    DRAFT: {"cond", "quantized"},
    SYMBOLIC: {"cond", "vmap", "attention", "graph module", "plain list"},
    RECORDED: set(),
}
PAIRS = [(rung, name) for rung, closed in CLOSED.items() for name in FAITHFUL if name not in closed]


def differences(model: nn.Module, tracers: list[str] | None = None) -> list[str] | None:
    torch.manual_seed(0)
    with stand_ins(Source("model", model, (X,))) as source:
        return Witness(source).differences(*captured_graph(source, tracers))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAITHFUL)
def test_a_graph_agrees_with_a_run(name: str) -> None:
    assert differences(FAITHFUL[name]()) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("rung", "name"), PAIRS)
def test_the_graph_of_every_tracer_agrees_with_a_run(rung: str, name: str) -> None:
    assert differences(FAITHFUL[name](), [rung]) == []


class Recursive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor, depth: int = 2) -> Tensor:
        return self.a(self(x, depth - 1) if depth else x)


def numbers(model: Any, x: Tensor) -> Tensor:
    return model.a(torch.from_numpy(x.numpy() + 1))


@pytest.mark.parametrize(
    ("model", "rung"), [(Recursive(), EXPORT), (Recursive(), RECORDED), (Runs(numbers, a=block()), STRICT)]
)
def test_where_it_is_not_known_what_a_run_does_nothing_is_said(model: nn.Module, rung: str) -> None:
    assert differences(model, [rung]) is None


def with_stacks(tracer: Tracer, change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Tracer:
    """Return a tracer that is wrong about the calls that an operation is in."""

    def wrong(call: BoundCall) -> Capture:
        traced = tracer(call)
        for number, node in enumerate(traced.graph.nodes):
            node.meta["nn_module_stack"] = change(number, node.meta.get("nn_module_stack") or {})
        return traced

    return wrong


def doubled(tracer: Tracer) -> Tracer:
    """Every operation is in a call of its own."""
    return with_stacks(tracer, lambda number, stack: {f"{key}@{number}": value for key, value in stack.items()})


def lost(tracer: Tracer) -> Tracer:
    """No operation is in a call of a module."""
    return with_stacks(tracer, lambda number, stack: {})


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let tracers, of these names, be wrong in a way."""

    def put(how: Callable[[Tracer], Tracer], *rungs: str) -> None:
        for rung in rungs:
            monkeypatch.setitem(ladder.LADDER, rung, how(ladder.LADDER[rung]))

    return put


def pair() -> nn.Module:
    return Runs(lambda model, x: model.b(model.a(x)), a=nn.Sequential(nn.Linear(4, 4), nn.ReLU()), b=nn.Linear(4, 4))


DOUBLED = "a is called twice, and once when it runs"
LOST = (
    "a is not called, and once when it runs; a.0 is not called, and once when it runs; "
    "a.1 is not called, and once when it runs; and 1 more module"
)


@pytest.mark.parametrize(("how", "said"), [(doubled, DOUBLED), (lost, LOST)])
def test_a_tracer_that_is_wrong_is_not_taken(
    how: Callable[[Tracer], Tracer], said: str, wrong: Callable[..., None], recwarn: pytest.WarningsRecorder
) -> None:
    wrong(how, EXPORT)
    graph = graph_of(Source("model", pair(), (X,)))
    assert (graph.tracer, graph.attempts) == (STRICT, ((EXPORT, f"in its graph {said}"),))
    assert [graph.component(path).calls for path in ("a", "a.0", "a.1", "b")] == [1, 1, 1, 1]
    assert not recwarn.list
    wrong(how, STRICT)
    graph = graph_of(Source("model", pair(), (X,)))
    assert graph.tracer == DRAFT
    assert graph.attempts == ((EXPORT, f"in its graph {said}"), (STRICT, "its graph is no better"))


@pytest.mark.parametrize(("how", "said"), [(doubled, DOUBLED), (lost, LOST)])
def test_if_all_tracers_are_wrong_the_first_is_taken_and_it_is_said(
    how: Callable[[Tracer], Tracer], said: str, wrong: Callable[..., None]
) -> None:
    wrong(how, EXPORT, STRICT, DRAFT)
    with pytest.warns(PtgraphWarning) as found:
        graph = graph_of(Source("net", pair(), (X,)))
    texts = [str(each.message) for each in found if each.category is PtgraphWarning]
    assert texts == [f"the graph of net is not what the model does when it runs: {said}"]
    assert (graph.tracer, graph.attempts) == (EXPORT, ())


def test_a_tracer_that_runs_no_module_is_held_to_a_run_of_its_own(wrong: Callable[..., None]) -> None:
    wrong(doubled, STRICT, SYMBOLIC)
    for rung in (STRICT, SYMBOLIC):
        assert differences(pair(), [rung]) == [DOUBLED]


def branch(model: Any, x: Tensor) -> Tensor:
    return model.a(x) if x.sum() > 0 else model.b(x)


@pytest.mark.parametrize(("how", "said"), [(doubled, [DOUBLED]), (lost, [])])
def test_of_a_model_that_needs_numbers_it_is_known_how_often_modules_are_called_at_most(
    how: Callable[[Tracer], Tracer], said: list[str], wrong: Callable[..., None]
) -> None:
    """Calls that are not in a graph may lead to nothing, which only a run without numbers could tell."""
    wrong(how, DRAFT)
    assert differences(Runs(branch, a=nn.Sequential(nn.Linear(4, 4), nn.ReLU()), b=block()), [DRAFT]) == said


def test_repeated_blocks_that_are_misplaced_are_found(wrong: Callable[..., None]) -> None:
    wrong(lost, EXPORT)
    found = differences(nn.Sequential(*(block() for _ in range(6))), [EXPORT])
    assert found is not None and "5 is not called, and once when it runs" in found


def test_nothing_is_left_on_modules(wrong: Callable[..., None]) -> None:
    heard: list[str] = []
    model = pair()
    model.get_submodule("a").register_forward_hook(lambda module, given, result: heard.append("a"))
    classwide = dict(vars(nn.Module))
    before = {path: {name: id(value) for name, value in vars(part).items()} for path, part in model.named_modules()}
    assert differences(model) == []
    assert {p: {n: id(v) for n, v in vars(part).items()} for p, part in model.named_modules()} == before
    assert vars(nn.Module) == classwide
    assert heard


def conv(*kernels: int) -> nn.Module:
    return nn.Sequential(*(nn.Conv1d(2, 2, kernel, padding=kernel // 2) for kernel in kernels))


def work(model: nn.Module, traced: nn.Module) -> list[str]:
    given = (torch.ones(2, 8),)
    return other_work(Source("model", model, given), graph_of(Source("model", traced, given)))


def test_other_work_is_named() -> None:
    flops = [2 * 2 * 2 * 8 * sum(kernels) for kernels in ((1, 3), (3, 3), (3, 1, 3))]
    assert work(conv(1, 3), conv(3, 1)) == []
    assert work(conv(1, 3), conv(3, 3)) == [f"{flops[1]} FLOPs, and {flops[0]} when it runs"]
    assert work(conv(3, 1, 3), conv(3, 3)) == [
        "2 convolutions, and 3 when it runs",
        f"{flops[1]} FLOPs, and {flops[2]} when it runs",
    ]


def test_work_that_leads_to_nothing_is_not_missed_and_bodies_are_not_counted() -> None:
    def unused(model: Any, x: Tensor) -> Tensor:
        model.b(x)
        return model.a(x)

    def chosen(model: Any, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: model.a(x), lambda x: model.b(x), (x,))

    for run in (unused, chosen):
        model = Runs(run, a=conv(3), b=conv(5))
        assert work(model, model) == []


class Rolled(nn.Module):
    """Its forward takes no number in a wrapper, so that all blocks are traced from the beginning again."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.linear = number, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.roll(self.linear(x), self.number, 1)


def test_a_run_that_was_begun_anew_counts_from_its_beginning() -> None:
    with stand_ins(Source("model", nn.Sequential(*map(Rolled, range(4))), (X,))) as source:
        traced, _ = captured_graph(source)
    assert traced.run.whole
    assert [traced.run.most[str(number)] for number in range(4)] == [1] * 4
