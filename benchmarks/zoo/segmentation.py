"""Models of the zoo that give a picture or a volume: segmentation, medical and generative ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.registry import Made, add, image, library, model, volume

SEGMENTATION: dict[str, dict[str, Any]] = {
    "Unet": {},
    "UnetPlusPlus": {},
    "FPN": {},
    "DeepLabV3Plus": {},
    "PSPNet": {},
    "Segformer": {},
    "UPerNet": {},
}


def _smp(name: str, options: dict[str, Any]) -> Made:
    made = getattr(library("segmentation_models_pytorch"), name)
    return made("resnet18", encoder_weights=None, classes=2, **options), (image(64),)


for _name, _options in SEGMENTATION.items():
    add("segmentation_models_pytorch", f"smp_{_name}", partial(_smp, _name, _options))

MONAI: dict[str, tuple[dict[str, Any], int, int]] = {  # options, dimensions, side
    "UNet": ({"in_channels": 1, "out_channels": 2, "channels": (4, 8, 16), "strides": (2, 2)}, 3, 32),
    "AttentionUnet": ({"in_channels": 1, "out_channels": 2, "channels": (4, 8, 16), "strides": (2, 2)}, 2, 32),
    "SegResNet": ({"init_filters": 8}, 3, 32),
    "DenseNet121": ({"in_channels": 1, "out_channels": 2}, 2, 64),
    "UNETR": (
        {
            "in_channels": 1,
            "out_channels": 2,
            "img_size": 32,
            "feature_size": 4,
            "hidden_size": 32,
            "mlp_dim": 64,
            "num_heads": 4,
        },
        3,
        32,
    ),
    "SwinUNETR": ({"in_channels": 1, "out_channels": 2, "feature_size": 12}, 3, 64),
    "AutoEncoder": ({"in_channels": 1, "out_channels": 1, "channels": (4, 8), "strides": (2, 2)}, 2, 32),
    "BasicUNetPlusPlus": ({"features": (4, 4, 8, 8, 16, 4)}, 2, 32),
    "DynUNet": (
        {
            "in_channels": 1,
            "out_channels": 2,
            "kernel_size": (3, 3, 3),
            "strides": (1, 2, 2),
            "upsample_kernel_size": (2, 2),
            "filters": (4, 8, 16),
        },
        3,
        16,
    ),
}


def _monai(name: str, options: dict[str, Any], dimensions: int, side: int) -> Made:
    made = getattr(library("monai.networks.nets"), name)(spatial_dims=dimensions, **options)
    return made, (volume(side) if dimensions == 3 else image(side, 1),)


for _name, (_options, _dimensions, _side) in MONAI.items():
    add("monai", f"monai_{_name}", partial(_monai, _name, _options, _dimensions, _side))


@model("torchvision")
def torchvision_lraspp() -> Made:
    made = library("torchvision.models.segmentation").lraspp_mobilenet_v3_large
    return made(weights=None, weights_backbone=None, num_classes=3), (image(),)


@model("torchvision")
def torchvision_deeplabv3() -> Made:
    made = library("torchvision.models.segmentation").deeplabv3_mobilenet_v3_large
    return made(weights=None, weights_backbone=None, num_classes=3), (image(),)


@model("dynamic_network_architectures")
def nnunet_plain() -> Made:
    made = library("dynamic_network_architectures.architectures.unet").PlainConvUNet
    settings: dict[str, Any] = {"norm_op": nn.InstanceNorm3d, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    settings |= {"nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}, "deep_supervision": True}
    return made(1, 3, (4, 8, 16), nn.Conv3d, 3, (1, 2, 2), (2, 2, 2), 4, (2, 2), **settings), (volume(16),)


@model("dynamic_network_architectures")
def nnunet_residual() -> Made:
    made = library("dynamic_network_architectures.architectures.unet").ResidualEncoderUNet
    settings: dict[str, Any] = {"norm_op": nn.InstanceNorm2d, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    settings |= {"nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
    return made(1, 3, (4, 8, 16), nn.Conv2d, 3, (1, 2, 2), (1, 2, 2), 4, (1, 1), **settings), (image(32, 1),)


@model("diffusers")
def diffusers_UNet2DModel() -> Made:
    made = library("diffusers").UNet2DModel
    down, up = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
    options = {"block_out_channels": (32, 64), "down_block_types": down, "up_block_types": up, "sample_size": 32}
    return made(**options, layers_per_block=1), (image(32), torch.tensor([5]))


@model("diffusers")
def diffusers_UNet2DConditionModel() -> Made:
    made = library("diffusers").UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=8,
    )
    return made, (image(16, 4), 10, torch.randn(1, 7, 32))


@model("diffusers")
def diffusers_ControlNetModel() -> Made:
    made = library("diffusers").ControlNetModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=8,
        conditioning_embedding_out_channels=(16, 32),
    )
    return made, (image(16, 4), 10, torch.randn(1, 7, 32), image(32))


@model("diffusers")
def diffusers_AutoencoderKL() -> Made:
    down, up = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2
    made = library("diffusers").AutoencoderKL
    return made(3, 3, down, up, (32, 64), sample_size=32), (image(32),)


@model("diffusers")
def diffusers_VQModel() -> Made:
    down, up = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2
    return library("diffusers").VQModel(3, 3, down, up, (32, 64)), (image(32),)


@model("diffusers")
def diffusers_SD3() -> Made:
    made = library("diffusers").SD3Transformer2DModel(
        sample_size=16,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    )
    given = {"encoder_hidden_states": torch.randn(1, 20, 32), "pooled_projections": torch.randn(1, 64)}
    return made, (), {"hidden_states": image(16, 4), **given, "timestep": torch.tensor([5])}


@model("diffusers")
def diffusers_Flux() -> Made:
    made = library("diffusers").FluxTransformer2DModel(
        in_channels=4,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=[4, 4, 8],
    )
    given = {"encoder_hidden_states": torch.randn(1, 12, 32), "pooled_projections": torch.randn(1, 32)}
    given |= {"timestep": torch.tensor([1.0]), "img_ids": torch.randn(16, 3), "txt_ids": torch.randn(12, 3)}
    return made, (), {"hidden_states": torch.randn(1, 16, 4), **given}


@model("diffusers")
def diffusers_CogVideoX() -> Made:
    made = library("diffusers").CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=32,
        num_layers=2,
        sample_width=8,
        sample_height=8,
        sample_frames=8,
        max_text_seq_length=8,
    )
    given = {"encoder_hidden_states": torch.randn(1, 8, 32), "timestep": torch.tensor([5])}
    return made, (), {"hidden_states": torch.randn(1, 2, 4, 8, 8), **given}


@model("diffusers")
def diffusers_PixArt() -> Made:
    made = library("diffusers").PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        sample_size=8,
        cross_attention_dim=32,
        caption_channels=32,
        use_additional_conditions=False,
    )
    given = {"encoder_hidden_states": torch.randn(1, 7, 32), "timestep": torch.tensor([5])}
    return made, (image(8, 4),), {**given, "added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}


@model("diffusers")
def diffusers_UNet1DModel() -> Made:
    return library("diffusers").UNet1DModel(block_out_channels=(32, 32, 64), extra_in_channels=64, sample_size=64), (
        torch.randn(1, 2, 64),
        10,
    )


@model("diffusers")
def diffusers_DiT() -> Made:
    made = library("diffusers").DiTTransformer2DModel
    options = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "sample_size": 8}
    given = {"timestep": torch.tensor([5]), "class_labels": torch.tensor([1])}
    return made(**options, num_embeds_ada_norm=10), (image(8, 4),), given


@model("denoising-diffusion-pytorch")
def denoising_diffusion_pytorch_unet() -> Made:
    made = library("denoising_diffusion_pytorch").Unet
    return made(dim=16, dim_mults=(1, 2), flash_attn=False), (image(32), torch.tensor([5]))


@model("denoising-diffusion-pytorch")
def denoising_diffusion_pytorch_unet1d() -> Made:
    made = library("denoising_diffusion_pytorch").Unet1D
    return made(dim=16, dim_mults=(1, 2), channels=4), (torch.randn(1, 4, 32), torch.tensor([5]))


@model("x-unet")
def x_unet_nested() -> Made:
    made = library("x_unet").XUnet
    options = {
        "dim": 16,
        "channels": 3,
        "dim_mults": (1, 2),
        "nested_unet_depths": (1, 1),
        "num_blocks_per_stage": (1, 1),
    }
    options |= {"num_self_attn_per_stage": (0, 1)}
    return made(**options, consolidate_upsample_fmaps=True), (image(32),)


@model("vector-quantize-pytorch")
def vector_quantize_pytorch_vq() -> Made:
    return library("vector_quantize_pytorch").VectorQuantize(dim=16, codebook_size=32), (torch.randn(1, 8, 16),)


@model("vector-quantize-pytorch")
def vector_quantize_pytorch_fsq() -> Made:
    return library("vector_quantize_pytorch").FSQ([8, 5, 5]), (torch.randn(1, 8, 3),)


@model("vector-quantize-pytorch")
def vector_quantize_pytorch_residual() -> Made:
    made = library("vector_quantize_pytorch").ResidualVQ
    return made(dim=16, codebook_size=32, num_quantizers=3), (torch.randn(1, 8, 16),)
