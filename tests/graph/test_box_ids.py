"""The ids of boxes are one language: tests/browser/test_ids.py asks the page about the same examples."""

from __future__ import annotations

import pytest

from ptgraph.graph.view.box_ids import block_id, call_id
from tests.support.box_ids import EXAMPLES


@pytest.mark.parametrize(("call", "id"), EXAMPLES["runs"])
def test_the_id_of_a_run(call, id):
    assert call_id(call) == id


@pytest.mark.parametrize(("id", "base", "numbers"), EXAMPLES["ids"])
def test_the_id_of_a_block(id, base, numbers):
    if None not in numbers:
        assert block_id(base, numbers) == id


def test_the_first_block_has_the_id_of_the_box():
    assert block_id("/layers.0", [0]) == block_id("/layers.0", [0, 0]) == block_id("/layers.0", []) == "/layers.0"
    assert block_id("/layers.0", [0, 2]) == "/layers.0~0.2"
