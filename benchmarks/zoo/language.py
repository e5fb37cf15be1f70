"""Models of the zoo that read tokens, and transformers of every modality."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.zoo.registry import Made, add, ids, image, library, model

SMALL: dict[str, Any] = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL |= {"use_cache": False}
GROUPED: dict[str, Any] = SMALL | {"intermediate_size": 48, "max_position_embeddings": 64}
KEYS: dict[str, Any] = GROUPED | {"num_key_value_heads": 2}
ONE = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
ONE |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
SEEN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SEEN |= {"image_size": 32, "patch_size": 8}

Given = Callable[[], dict[str, Any]]

TOKENS: dict[str, tuple[str, dict[str, Any]]] = {  # class of the model, and what its config holds
    "gpt2": ("GPT2LMHeadModel", {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "use_cache": False}),
    "bert": ("BertForMaskedLM", GROUPED),
    "deberta": ("DebertaV2Model", GROUPED | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "albert": ("AlbertModel", GROUPED | {"embedding_size": 16}),
    "longformer": ("LongformerModel", GROUPED | {"attention_window": 8}),
    "big_bird": ("BigBirdModel", GROUPED),
    "xlnet": ("XLNetModel", {"vocab_size": 64, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}),
    "llama": ("LlamaForCausalLM", KEYS),
    "falcon": ("FalconForCausalLM", SMALL),
    "gpt_neox": ("GPTNeoXForCausalLM", GROUPED),
    "bloom": ("BloomForCausalLM", {"vocab_size": 64, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "gemma3": ("Gemma3ForCausalLM", KEYS | {"head_dim": 8, "sliding_window": 8}),
    "qwen3_moe": (
        "Qwen3MoeForCausalLM",
        KEYS | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8},
    ),
    "mixtral": ("MixtralForCausalLM", KEYS | {"num_local_experts": 4}),
    "gpt_oss": ("GptOssForCausalLM", KEYS | {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8}),
    "mamba": ("MambaForCausalLM", {**SMALL, "state_size": 4}),
    "mamba2": (
        "Mamba2ForCausalLM",
        {**SMALL, "state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 8},
    ),
    "rwkv": ("RwkvForCausalLM", {**SMALL, "attention_hidden_size": 32}),
}


def _made(name: str, options: dict[str, Any]) -> Any:
    """Return a model of transformers whose parts do without caches."""
    transformers = library("transformers")
    made = getattr(transformers, name)
    config = made.config_class(**options)
    config.use_cache = False
    return made._from_config(config)


def _from_config(name: str, options: dict[str, Any], given: Given) -> Made:
    return _made(name, options), (), given()


for _name, (_class, _options) in TOKENS.items():
    add("transformers", f"transformers_{_name}", partial(_from_config, _class, _options, lambda: {"input_ids": ids()}))

OTHERS: dict[str, tuple[str, dict[str, Any], Given]] = {
    "t5": (
        "T5ForConditionalGeneration",
        {"vocab_size": 64, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4},
        lambda: {"input_ids": ids(), "decoder_input_ids": ids(8)},
    ),
    "bart": (
        "BartForConditionalGeneration",
        {"vocab_size": 64, "pad_token_id": 1, "eos_token_id": 2, **ONE},
        lambda: {"input_ids": ids(), "decoder_input_ids": ids(8)},
    ),
    "vit": ("ViTModel", SEEN, lambda: {"pixel_values": image(32)}),
    "dinov2": ("Dinov2Model", SEEN, lambda: {"pixel_values": image(32)}),
    "segformer": (
        "SegformerForSemanticSegmentation",
        {
            "hidden_sizes": [8, 16, 16, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
        },
        lambda: {"pixel_values": image(64)},
    ),
    "convnextv2": (
        "ConvNextV2Model",
        {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]},
        lambda: {"pixel_values": image(64)},
    ),
    "dpt": (
        "DPTForDepthEstimation",
        SEEN
        | {
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [8, 8, 16, 16],
            "fusion_hidden_size": 16,
        },
        lambda: {"pixel_values": image(32)},
    ),
    "clip": (
        "CLIPModel",
        {"vision_config": SEEN, "text_config": GROUPED | {"eos_token_id": 63}, "projection_dim": 16},
        lambda: {"input_ids": ids(), "pixel_values": image(32)},
    ),
    "llava": (
        "LlavaForConditionalGeneration",
        {
            "vision_config": {"model_type": "clip_vision_model", **SEEN},
            "text_config": {"model_type": "llama", **KEYS},
            "image_token_index": 63,
        },
        lambda: {
            "input_ids": torch.cat([torch.full((1, 16), 63), ids(8, 60)], 1),
            "pixel_values": image(32),
            "attention_mask": torch.ones(1, 24, dtype=torch.int64),
        },
    ),
    "sam": (
        "SamModel",
        {
            "vision_config": SEEN
            | {"output_channels": 32, "mlp_dim": 64, "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 16},
            "prompt_encoder_config": {"hidden_size": 32, "image_size": 32, "patch_size": 8, "mask_input_channels": 8},
            "mask_decoder_config": {
                "hidden_size": 32,
                "mlp_dim": 64,
                "num_attention_heads": 4,
                "iou_head_hidden_dim": 32,
            },
        },
        lambda: {"pixel_values": image(32), "input_points": torch.rand(1, 1, 2, 2) * 32},
    ),
    "whisper": (
        "WhisperForConditionalGeneration",
        {**ONE, "vocab_size": 64, "num_mel_bins": 8, "max_source_positions": 16, "max_target_positions": 16}
        | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3},
        lambda: {"input_features": torch.randn(1, 8, 32), "decoder_input_ids": ids(4)},
    ),
    "wav2vec2": (
        "Wav2Vec2Model",
        GROUPED
        | {"conv_dim": (16, 16), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_conv_pos_embedding_groups": 4}
        | {"num_conv_pos_embeddings": 16},
        lambda: {"input_values": torch.randn(1, 400)},
    ),
    "patchtst": (
        "PatchTSTForPrediction",
        {"num_input_channels": 2, "context_length": 32, "patch_length": 8, "patch_stride": 8, "d_model": 16}
        | {"num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 32, "prediction_length": 8},
        lambda: {"past_values": torch.randn(1, 32, 2)},
    ),
    "time_series": (
        "TimeSeriesTransformerForPrediction",
        {"prediction_length": 4, "context_length": 12, "lags_sequence": [1, 2, 3], "num_time_features": 2, **ONE},
        lambda: {
            "past_values": torch.randn(2, 15),
            "past_time_features": torch.randn(2, 15, 2),
            "past_observed_mask": torch.ones(2, 15),
            "future_values": torch.randn(2, 4),
            "future_time_features": torch.randn(2, 4, 2),
        },
    ),
    "detr": (
        "DetrForObjectDetection",
        {**ONE, "use_timm_backbone": False, "num_queries": 8, "backbone_config": None},
        lambda: {"pixel_values": image(64)},
    ),
}
for _name, (_class, _options, _given) in OTHERS.items():
    add("transformers", f"transformers_{_name}", partial(_from_config, _class, _options, _given))


def _wrapped(layers: str, **options: Any) -> Made:
    x = library("x_transformers")
    inner = getattr(x, layers)(dim=32, depth=2, heads=4, attn_dim_head=8, **options)
    return x.TransformerWrapper(num_tokens=64, max_seq_len=32, attn_layers=inner), (ids(),)


X: dict[str, dict[str, Any]] = {
    "decoder_rotary": {"rotary_pos_emb": True, "ff_glu": True, "use_rmsnorm": True},
    "decoder_alibi": {"alibi_pos_bias": True},
    "decoder_talking": {"attn_pre_talking_heads": True, "rel_pos_bias": True},
}
for _name, _options in X.items():
    add("x-transformers", f"x_transformers_{_name}", partial(_wrapped, "Decoder", **_options))
add("x-transformers", "x_transformers_encoder", partial(_wrapped, "Encoder"))


@model("x-transformers")
def x_transformers_encoder_decoder() -> Made:
    sides: dict[str, Any] = {}
    for side in ("enc", "dec"):
        sides |= {f"{side}_num_tokens": 64, f"{side}_depth": 2, f"{side}_heads": 4, f"{side}_max_seq_len": 16}
    return library("x_transformers").XTransformer(dim=32, **sides), (ids(), ids())


@model("peft")
def peft_lora() -> Made:
    peft = library("peft")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"])
    return peft.get_peft_model(_made("LlamaForCausalLM", KEYS), config), (ids(),)


@model("peft")
def peft_ia3() -> Made:
    peft = library("peft")
    config = peft.IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])
    return peft.get_peft_model(_made("LlamaForCausalLM", KEYS), config), (ids(),)


@model("sentence-transformers")
def sentence_transformers_pooling() -> Made:
    parts = library("sentence_transformers.models")
    pooled = torch.nn.Sequential(parts.Pooling(32, "mean"), parts.Dense(32, 16), parts.Normalize())
    given = {"token_embeddings": torch.randn(2, 8, 32), "attention_mask": torch.ones(2, 8, dtype=torch.int64)}
    return pooled, (given,)


@model("performer-pytorch")
def performer_pytorch_lm() -> Made:
    made = library("performer_pytorch").PerformerLM
    options = {"num_tokens": 64, "max_seq_len": 32, "dim": 32, "depth": 2, "heads": 4, "dim_head": 8}
    return made(**options, causal=False), (ids(32),)


@model("linformer")
def linformer_lm() -> Made:
    return library("linformer").LinformerLM(64, 32, 16, 2, k=8, heads=4), (ids(),)


@model("reformer-pytorch")
def reformer_pytorch_lm() -> Made:
    made = library("reformer_pytorch").ReformerLM
    return made(64, 32, 2, 32, heads=4, dim_head=8, bucket_size=4, n_hashes=2), (ids(32),)


@model("routing-transformer")
def routing_transformer_lm() -> Made:
    made = library("routing_transformer").RoutingTransformerLM(64, 32, 2, 32, heads=4, window_size=8, causal=False)
    made(ids(32))  # the first run finds the means of its clusters
    return made, (ids(32),)


@model("nystrom-attention")
def nystrom_attention_former() -> Made:
    made = library("nystrom_attention").Nystromformer
    return made(dim=32, depth=2, dim_head=8, heads=4, num_landmarks=4), (torch.randn(1, 16, 32),)


@model("g-mlp-pytorch")
def g_mlp_pytorch_lm() -> Made:
    return library("g_mlp_pytorch").gMLP(num_tokens=64, dim=32, depth=2, seq_len=16), (ids(),)


@model("mixture-of-experts")
def mixture_of_experts_layer() -> Made:
    return library("mixture_of_experts").MoE(dim=16, num_experts=4), (torch.randn(2, 16, 16),)


@model("CoLT5-attention")
def colt5_attention_feedforward() -> Made:
    made = library("colt5_attention").ConditionalRoutedFeedForward
    return made(16, num_heavy_tokens=4, use_triton=False), (torch.randn(1, 16, 16),)


@model("mambapy")
def mambapy_mamba() -> Made:
    parts = library("mambapy.mamba")
    return parts.Mamba(parts.MambaConfig(d_model=16, n_layers=2, d_state=4)), (torch.randn(1, 16, 16),)


@model("perceiver-pytorch")
def perceiver_pytorch_image() -> Made:
    options: dict[str, Any] = {"num_freq_bands": 4, "depth": 2, "max_freq": 8.0, "num_latents": 8, "latent_dim": 16}
    made = library("perceiver_pytorch").Perceiver(**options, latent_heads=2, latent_dim_head=8, num_classes=10)
    return made, (torch.rand(1, 16, 16, 3),)


@model("perceiver-pytorch")
def perceiver_pytorch_io() -> Made:
    options: dict[str, Any] = {"dim": 16, "queries_dim": 16, "depth": 2, "num_latents": 8, "latent_dim": 16}
    made = library("perceiver_pytorch").PerceiverIO(**options, latent_heads=2, latent_dim_head=8)
    return made, (torch.randn(1, 20, 16),), {"queries": torch.randn(1, 5, 16)}
