"""Which boxes of a figure are open: an encoder with its decoder, and one block for those that are alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Drawing, Text
from ptgraph.figure.compose import figure
from ptgraph.figure.options import points
from tests.support.figure_checks import check, of_kind
from tests.support.figure_truth import torn

WIDTH = 16


def frames(drawing: Drawing) -> set[str]:
    return {item.id for item in of_kind(drawing, "frame")}


def titles(drawing: Drawing) -> dict[str, str]:
    """Return the text of each box, by its id."""
    return {
        item.id: " ".join(mark.text for mark in item.marks if isinstance(mark, Text))
        for item in of_kind(drawing, "box")
    }


class Layer(nn.Module):
    """A layer that reads a second value, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.own = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)
        self.other, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.act = nn.GELU()

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        x = x + self.own(self.norm(x))
        x = x + self.other(x if memory is None else memory)
        result: Tensor = x + self.out(self.act(x))
        return result


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(32, WIDTH), nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(3))

    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, memory)
        result: Tensor = self.norm(x)
        return result


class WithLoss(nn.Module):
    """A decoder whose loss is written as operations."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.to_logits = Network(), nn.Linear(WIDTH, 32)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        logits = self.to_logits(self.net(tokens, memory))
        chosen = logits.gather(-1, tokens[..., None])
        best = torch.where(logits == chosen, logits - chosen, logits).logsumexp(-1)
        kept = tokens != 0
        return torch.where(kept, F.softplus(-best), 0.0).sum() / kept.sum()


class Translator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Network(), WithLoss()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = self.decoder(target, self.encoder(source))
        return loss


def test_a_decoder_with_a_loss_is_open_beside_its_encoder() -> None:
    graph = trace(Translator().eval(), torch.zeros(1, 8).long(), torch.zeros(1, 8).long(), name="model")
    drawing = figure(graph, FigureOptions(width="174mm"))
    assert {"encoder", "decoder", "decoder.net"} <= frames(drawing)
    assert {"encoder.layers.0", "decoder.net.layers.0"} <= frames(drawing)
    said = titles(drawing)
    loss = [text for name, text in said.items() if text.endswith("operations")]
    assert len(loss) == 1
    assert not any(word in said.values() for word in ("softplus", "sum", "gather", "where", "logsumexp"))
    assert torn(graph, drawing) == []
    check(drawing, widest=points("174mm"))


class Wide(nn.Module):
    """A block of many parts, the *last* of which has one less."""

    def __init__(self, *, last: bool = False) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(WIDTH + k, WIDTH + k + 1) for k in range(7))
        self.context = None if last else nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x).tanh()
        x = x[..., :WIDTH]
        return x if self.context is None else self.context(x)


def test_the_block_that_stands_for_most_is_open_where_the_last_differs() -> None:
    blocks = nn.Sequential(Wide(), Wide(), Wide(), Wide(last=True))
    graph = trace(blocks.eval(), torch.zeros(1, 8, WIDTH), name="model")
    drawing = figure(graph, FigureOptions(width="40mm"))
    assert "0" in frames(drawing)
    assert "3" in titles(drawing)
    assert torn(graph, drawing) == []
    check(drawing, widest=points("40mm"))


def test_blocks_that_all_fit_are_all_open() -> None:
    blocks = nn.Sequential(Wide(), Wide(), Wide(), Wide(last=True))
    graph = trace(blocks.eval(), torch.zeros(1, 8, WIDTH), name="model")
    drawing = figure(graph, FigureOptions(width="400mm", height="900mm"))
    assert {"0", "3"} <= frames(drawing)
