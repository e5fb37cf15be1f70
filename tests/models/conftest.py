"""The small model, as a fixture."""

from collections.abc import Iterator

import pytest
import torch

from ptgraph.models import TransformerLM
from tests.models.small import make


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small only lose time when threads share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=["dense", "sparse"])
def model(request: pytest.FixtureRequest) -> TransformerLM:
    """The small model, with each kind of attention."""
    return make(attention=request.param)
