"""A fixed number of cases of each fuzzer; `python -m tests.fuzz.run onnx` runs thousands."""

from __future__ import annotations

import pytest

from tests.fuzz.run import fuzz


@pytest.mark.parametrize(("kind", "count"), [("onnx", 60), ("config", 40), ("inputs", 60), ("overlay", 40)])
def test_a_damaged_input_gives_an_exit_code_and_a_sentence(kind: str, count: int) -> None:
    report = fuzz(kind, count, seed=17)
    assert report.findings == {}
    assert sum(report.codes.values()) == count
    assert len(report.codes) > 1  # some cases are read, and some are refused
