"""The graph is the model: calls of modules, convolutions, FLOPs and parameters are those of an eager run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn

import ptgraph
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from tests.support.eager_run import eager_run

SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "use_cache": False,
}
SMALL |= {"intermediate_size": 48}
GROUPED: dict[str, Any] = SMALL | {"num_key_value_heads": 2, "max_position_embeddings": 64}
EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2}
IDS = torch.arange(16).view(1, 16)


class Residual(nn.Module):
    """Convolutions of several kinds, one block used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.point, self.up = nn.Conv2d(8, 8, 1, bias=False), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.norm, self.act, self.never = nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(2):
            x = x + self.act(self.norm(self.point(self.deep(x))))
        return self.up(x)


class Recurrent(nn.Module):
    """Recurrent layers of all kinds, and a cell in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 8, num_layers=2, bidirectional=True, proj_size=3)
        self.gru, self.rnn = nn.GRU(6, 7, batch_first=True), nn.RNN(7, 4, nonlinearity="relu")
        self.cell, self.gates = nn.LSTMCell(4, 6), nn.GRUCell(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.rnn(self.gru(self.lstm(x)[0])[0])[0]
        state: Any = None
        for step in x:
            state = self.cell(step, state)
        return self.gates(state[0])


class Shared(nn.Module):
    """One activation in the blocks of nested lists."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.PReLU(6)
        blocks = [nn.ModuleList(nn.ModuleDict({"fc": nn.Linear(6, 6), "act": act}) for _ in range(2)) for _ in range(3)]
        self.stages = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            for block in stage:  # type: ignore[attr-defined]
                x = block["act"](block["fc"](x))
        return x


class Tied(nn.Module):
    """One matrix under three names."""

    def __init__(self) -> None:
        super().__init__()
        self.emb, self.h, self.out = nn.Embedding(50, 8), nn.Linear(8, 8), nn.Linear(8, 50, bias=False)
        self.aux = nn.Linear(8, 50)
        self.out.weight = self.aux.weight = self.emb.weight

    def forward(self, ids: Tensor) -> Any:
        y = self.h(self.emb(ids))
        return self.out(y), self.aux(y)


class Vectors(nn.Module):
    """Products with vectors, and parameters that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.m, self.v, self.b = (nn.Parameter(torch.ones(shape)) for shape in ((4, 8), (4,), (3, 8, 5)))
        self.unused = nn.Parameter(torch.ones(7))

    def forward(self, x: Tensor) -> Any:
        y = self.m @ x
        return torch.dot(y, self.v), torch.addmv(self.v, self.m, x), torch.outer(y, x), x @ self.b


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(28, 6))
        self.bilinear = nn.Linear(6, 6, bias=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("bi,bi->b", self.bilinear(self.encoder(a)), self.encoder(b))


class Routed(nn.Module):
    """Experts that are modules, all of which run; a gate weighs their results."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 3), nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x).softmax(-1)
        return sum(weights[..., i : i + 1] * expert(x) for i, expert in enumerate(self.experts))


class Attends(nn.Module):
    """Attention as torch has it: a module, a function, and a decoder that reads an encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z, _ = self.heads(x, y, y, need_weights=False)
        return self.transformer(z, y) + F.scaled_dot_product_attention(x, y, y)


class Mapped(nn.Module):
    """Runs over examples one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.func.vmap(torch.dot)(self.linear(x), x)


