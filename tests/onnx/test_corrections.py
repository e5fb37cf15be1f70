"""Operators that torch.onnx translates wrongly or not at all, and that run in ONNX Runtime all the same."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ptgraph
from ptgraph.errors import PtgraphWarning


class Of(nn.Module):
    """Applies a function in a submodule."""

    def __init__(self, function: Any, *, within: bool = True) -> None:
        super().__init__()
        self.function = function
        self.inner = Of(function, within=False) if within else None

    def forward(self, *given: torch.Tensor) -> Any:
        return self.inner(*given) if self.inner is not None else self.function(*given)


def agree(model: nn.Module, *given: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PtgraphWarning)
        found = ptgraph.verify(model, args=given)
    assert found and all(check.agrees for check in found), found


WHOLE = torch.tensor([[1, 0, 2], [0, 1, 3]])


def pools(x: torch.Tensor) -> Any:
    return (
        F.avg_pool2d(x, 2, divisor_override=3),
        F.avg_pool2d(x, 3, 2, 1, divisor_override=5),
        F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, divisor_override=5),
        F.avg_pool2d(x, (2, 3), (3, 2), (1, 0), ceil_mode=True, divisor_override=7),
        F.avg_pool2d(x[0], 3, 2, 1, ceil_mode=True, divisor_override=5),
        F.avg_pool3d(x, 2, divisor_override=3),
        F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    )


def resizes(x: torch.Tensor) -> Any:
    return [
        F.interpolate(x, scale_factor=scale, mode=mode, antialias=True)
        for mode in ("bilinear", "bicubic")
        for scale in (1.7, 0.6)
    ]


def losses(x: torch.Tensor) -> Any:
    classes = x.argmax(1)
    return (
        F.cross_entropy(x, classes),
        F.cross_entropy(x, classes, label_smoothing=0.1),
        F.cross_entropy(x, classes, reduction="none", label_smoothing=0.3),
    )


def spectra(x: torch.Tensor) -> Any:
    window = torch.hamming_window(16)
    spectrum = torch.stft(x, 16, 4, window=window, return_complex=True)
    return (
        torch.istft(spectrum, 16, 4, window=window),
        torch.istft(spectrum, 16, 4, window=window, length=x.shape[-1]),
        torch.istft(spectrum, 16, 4, window=window, center=False),
    )


def searches(x: torch.Tensor, edges: torch.Tensor) -> Any:
    edges = edges.sort().values
    return (
        torch.searchsorted(edges, x),
        torch.searchsorted(edges, x, right=True, out_int32=True),
        torch.searchsorted(edges[0], x, side="right"),
        torch.bucketize(x, edges[0]),
        torch.bucketize(x, edges[0], right=True),
    )


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda x, i: (1.0 - i) * x, [torch.rand(2, 3), WHOLE]),
        (
            lambda x, i: (1 - i, 1 - x, torch.rsub(x, 2.5, alpha=2), torch.rsub(i, 2.5, alpha=2)),
            [torch.rand(2, 3), WHOLE],
        ),
        (lambda i: (5.0 // (i + 1), 2.0**i, 2.5 % (i + 1), 2.0 / (i + 1)), [WHOLE]),
        (pools, [torch.rand(1, 3, 6, 7)]),
        (spectra, [torch.randn(2, 60)]),
        (spectra, [torch.randn(60)]),
        (lambda x: F.fold(x, (5, 6), 2, padding=1, stride=2), [torch.rand(2, 12, 12)]),
        (searches, [torch.tensor([[0.0, 1.0], [0.5, 2.0]]), torch.tensor([[1.0, 0.0, 0.5], [3.0, 2.0, 2.0]])]),
        (lambda x: F.rrelu(x, 0.1, 0.3), [torch.randn(3, 4)]),
        (
            lambda x: (torch.cdist(x, x[:2]), torch.cdist(x, x + 1, p=1), x.hypot(x + 1), x.cumprod(0)),
            [torch.rand(3, 4)],
        ),
        (resizes, [torch.rand(1, 2, 5, 7)]),
        (losses, [torch.rand(3, 4)]),
        (torch.linalg.matrix_exp, [torch.randn(2, 4, 4)]),
        (lambda x: x.lgamma(), [torch.tensor([[0.01, 0.3, 0.5, 1.0, 1.5, 2.0], [7.0, 40.0, 1e4, -0.4, -2.5, -9.3]])]),
        (lambda x, i: x.index_put((i[:, 0].int(),), x[:2]), [torch.rand(3, 4), WHOLE]),
        (lambda x: (x.squeeze(-1).squeeze(0), x[0, 0, 0].squeeze(0), x.squeeze((0, 2))), [torch.rand(1, 3, 1, 2)]),
        (lambda x, i: torch.einsum("i,j->ij", i[0], x[0]), [torch.rand(2, 3), WHOLE]),
        (lambda x, i: torch.where(torch.ops.aten._is_all_true(i > 5), x, x + 1), [torch.rand(2, 3), WHOLE]),
        (lambda x, i: torch.where(torch.ops.aten._is_any_true(i > 2), x, x + 1), [torch.rand(2, 3), WHOLE]),
    ],
)
def test_operators_that_are_translated_otherwise(function: Any, given: list[torch.Tensor]) -> None:
    agree(Of(function).eval(), *given)


@pytest.mark.parametrize(
    ("query", "key"), [((1, 4, 3, 8), (1, 1, 5, 8)), ((4, 3, 8), (4, 5, 8)), ((3, 8), (5, 8)), ((2, 2, 4, 3, 8),) * 2]
)
def test_attention_that_torch_onnx_refuses_is_given_to_it_in_another_form(query: Any, key: Any) -> None:
    agree(Of(lambda q, k: F.scaled_dot_product_attention(q, k, k)), torch.rand(query), torch.rand(key))


@pytest.mark.parametrize("stack", [torch.hstack, torch.vstack, torch.dstack, torch.column_stack, torch.atleast_3d])
def test_stacks_of_several_types(stack: Any) -> None:
    agree(Of(lambda x, i: stack([x, i])), torch.rand(2, 3), WHOLE)


@pytest.mark.parametrize(
    "noise",
    [
        torch.randn_like,
        torch.rand_like,
        lambda x: torch.randn(2, 3),
        lambda x: torch.rand(2, 3),
        lambda x: torch.zeros(2, 3).uniform_(0.5, 1.5),
    ],
)
def test_random_numbers_run_at_the_default_opset(noise: Any, tmp_path: Path) -> None:
    model = Of(lambda x: (x * 2 + noise(x)).shape[0] * x + 0 * noise(x))
    agree(model, torch.rand(2, 3))
    paths = ptgraph.export(model, tmp_path, "onnx", args=(torch.rand(2, 3),))
    (version,) = (opset.version for opset in onnx.load(paths[0]).opset_import if not opset.domain)
    assert version == 21


def test_the_opset_is_the_users_if_one_is_given(tmp_path: Path) -> None:
    paths = ptgraph.export(Of(torch.randn_like), tmp_path, "onnx", opset=23, args=(torch.rand(2, 3),))
    assert 23 in {opset.version for opset in onnx.load(paths[0]).opset_import}


class Aliases(nn.Module):
    """Has a slice of everything, and an embedding that torch scales in place."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3, max_norm=0.5)
        self.inner = Of(lambda x: x[:, 0:, :] + 1)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        return self.inner(self.embed(index))


def test_nodes_that_only_rename_a_value_in_a_module_need_no_number() -> None:
    agree(Aliases(), torch.tensor([[0, 1], [4, 4]]))
