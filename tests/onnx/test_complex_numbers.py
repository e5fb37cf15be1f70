"""Complex numbers in ONNX: pairs of floats."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

import ptgraph
from ptgraph.errors import PtgraphWarning


class Spectral(nn.Module):
    """Multiplies some modes of a Fourier transform by complex weights, as neural operators do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3, 4, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> Any:
        modes = torch.fft.rfft(x)
        kept = torch.zeros(x.shape[0], 3, modes.shape[-1], dtype=torch.cfloat)
        kept[:, :, 1:5] = torch.einsum("bik,iok->bok", modes[:, :, 1:5], self.weight)
        angles = x.sum(1, keepdim=True)
        phases = torch.exp(torch.complex(0.1 * angles, angles)).expand(-1, 3, -1)
        padded = torch.nn.functional.pad(kept[..., 0].unsqueeze(-2), (1, 2))
        mixed = padded[:, :, [0, 2]] + torch.ones(1, 1, 2, dtype=torch.cfloat)
        return torch.fft.irfft(kept, n=x.shape[-1]), torch.view_as_real(phases), mixed.abs()


def test_a_spectral_convolution_runs() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PtgraphWarning)
        found = ptgraph.verify(Spectral(), args=(torch.randn(2, 2, 16),))
    assert len(found) == 2 * 3 and all(check.agrees for check in found), found


def test_complex_parameters_count_once() -> None:
    graph = ptgraph.trace(Spectral(), torch.randn(2, 2, 16))
    assert ptgraph.analyze(graph).totals["total_params"] == 2 * 3 * 4
