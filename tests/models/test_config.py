"""The config checks itself, and the presets have the sizes they promise."""

import re
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
import torch

from ptgraph.models import PRESETS, TransformerConfig, build
from tests.models.small import SIZES

PARAMETERS = {
    "nano": 868_352,
    "tiny": 85_327_872,
    "small": 177_930_240,
    "medium": 373_555_200,
    "medium-large": 401_227_776,
    "large": 763_232_256,
    "xlarge": 1_461_288_960,
}


@pytest.mark.parametrize("preset", PARAMETERS)
def test_preset_has_its_parameter_count(preset: str) -> None:
    with torch.device("meta"):
        assert build(preset).num_parameters() == PARAMETERS[preset]


def test_every_preset_is_in_the_table() -> None:
    assert PRESETS.keys() == PARAMETERS.keys()


def test_build_overrides_fields() -> None:
    with torch.device("meta"):
        model = build("tiny", num_layers=1, attention="sparse")
    assert len(model.layers) == 1
    assert model.config.attention == "sparse"
    assert model.config.hidden_size == PRESETS["tiny"].hidden_size


def test_build_names_the_presets() -> None:
    with pytest.raises(ValueError, match=r"'huge'.*nano, tiny, small, medium, medium-large, large, xlarge"):
        build("huge")


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        *(
            (field.name, value, "positive integer")
            for field in fields(TransformerConfig)
            if field.type is int
            for value in (0, -1, 2.0, True)
        ),
        ("head_dim", 7, "even"),
        ("index_head_dim", 7, "even"),
        ("num_kv_heads", 4, "divisor of num_heads (6)"),
        ("rope_theta", 0.0, "positive"),
        ("norm_eps", -1e-6, "positive"),
        ("norm_eps", float("nan"), "positive"),
        ("index_loss_weight", -1.0, "zero or a positive"),
        ("attention", "linear", "'dense' or 'sparse'"),
    ],
)
def test_config_error_names_field_value_and_choices(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{field} is {value!r}; ") + ".*" + re.escape(allowed)):
        TransformerConfig(**SIZES | {field: value})


def test_config_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        TransformerConfig(**SIZES).num_layers = 2
