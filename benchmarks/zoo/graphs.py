"""Models of the zoo that read graphs, molecules and fields: geometric and scientific ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.zoo.registry import Made, add, image, library, model

CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "GCN": {},
    "GraphSAGE": {},
    "GIN": {},
    "GAT": {"heads": 2},
    "PNA": {"aggregators": ["mean", "max"], "scalers": ["identity"], "deg": torch.tensor([0, 2, 4])},
    "EdgeCNN": {},
}


def edges(nodes: int = 8, count: int = 20) -> Tensor:
    """Return pairs of nodes, ``[2, count]``."""
    return torch.randint(0, nodes, (2, count))


def _pyg(name: str, options: dict[str, Any]) -> Made:
    made = getattr(library("torch_geometric.nn"), name)
    return made(8, 16, 2, 4, **options), (torch.randn(8, 8), edges())


for _name, _options in CONVOLUTIONS.items():
    add("torch-geometric", f"pyg_{_name}", partial(_pyg, _name, _options))


@model("torch-geometric")
def pyg_transformer() -> Made:
    pyg = library("torch_geometric.nn")
    parts = [(pyg.TransformerConv(8, 8, heads=2), "x, edge_index -> x"), nn.ReLU(), nn.Linear(16, 4)]
    return pyg.Sequential("x, edge_index", parts), (torch.randn(8, 8), edges())


@model("torch-geometric")
def pyg_pooled() -> Made:
    pyg = library("torch_geometric.nn")
    parts = [
        (pyg.GCNConv(8, 8), "x, edge_index -> x"),
        nn.ReLU(),
        (pyg.global_mean_pool, "x, batch -> x"),
        (nn.Linear(8, 2), "x -> x"),
    ]
    return pyg.Sequential("x, edge_index, batch", parts), (torch.randn(8, 8), edges(), torch.arange(8) // 4)


class Equivariant(nn.Module):
    """A convolution of e3nn's tutorial."""

    def __init__(self) -> None:
        super().__init__()
        o3 = library("e3nn.o3")
        self.o3, self.irreps = o3, o3.Irreps.spherical_harmonics(2)
        self.product = o3.FullyConnectedTensorProduct("4x0e", self.irreps, "4x0e + 2x1o", shared_weights=False)
        self.net = library("e3nn.nn").FullyConnectedNet([10, 16, self.product.weight_numel], torch.relu)

    def forward(self, x: Tensor, source: Tensor, target: Tensor, vectors: Tensor) -> Tensor:
        harmonics = self.o3.spherical_harmonics(self.irreps, vectors, normalize=True, normalization="component")
        lengths = torch.linspace(0, 1, 10)[None] - vectors.norm(dim=1, keepdim=True)
        sent = self.product(x[source], harmonics, self.net(lengths))
        return torch.zeros(x.shape[0], sent.shape[1]).index_add(0, target, sent)


@model("e3nn")
def e3nn_convolution() -> Made:
    source, target = edges(6)
    return Equivariant(), (torch.randn(6, 4), source, target, torch.randn(20, 3))


@model("e3nn")
def e3nn_linear_gate() -> Made:
    o3, parts = library("e3nn.o3"), library("e3nn.nn")
    gate = parts.Gate("4x0e", [torch.relu], "2x0e", [torch.sigmoid], "2x1o")
    return nn.Sequential(o3.Linear("4x0e + 2x1o", gate.irreps_in), gate), (torch.randn(5, 10),)


@model("egnn-pytorch")
def egnn_pytorch_network() -> Made:
    made = library("egnn_pytorch").EGNN_Network(num_tokens=10, dim=16, depth=2, num_nearest_neighbors=3)
    return made, (torch.randint(0, 10, (1, 6)), torch.randn(1, 6, 3))


@model("neuraloperator")
def neuraloperator_fno() -> Made:
    made = library("neuralop.models").FNO
    return made(n_modes=(4, 4), in_channels=1, out_channels=1, hidden_channels=8, n_layers=2), (image(16, 1),)


@model("torchdiffeq")
def torchdiffeq_fixed() -> Made:
    return Solved("rk4"), (torch.randn(4, 2),)


@model("torchdiffeq")
def torchdiffeq_adaptive() -> Made:
    return Solved("dopri5"), (torch.randn(4, 2),)


