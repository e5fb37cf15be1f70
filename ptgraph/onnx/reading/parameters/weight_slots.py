"""The inputs of operators that are weights, and those that only say how to compute: scales, zero points, settings."""

from __future__ import annotations

from ptgraph.onnx.reading.contrib_flops import CONTRIB
from ptgraph.onnx.reading.flat_graph import Node

Slots = tuple[int, ...]
PRODUCTS = {"MatMul", "Gemm", "Einsum", "FusedMatMul", "FusedGemm"}  # in which a weight is a matrix
_WEIGHTS: dict[str, Slots] = {
    "MatMul": (0, 1),
    "Gemm": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "BatchNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "RMSNormalization": (1,),
    "SimplifiedLayerNormalization": (1,),
    "Gather": (0,),
    "LSTM": (1, 2, 3),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
    "PRelu": (1,),
    "Einsum": (0, 1),
}
_QUANTIZED: dict[str, Slots] = {
    "DequantizeLinear": (0,),
    "MatMulInteger": (1,),
    "ConvInteger": (1,),
    "QLinearMatMul": (3,),
    "QLinearConv": (3, 8),
}  # that take integers
_CONTRIB: dict[str, Slots] = {
    "Attention": (1, 2),
    "BiasAdd": (1,),
    "BiasDropout": (1,),
    "BiasGelu": (1,),
    "BiasSplitGelu": (1,),
    "CausalConvWithState": (1, 2),
    "ConvTransposeWithDynamicPads": (1, 3),
    "DecoderMaskedMultiHeadAttention": (10,),
    "DecoderMaskedSelfAttention": (1, 2),
    "EmbedLayerNormalization": (2, 3, 4, 5, 6),
    "FastGelu": (1,),
    "FusedConv": (1, 2),
    "FusedGemm": (1, 2),
    "FusedMatMul": (0, 1),
    "FusedMatMulActivation": (0, 1),
    "GatedRelativePositionBias": (3, 4, 5),
    "GemmFastGelu": (1, 2),
    "GemmFloat8": (1, 2),
    "GroupNorm": (1, 2),
    "GroupQueryAttention": (11, 14, 15),
    "LongformerAttention": (1, 2, 4, 5),
    "MoE": (2, 3, 4, 5, 6, 7),
    "MultiHeadAttention": (3,),
    "NhwcConv": (1, 2),
    "NhwcFusedConv": (1, 2),
    "PackedAttention": (1, 2),
    "PackedMultiHeadAttention": (3,),
    "RelativePositionBias": (0,),
    "SkipGroupNorm": (1, 2, 4),
    "SkipLayerNormalization": (2, 3, 4),
    "SkipSimplifiedLayerNormalization": (2, 3),
    "TransposeMatMul": (0, 1),
}
_CONTRIB_QUANTIZED: dict[str, Slots] = {
    "DequantizeLinear": (0,),
    "DynamicQuantizeLSTM": (1, 2, 3, 7),
    "DynamicQuantizeMatMul": (1, 4),
    "GatherBlockQuantized": (0,),
    "MatMulBnb4": (1,),
    "MatMulInteger16": (1,),
    "MatMulIntegerToFloat": (1, 6),
    "MatMulNBits": (1, 5),
    "QAttention": (1, 2),
    "QEmbedLayerNormalization": (2, 3, 4, 5, 6),
    "QGemm": (3, 6),
    "QLinearAdd": (0, 3),
    "QLinearConv": (3, 8),
    "QLinearMul": (0, 3),
    "QMoE": (2, 4, 5, 7, 8, 10),
}
_QLINEAR = (1, 2, 4, 5, 6, 7)
_SETTINGS: dict[str, Slots] = {
    "Clip": (1, 2),
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "MatMulInteger": (2, 3),
    "OneHot": (1, 2),
    "Pad": (1, 2, 3),
    "QLinearConv": _QLINEAR,
    "QLinearMatMul": _QLINEAR,
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2, 3),
    "RotaryEmbedding": (1, 2, 3),
    "Upsample": (1,),
}
_CONTRIB_SETTINGS: dict[str, Slots] = {
    **_SETTINGS,
    "DynamicQuantizeLSTM": (8, 9, 10, 11),
    "DynamicQuantizeMatMul": (2, 3),
    "GatherBlockQuantized": (2, 3),
    "GemmFloat8": (3, 4, 5),
    "GroupQueryAttention": (7, 8, 12, 13),
    "MatMulBnb4": (2,),
    "MatMulIntegerToFloat": (2, 3, 4, 5),
    "MatMulNBits": (2, 3, 4),
    "QAttention": (3, 4, 6, 7),
    "QEmbedLayerNormalization": tuple(range(8, 18)),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "QLinearAdd": _QLINEAR,
    "QLinearMul": _QLINEAR,
    "QMoE": (3, 6, 9, *range(11, 21)),
    "SparseAttention": (9, 10),
}


def weight_slots(node: Node) -> Slots:
    """Return which inputs of *node* are weights: first the weight itself, then its bias."""
    operator = node.proto.op_type
    if node.domain in CONTRIB:
        found = _CONTRIB.get(operator) or _CONTRIB_QUANTIZED.get(operator)
        if found is not None:
            return found
    return _WEIGHTS.get(operator) or _QUANTIZED.get(operator) or ()


def takes_integers(node: Node) -> bool:
    """Return whether the weights of *node* may be integers that stand for numbers, by a scale."""
    operator = node.proto.op_type
    return operator in _QUANTIZED or (node.domain in CONTRIB and operator in _CONTRIB_QUANTIZED)


def setting_slots(node: Node) -> Slots:
    """Return which inputs of *node* only say how it computes, such as scales and zero points."""
    table = _CONTRIB_SETTINGS if node.domain in CONTRIB else _SETTINGS
    return table.get(node.proto.op_type, ())


__all__ = ["PRODUCTS", "setting_slots", "takes_integers", "weight_slots"]
