"""Models with sizes that depend on data: their ONNX, again and again, and what it gives."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import ptgraph
from tests.support.valid_onnx import check_onnx


class Convolution(nn.Module):
    """Adds up what comes along the edges of a graph that are no loops."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        edges = edges[:, edges[0] != edges[1]]
        return torch.zeros(x.shape).index_add(0, edges[0], self.linear(x)[edges[1]])


def test_one_graph_is_written_twice_and_verified(tmp_path: Path) -> None:
    given = torch.randn(5, 4), torch.tensor([[0, 1, 2, 3, 3], [1, 1, 0, 4, 3]])
    graph = ptgraph.trace(Convolution(), *given)
    files = [ptgraph.export(graph, tmp_path / name, "onnx")[0].read_bytes() for name in ("first", "second")]
    assert files[0] == files[1]
    check_onnx(files[0])
    assert all(check.agrees for check in ptgraph.verify(Convolution(), args=given))


class Chosen(nn.Module):
    """Runs a part if there are tokens of a class, and counts them: torch.export needs real numbers for it."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        classes = x.argmax(-1)
        size = int(classes.max()) + 1
        hot = torch.nn.functional.one_hot(classes, max(size, 2)).float()
        return self.part(x) + hot.sum() if size > 1 else x


def test_a_draft_of_torch_export_is_translated_without_its_numbers(tmp_path: Path) -> None:
    x = torch.eye(4)
    graph = ptgraph.trace(Chosen(), x)
    files = [ptgraph.export(graph, tmp_path / name, "onnx")[0].read_bytes() for name in ("first", "second")]
    assert files[0] == files[1]
    check_onnx(files[0])


class Kernel(nn.Module):
    """Asks whether two tensors are equal, as kernels of Gaussian processes do."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        near = (a[:, None] - b[None]).square().sum(-1)
        return near.fill_diagonal_(0) if torch.equal(a, b) else near.exp()


def test_equality_of_tensors_is_followed() -> None:
    a, b = torch.randn(5, 3), torch.randn(4, 3)
    assert ptgraph.trace(Kernel(), a, b).tracer == "torch.export"
    assert all(check.agrees for check in ptgraph.verify(Kernel(), args=(a, b)))
    same = ptgraph.trace(Kernel(), a, a.clone())
    assert same.tracer == "torch.export.draft_export"
    assert "equal" not in vars(torch.Tensor) and type(torch.equal).__name__ == "builtin_function_or_method"