class Derivative(nn.Module):
    """The right side of a differential equation."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, t: Tensor, y: Tensor) -> Any:
        return self.net(y**3)


class Solved(nn.Module):
    """A differential equation, solved by a *method* of torchdiffeq at three times."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.func, self.method, self.solve = Derivative(), method, library("torchdiffeq").odeint
        self.register_buffer("t", torch.linspace(0.0, 1.0, 3))

    def forward(self, y: Tensor) -> Any:
        return self.solve(self.func, y, self.t, method=self.method)


class Density(nn.Module):
    """The density of a flow at given points."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, x: Tensor) -> Any:
        return self.flow.log_prob(x)  # type: ignore[operator]


@model("nflows")
def nflows_affine() -> Made:
    flows, transforms = library("nflows.flows"), library("nflows.transforms")
    parts = []
    for _ in range(2):
        parts += [
            transforms.ReversePermutation(4),
            transforms.MaskedAffineAutoregressiveTransform(4, 16),
        ]
    base = library("nflows.distributions").StandardNormal([4])
    return Density(flows.Flow(transforms.CompositeTransform(parts), base)), (torch.randn(5, 4),)


@model("normflows")
def normflows_coupling() -> Made:
    parts = library("normflows")
    flows: list[Any] = []
    for _ in range(2):
        flows.append(parts.flows.AffineCouplingBlock(parts.nets.MLP([2, 16, 4], init_zeros=True)))
        flows.append(parts.flows.Permute(4, mode="swap"))
    return Density(parts.NormalizingFlow(parts.distributions.DiagGaussian(4), flows)), (torch.randn(5, 4),)


class Conditioned(Density):
    """The density of a lazy flow, which makes a distribution first."""

    def forward(self, x: Tensor) -> Any:
        return self.flow().log_prob(x)


@model("zuko")
def zuko_spline() -> Made:
    return Conditioned(library("zuko").flows.NSF(3, transforms=2, hidden_features=(16,))), (torch.randn(5, 3),)


class Kernel(nn.Module):
    """A kernel of gpytorch, as a matrix."""

    def __init__(self) -> None:
        super().__init__()
        kernels = library("gpytorch.kernels")
        self.kernel = kernels.ScaleKernel(kernels.MaternKernel(nu=2.5, ard_num_dims=3))

    def forward(self, a: Tensor, b: Tensor) -> Any:
        return self.kernel(a, b).to_dense()


@model("gpytorch")
def gpytorch_kernel() -> Made:
    return Kernel(), (torch.randn(5, 3), torch.randn(4, 3))


@model("snntorch")
def snntorch_leaky() -> Made:
    leaky = library("snntorch").Leaky
    layers = nn.Linear(8, 16), leaky(beta=0.9, init_hidden=True), nn.Linear(16, 4), leaky(beta=0.9, init_hidden=True)
    return nn.Sequential(*layers), (torch.randn(2, 8),)


@model("spikingjelly")
def spikingjelly_lif() -> Made:
    neuron = library("spikingjelly.activation_based.neuron")
    layers = nn.Conv2d(1, 4, 3), neuron.LIFNode(), nn.Flatten(), nn.Linear(144, 4), neuron.IFNode()
    return nn.Sequential(*layers), (image(8, 1),)


@model("siren-pytorch")
def siren_pytorch_net() -> Made:
    return library("siren_pytorch").SirenNet(2, 16, 3, 3), (torch.rand(10, 2),)


@model("pykan")
def pykan_spline() -> Made:
    made = library("kan").KAN(width=[2, 3, 1], grid=3, k=3, seed=0, auto_save=False, symbolic_enabled=False)
    return made.speed(), (torch.randn(5, 2),)


@model("torch-harmonics")
def torch_harmonics_transform() -> Made:
    return library("torch_harmonics").RealSHT(8, 16, grid="equiangular"), (torch.randn(1, 2, 8, 16),)


@model("geotorch")
def geotorch_orthogonal() -> Made:
    layer = nn.Linear(6, 6)
    library("geotorch").orthogonal(layer, "weight")
    return nn.Sequential(layer, nn.ReLU()), (torch.randn(2, 6),)