def pretrained(name: str, config: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        torch.manual_seed(0)
        return getattr(transformers, name)._from_config(config)

    return make


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "convolutions": (Residual, (torch.ones(2, 3, 16, 16),)),
    "recurrent": (Recurrent, (torch.ones(4, 2, 5),)),
    "shared": (Shared, (torch.ones(3, 6),)),
    "tied": (Tied, (torch.arange(10).view(2, 5),)),
    "vectors": (Vectors, (torch.ones(8),)),
    "siamese": (Siamese, (torch.ones(2, 3, 9), torch.ones(2, 3, 9))),
    "routed": (Routed, (torch.ones(2, 5, 8),)),
    "attention": (Attends, (torch.ones(2, 5, 8), torch.ones(2, 5, 8))),
    "mapped": (Mapped, (torch.ones(3, 4),)),
    "bert": (pretrained("BertModel", transformers.BertConfig(**SMALL)), (IDS,)),
    "llama": (pretrained("LlamaForCausalLM", transformers.LlamaConfig(**GROUPED)), (IDS,)),
    "mamba": (
        pretrained(
            "MambaForCausalLM",
            transformers.MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4, use_cache=False),
        ),
        (IDS,),
    ),
    "mixtral": (
        pretrained("MixtralForCausalLM", transformers.MixtralConfig(**GROUPED, **EXPERTS, num_local_experts=4)),
        (IDS,),
    ),
    "olmoe": (pretrained("OlmoeForCausalLM", transformers.OlmoeConfig(**GROUPED, **EXPERTS, num_experts=4)), (IDS,)),
    "jamba": (
        pretrained(
            "JambaForCausalLM",
            transformers.JambaConfig(
                **GROUPED,
                **EXPERTS,
                num_experts=4,
                attn_layer_period=2,
                attn_layer_offset=1,
                use_mamba_kernels=False,
                mamba_d_state=4,
                mamba_dt_rank=4,
            ),
        ),
        (IDS,),
    ),
    "deepseek": (
        pretrained(
            "DeepseekV3ForCausalLM",
            transformers.DeepseekV3Config(
                **(GROUPED | {"num_key_value_heads": 4}),
                **EXPERTS,
                moe_intermediate_size=16,
                n_routed_experts=8,
                n_group=2,
                topk_group=1,
                first_k_dense_replace=1,
                q_lora_rank=16,
                kv_lora_rank=16,
                qk_rope_head_dim=8,
                qk_nope_head_dim=8,
                v_head_dim=8,
            ),
        ),
        (IDS,),
    ),
}
MIXTURES = ["mixtral", "olmoe", "jamba", "deepseek"]
NOTHING = (nn.Identity, nn.Dropout)  # their calls compute nothing, and leave no trace


@pytest.fixture(scope="module")
def graphs() -> dict[str, ModelGraph]:
    return {}


def graph_of(name: str, graphs: dict[str, ModelGraph]) -> ModelGraph:
    make, given = MODELS[name]
    if name not in graphs:
        graphs[name] = ptgraph.trace(make(), *given)
    return graphs[name]


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_does_what_an_eager_run_does(name: str, graphs: dict[str, ModelGraph]) -> None:
    make, given = MODELS[name]
    model, graph = make(), graph_of(name, graphs)
    run, totals = eager_run(model, *given), analyze(graph).totals
    assert totals["uncounted_ops"] == 0
    assert totals["flops"] == run.flops > 0
    targets = [graph.op(name).target.split(".") for name in graph.of_kind("op")]
    assert sum(any(step.startswith("conv") for step in steps) for steps in targets) == run.convolutions
    calls: Counter[nn.Module] = Counter()  # of a module under all its names
    for path, module in model.named_modules(remove_duplicate=False):
        calls[module] += graph.component(path).calls
    for path, module in model.named_modules():
        assert calls[module] == run.calls[path] or (not calls[module] and isinstance(module, NOTHING)), path
    held = [p for p in graph.parameters if p.kind == "parameter"]
    assert {p.name for p in held if p.used and p.tied_to is None} == run.read
    assert totals["total_params"] == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_totals_are_the_same_with_and_without_weights(name: str, graphs: dict[str, ModelGraph]) -> None:
    make, given = MODELS[name]
    with torch.device("meta"):
        model = make()
    bare = ptgraph.trace(model, *(each.to("meta") for each in given))
    assert analyze(bare).totals == analyze(graph_of(name, graphs)).totals


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("implementation", ["batched_mm", "eager"])
def test_how_experts_are_computed_does_not_matter(
    implementation: str, name: str, graphs: dict[str, ModelGraph]
) -> None:
    """FLOPs are the same, and no gathered weight is an activation."""
    make, given = MODELS[name]
    model: Any = make()
    model.set_experts_implementation(implementation)
    other, graph = ptgraph.trace(model, *given), graph_of(name, graphs)
    assert analyze(other)["flops"] == analyze(graph)["flops"]
    rows, widest = IDS.numel() * 2, 2 * 48
    for each in (other, graph):
        experts = [op for op in map(each.op, each.of_kind("op")) if op.scope.endswith("experts")]
        assert experts and max(op.activation_bytes for op in experts) <= rows * widest * 4
