"""Models of the zoo that read pictures: classification, detection and features."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from benchmarks.zoo.registry import Made, add, image, library, model

TORCHVISION: dict[str, int] = {  # the side of the picture
    "resnet18": 64,
    "mobilenet_v3_small": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "shufflenet_v2_x0_5": 64,
    "googlenet": 64,
}
TIMM: dict[str, dict[str, Any]] = {
    "convnext_atto": {},
    "mobilenetv4_conv_small": {},
    "mobilevit_xxs": {},
    "edgenext_xx_small": {},
    "hrnet_w18_small": {},
    "repvgg_a0": {},
    "levit_128s": {"img_size": 224},
    "efficientformer_l1": {"img_size": 224},
    "vit_tiny_patch16_224": {"img_size": 64, "depth": 4},
    "deit_tiny_distilled_patch16_224": {"img_size": 64, "depth": 4},
    "gmlp_ti16_224": {"img_size": 64},
    "swin_tiny_patch4_window7_224": {"img_size": 112, "depths": (2, 2, 2, 2), "embed_dim": 48},
    "eva02_tiny_patch14_224": {"img_size": 56, "depth": 4},
    "fastvit_t8": {},
    "coatnet_pico_rw_224": {"img_size": 224},
}
VIT_PYTORCH: dict[str, dict[str, Any]] = {
    "ViT": {"mlp_dim": 64, "heads": 4, "depth": 3, "dim": 32},
    "SimpleViT": {"mlp_dim": 64, "heads": 4, "depth": 3, "dim": 32},
    "DeepViT": {"mlp_dim": 64, "heads": 4, "depth": 3, "dim": 32},
    "CaiT": {"mlp_dim": 64, "heads": 4, "depth": 3, "dim": 32, "cls_depth": 2},
    "PiT": {"mlp_dim": 64, "heads": 4, "depth": (2, 2), "dim": 32, "patch_size": 8},
}


def _torchvision(name: str, size: int) -> Made:
    return library("torchvision.models").get_model(name), (image(size),)


for _name, _side in TORCHVISION.items():
    add("torchvision", f"torchvision_{_name}", partial(_torchvision, _name, _side))


def _timm(name: str, options: dict[str, Any]) -> Made:
    made = library("timm").create_model(name, **options)
    size = options.get("img_size") or 96
    return made, (image(size),)


for _name, _options in TIMM.items():
    add("timm", f"timm_{_name}", partial(_timm, _name, _options))


def _vit(name: str, options: dict[str, Any]) -> Made:
    module = {"ViT": "vit", "SimpleViT": "simple_vit", "DeepViT": "deepvit", "CaiT": "cait", "PiT": "pit"}[name]
    made = getattr(library(f"vit_pytorch.{module}"), name)
    return made(**{"image_size": 64, "patch_size": 16, "num_classes": 10, **options}), (image(),)


for _name, _options in VIT_PYTORCH.items():
    add("vit-pytorch", f"vit_pytorch_{_name}", partial(_vit, _name, _options))


@model("vit-pytorch")
def vit_pytorch_MaxViT() -> Made:
    made = library("vit_pytorch.max_vit").MaxViT
    return made(num_classes=10, dim=16, dim_head=8, depth=(1, 1), window_size=4, dim_conv_stem=8), (image(),)


@model("vit-pytorch")
def vit_pytorch_CrossViT() -> Made:
    made = library("vit_pytorch.cross_vit").CrossViT
    return made(image_size=64, num_classes=10, depth=1, sm_dim=32, lg_dim=32, lg_patch_size=32, sm_patch_size=16), (
        image(),
    )


@model("vit-pytorch")
def vit_pytorch_MobileViT() -> Made:
    made = library("vit_pytorch.mobile_vit").MobileViT
    channels = [8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 64]
    return made((64, 64), dims=[32, 32, 32], channels=channels, num_classes=10), (image(),)


@model("torchvision")
def torchvision_vit() -> Made:
    made = library("torchvision.models.vision_transformer").VisionTransformer
    return made(64, 16, num_layers=3, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=10), (image(),)


@model("torchvision")
def torchvision_swin() -> Made:
    made = library("torchvision.models.swin_transformer").SwinTransformer
    return made([4, 4], 24, [2, 2], [2, 4], [7, 7], num_classes=10), (image(56),)


@model("torchvision")
def torchvision_ssdlite() -> Made:
    made = library("torchvision.models.detection").ssdlite320_mobilenet_v3_large
    return made(weights=None, weights_backbone=None, num_classes=3), ([torch.rand(3, 320, 320)],)


@model("torchvision")
def torchvision_fcos() -> Made:
    made = library("torchvision.models.detection").fcos_resnet50_fpn
    return made(weights=None, weights_backbone=None, num_classes=3), ([torch.rand(3, 64, 64)],)


@model("torchvision")
def torchvision_retinanet() -> Made:
    made = library("torchvision.models.detection").retinanet_resnet50_fpn
    return made(weights=None, weights_backbone=None, num_classes=3), ([torch.rand(3, 64, 64)],)


@model("torchvision")
def torchvision_raft_small() -> Made:
    made = library("torchvision.models.optical_flow").raft_small()
    return made, (image(128), image(128)), {"num_flow_updates": 2}


def _yolo(config: str, size: int = 64) -> Made:
    parse = library("ultralytics.nn.tasks")
    kinds = {"seg": "SegmentationModel", "pose": "PoseModel", "cls": "ClassificationModel", "obb": "OBBModel"}
    kind = kinds.get(config.removesuffix(".yaml").rpartition("-")[2], "DetectionModel")
    return getattr(parse, kind)(config, verbose=False), (image(size),)


for _config in ("yolov8n", "yolo11n", "yolov10n", "yolo11n-seg", "yolo11n-pose", "yolo12n"):
    add("ultralytics", f"ultralytics_{_config}", partial(_yolo, f"{_config}.yaml"))


@model("ultralytics")
def ultralytics_rtdetr() -> Made:
    return library("ultralytics.nn.tasks").RTDETRDetectionModel("rtdetr-l.yaml", verbose=False), (image(160),)


@model("kornia")
def kornia_hardnet() -> Made:
    return library("kornia.feature").HardNet(pretrained=False), (image(32, 1, batch=4),)


@model("kornia")
def kornia_tiny_vit() -> Made:
    made = library("kornia.contrib").TinyViT if hasattr(library("kornia.contrib"), "TinyViT") else None
    made = made or library("kornia.models.tiny_vit").TinyViT
    return made(img_size=64, embed_dims=(16, 32, 32, 64), num_heads=(1, 2, 2, 4), depths=(1, 1, 2, 1)), (image(),)


@model("efficientnet-pytorch")
def efficientnet_pytorch_b0() -> Made:
    return library("efficientnet_pytorch").EfficientNet.from_name("efficientnet-b0", image_size=64), (image(),)


@model("facenet-pytorch")
def facenet_pytorch_resnet() -> Made:
    made = library("facenet_pytorch.models.inception_resnet_v1").InceptionResnetV1
    return made(classify=False), (image(80),)


@model("torchxrayvision")
def torchxrayvision_densenet() -> Made:
    made = library("torchxrayvision.models").DenseNet
    return made(num_classes=4, in_channels=1, growth_rate=8, block_config=(2, 2, 2, 2)), (image(224, 1),)


@model("lightly")
def lightly_barlow_twins() -> Made:
    heads = library("lightly.models.modules.heads")
    backbone = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return torch.nn.Sequential(backbone, heads.BarlowTwinsProjectionHead(16, 32, 32)), (image(32, batch=2),)


@model("lpips")
def lpips_alex() -> Made:
    return library("lpips").LPIPS(pretrained=False, pnet_rand=True, verbose=False), (image(), image())


@model("open_clip_torch")
def open_clip_clip() -> Made:
    clip = library("open_clip.model")
    vision = clip.CLIPVisionCfg(layers=3, width=64, head_width=16, patch_size=16, image_size=64)
    text = clip.CLIPTextCfg(context_length=16, vocab_size=64, width=32, heads=4, layers=3)
    return clip.CLIP(32, vision, text), (image(), torch.randint(0, 64, (1, 16)))


@model("open_clip_torch")
def open_clip_resnet() -> Made:
    clip = library("open_clip.model")
    vision = clip.CLIPVisionCfg(layers=(1, 1, 1, 1), width=16, image_size=64, head_width=16)
    text = clip.CLIPTextCfg(context_length=16, vocab_size=64, width=32, heads=4, layers=2)
    return clip.CLIP(32, vision, text), (image(), torch.randint(0, 64, (1, 16)))


@model("soft-moe-pytorch")
def soft_moe_pytorch_layer() -> Made:
    return library("soft_moe_pytorch").SoftMoE(dim=32, seq_len=16, num_experts=4), (torch.randn(1, 16, 32),)


@model("segment-anything")
def segment_anything_encoder() -> Made:
    made = library("segment_anything.modeling").ImageEncoderViT
    return made(64, 8, embed_dim=32, depth=3, num_heads=4, out_chans=16, window_size=4, use_rel_pos=True), (image(),)


@model("timesformer-pytorch")
def timesformer_pytorch_video() -> Made:
    made = library("timesformer_pytorch").TimeSformer
    options = {"dim": 32, "image_size": 32, "patch_size": 16, "num_frames": 4, "num_classes": 10, "depth": 2}
    return made(**options, heads=4, dim_head=8), (torch.rand(1, 4, 3, 32, 32),)


@model("mlp-mixer-pytorch")
def mlp_mixer_pytorch_mixer() -> Made:
    made = library("mlp_mixer_pytorch").MLPMixer
    return made(image_size=64, channels=3, patch_size=16, dim=32, depth=3, num_classes=10), (image(),)
