"""The training half of the Pure Transformer: streaming data, pretraining, and GRPO with answers that can be checked.

Read `pretrain.py` and `grpo.py` first: a trainer's `step` names all that happens, in order.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "IProgress not found")  # of tqdm, which `datasets` imports: no bar is shown here
    from .checkpoint import CheckpointError
    from .data import HUB, PackedStream, TextSource
    from .grpo import GRPO, GRPOConfig, GRPOTrainer
    from .optimizer import OptimizerConfig, learning_rate
    from .pretrain import PRETRAIN, PretrainConfig, Pretrainer
    from .prompts import PROMPTS, Prompt
    from .run import grpo, grpo_trainer, load_model, pretrain, pretrainer, read_metrics
    from .stage import record, stage

__all__ = [
    "GRPO",
    "HUB",
    "PRETRAIN",
    "PROMPTS",
    "CheckpointError",
    "GRPOConfig",
    "GRPOTrainer",
    "OptimizerConfig",
    "PackedStream",
    "PretrainConfig",
    "Pretrainer",
    "Prompt",
    "TextSource",
    "grpo",
    "grpo_trainer",
    "learning_rate",
    "load_model",
    "pretrain",
    "pretrainer",
    "read_metrics",
    "record",
    "stage",
]
