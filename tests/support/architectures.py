"""Architectures of ``transformers``, with their default configs but for a Llama of 70 billion parameters."""

from __future__ import annotations

import transformers

LLAMA_80 = transformers.LlamaConfig(
    num_hidden_layers=80, hidden_size=8192, intermediate_size=28672, num_attention_heads=64, num_key_value_heads=8
)

GEMMA_3 = transformers.Gemma3TextConfig()

# The longest first, so that two workers end together.
CONFIGS = {
    "deepseek_v3": transformers.DeepseekV3Config(),
    "llama-80x8192": LLAMA_80,
    "mamba": transformers.MambaConfig(),
    "mixtral": transformers.MixtralConfig(),
    "qwen3": transformers.Qwen3Config(),
    "swin": transformers.SwinConfig(),
    "clip": transformers.CLIPConfig(),
    "t5": transformers.T5Config(),
    "bert": transformers.BertConfig(),
    "whisper": transformers.WhisperConfig(),
    "gpt2": transformers.GPT2Config(),
    "vit": transformers.ViTConfig(),
    "resnet": transformers.ResNetConfig(),
    "convnext": transformers.ConvNextConfig(),
}
