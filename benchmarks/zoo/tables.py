"""Models of the zoo that read rows of numbers and classes, policies, losses and mixed ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.zoo.registry import Made, image, library, model


@model("tabm")
def tabm_embedded() -> Made:
    embeddings = library("rtdl_num_embeddings").LinearReLUEmbeddings(8)
    made = library("tabm").TabM.make(n_num_features=8, cat_cardinalities=[3, 5], d_out=1, num_embeddings=embeddings)
    return made, (torch.randn(4, 8), torch.tensor([[0, 1], [2, 4], [1, 0], [0, 3]]))


@model("rtdl_num_embeddings")
def rtdl_num_embeddings_periodic() -> Made:
    made = library("rtdl_num_embeddings").PeriodicEmbeddings
    return nn.Sequential(made(6, 8, lite=True), nn.Flatten(), nn.Linear(48, 2)), (torch.randn(4, 6),)


@model("rtdl_num_embeddings")
def rtdl_num_embeddings_piecewise() -> Made:
    parts = library("rtdl_num_embeddings")
    bins = [torch.tensor([0.0, 0.3, 1.0]), torch.tensor([-1.0, 0.0, 0.5, 2.0])]
    return parts.PiecewiseLinearEmbeddings(bins, 4, activation=True, version="B"), (torch.randn(4, 2),)


@model("rtdl-revisiting-models")
def rtdl_revisiting_models_transformer() -> Made:
    made = library("rtdl_revisiting_models").FTTransformer
    options = {"n_blocks": 2, "d_block": 16, "attention_n_heads": 4, "attention_dropout": 0.1, "residual_dropout": 0.0}
    options |= {"ffn_d_hidden_multiplier": 2.0, "ffn_dropout": 0.1}
    return made(n_cont_features=4, cat_cardinalities=[3, 2], d_out=2, **options), (
        torch.randn(4, 4),
        torch.randint(0, 2, (4, 2)),
    )


@model("rtdl-revisiting-models")
def rtdl_revisiting_models_resnet() -> Made:
    options: dict[str, Any] = {"n_blocks": 2, "d_block": 16, "d_hidden": 32, "d_hidden_multiplier": None}
    options |= {"dropout1": 0.1, "dropout2": 0.0}
    return library("rtdl_revisiting_models").ResNet(d_in=8, d_out=2, **options), (torch.randn(4, 8),)


@model("tab-transformer-pytorch")
def tab_transformer_pytorch_ft() -> Made:
    made = library("tab_transformer_pytorch").FTTransformer
    options: dict[str, Any] = {"categories": (3, 5), "num_continuous": 4, "dim": 16, "depth": 2, "heads": 4}
    return made(**options), (torch.randint(0, 3, (2, 2)), torch.randn(2, 4))


@model("pytorch-tabnet")
def pytorch_tabnet_network() -> Made:
    made = library("pytorch_tabnet.tab_network").TabNet
    return made(8, 2, n_d=8, n_a=8, n_steps=2, group_attention_matrix=torch.eye(8)), (torch.randn(4, 8),)


@model("pytorch-metric-learning")
def pytorch_metric_learning_arcface() -> Made:
    made = library("pytorch_metric_learning.losses").ArcFaceLoss
    return made(num_classes=4, embedding_size=8), (torch.randn(6, 8), torch.randint(0, 4, (6,)))


@model("pytorch-metric-learning")
def pytorch_metric_learning_proxy() -> Made:
    made = library("pytorch_metric_learning.losses").NormalizedSoftmaxLoss
    return made(num_classes=4, embedding_size=8), (torch.randn(6, 8), torch.randint(0, 4, (6,)))


@model("torchmetrics")
def torchmetrics_ssim() -> Made:
    return library("torchmetrics.image").StructuralSimilarityIndexMeasure(data_range=1.0), (image(32), image(32))


@model("pytorch-msssim")
def pytorch_msssim_ssim() -> Made:
    return library("pytorch_msssim").SSIM(data_range=1.0), (image(32), image(32))


@model("stable-baselines3")
def stable_baselines3_policy() -> Made:
    spaces = library("gymnasium").spaces
    policy = library("stable_baselines3.common.policies").ActorCriticPolicy
    seen = spaces.Box(-1, 1, (4,))
    return policy(seen, spaces.Discrete(3), lambda _: 1e-3), (torch.randn(2, 4),), {"deterministic": True}


@model("fastai")
def fastai_tabular() -> Made:
    made = library("fastai.tabular.model").TabularModel
    return made([(5, 3), (4, 2)], 3, 2, [16, 8]), (torch.randint(0, 4, (4, 2)), torch.randn(4, 3))


@model("fastai")
def fastai_xresnet() -> Made:
    made = library("fastai.vision.models.xresnet").XResNet
    return made(library("fastai.layers").ResBlock, 1, [1, 1, 1, 1], n_out=4), (image(64),)


@model("captum")
def captum_saliency() -> Made:
    made = library("captum.module.gaussian_stochastic_gates").GaussianStochasticGates
    return made(n_gates=8), (torch.randn(4, 8),)


@model("mmengine")
def mmengine_stacked() -> Made:
    base = library("mmengine.model")
    layers = base.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    return base.ModuleList([layers])[0], (image(16),)


@model("mmcv-lite")
def mmcv_bottleneck() -> Made:
    parts = library("mmcv.cnn")
    norm = {"type": "BN"}
    layers = parts.ConvModule(3, 8, 3, norm_cfg=norm), parts.DepthwiseSeparableConvModule(8, 8, 3, norm_cfg=norm)
    return nn.Sequential(*layers, parts.bricks.NonLocal2d(8)), (image(16),)


@model("torchao")
def torchao_int8() -> Made:
    quantization = library("torchao.quantization")
    made = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    quantization.quantize_(made, quantization.Int8WeightOnlyConfig())
    return made, (torch.randn(2, 64),)


@model("botorch")
def botorch_rbf() -> Made:
    return library("botorch.models.transforms.input").Normalize(d=3, bounds=torch.tensor([[0.0] * 3, [2.0] * 3])), (
        torch.rand(4, 3),
    )
