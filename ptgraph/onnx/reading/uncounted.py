"""Why the costs of a node of an ONNX file are not known in full."""

BRANCHES = "of its branches, the one with the most FLOPs counts"
LOOP = "how often it runs depends on data; it counts once"
NO_FORMULA = "no formula is known for its operator"
SHAPES = "a shape is not known"
SIZES = "a size is not known; it counts as 1"

__all__ = ["BRANCHES", "LOOP", "NO_FORMULA", "SHAPES", "SIZES"]
