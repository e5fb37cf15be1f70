"""Streaming text: several sources mixed by probability, tokenised, packed, and resumed where they stopped."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from datasets import Dataset, IterableDataset, interleave_datasets, load_dataset
from tokenizers import Tokenizer
from torch import Tensor

from .stage import stage
from .tokenizer import end_token

__all__ = ["HUB", "Batch", "PackedStream", "TextSource", "load", "pack", "stack", "tokenize", "unigram_entropy"]


@dataclass(frozen=True)
class TextSource:
    """Where text comes from: a local .jsonl or .parquet file (or several: `data/*.jsonl`), or a set on the hub.

    `template` makes the text of a row from its fields: `"{question}\\n{answer}"`.
    """

    category: ClassVar[str] = "Data pipeline"

    path: str
    template: str = "{text}"
    subset: str | None = None
    split: str = "train"
    probability: float = 1.0

    def stream(self, held_out: int = 0, training: bool = True) -> IterableDataset:
        """The rows without the first `held_out`, or those alone, again and again; nothing is loaded beforehand.

        Raises:
            FileNotFoundError: a local file does not exist.
            ValueError: a field of the template is missing from a row or null, or there is no row.
        """
        try:
            match Path(self.path).suffix:  # not load_dataset, which reports to its makers that a local file is read
                case ".jsonl" | ".json":
                    rows = Dataset.from_json(self.path, streaming=True)
                case ".parquet":
                    rows = Dataset.from_parquet(self.path, streaming=True)
                case _:
                    rows = load_dataset(self.path, self.subset, split=self.split, streaming=True)
        except StopIteration:  # what it says of an empty .jsonl
            raise ValueError(f"{self.path} has no text") from None
        texts = rows.map(self._text, remove_columns=rows.column_names)
        part = texts.skip(held_out) if training else texts.take(held_out)
        if next(iter(part), None) is None:  # repeated, nothing would go on for ever
            beyond = f" beyond the first {held_out}" if training and held_out else ""
            raise ValueError(f"{self.path} has no text{beyond}")
        return part.repeat(None)

    def _text(self, row: dict[str, Any]) -> dict[str, str]:
        held = {name: value for name, value in row.items() if value is not None}  # a field that only other rows have
        try:
            return {"text": self.template.format_map(held)}
        except KeyError as error:
            raise ValueError(f"a row of {self.path} has no field {error}; its fields are {', '.join(held)}") from None


HUB = {
    "fineweb-edu": TextSource("HuggingFaceFW/fineweb-edu", subset="sample-10BT"),
    "finepdfs": TextSource("HuggingFaceFW/finepdfs", subset="eng_Latn"),
    "medqa": TextSource("GBaker/MedQA-USMLE-4-options", "Question: {question}\nAnswer: {answer}"),
    "gsm8k": TextSource("openai/gsm8k", "Question: {question}\nAnswer: {answer}", subset="main"),
}
"""Sets on the Hugging Face hub, by the names that `ptgraph train --data` takes."""


class Batch(NamedTuple):
    """What the model is trained on; both are `[batch, sequence]`, and the labels are the inputs' next tokens."""

    input_ids: Tensor
    labels: Tensor


@stage("Data pipeline")
def load(rows: Iterator[dict[str, str]]) -> str:
    """Take the next document from the mixture of sources."""
    return next(rows)["text"]


@stage("Data pipeline")
def tokenize(text: str, tokenizer: Tokenizer) -> list[int]:
    """Turn a text into token numbers, with `END` after the last."""
    return [*tokenizer.encode(text).ids, end_token(tokenizer)]


@stage("Data pipeline")
def pack(documents: Sequence[list[int]], length: int) -> tuple[Tensor, list[int]]:
    """Join documents and cut off one sequence of `length` tokens; what is left begins the next one."""
    tokens = [token for document in documents for token in document]
    return torch.tensor(tokens[:length]), tokens[length:]


@stage("Data pipeline")
def stack(sequences: list[Tensor]) -> Batch:
    """Make a batch of sequences, each without its last token, and as labels each without its first."""
    tokens = torch.stack(sequences)
    return Batch(tokens[:, :-1], tokens[:, 1:])


@dataclass
class PackedStream:
    """Batches without end, `[batch, sequence]`, from text sources that are mixed by their probabilities.

    Documents stand one after the other with `END` between, cut where a sequence is full, so that no token is
    padding. `state_dict` says how far the stream is; with it, `load_state_dict` of a new stream goes on with the
    very next token.
    """

    category: ClassVar[str] = "Data pipeline"

    sources: Sequence[TextSource]
    tokenizer: Tokenizer
    batch_size: int
    sequence_length: int
    seed: int = 0
    held_out: int = 0  # documents at the start of each source that belong to the other part
    training: bool = True  # the part: all documents but the held-out ones, or those alone
    left: list[int] = field(default_factory=list, init=False)
    resumed: dict[str, Any] | None = field(default=None, init=False)  # the mixture's state, until it gives a row itself

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("there is no source of text; name at least one")
        weights = [source.probability for source in self.sources]
        if not all(0 < weight < math.inf for weight in weights):
            raise ValueError(f"the probabilities of the sources are {weights}; each must be a positive number")
        streams = [source.stream(self.held_out, self.training) for source in self.sources]
        self.mixture = interleave_datasets(streams, [weight / sum(weights) for weight in weights], seed=self.seed)
        self.rows = iter(self.mixture)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return stack([self._sequence() for _ in range(self.batch_size)])

    def _sequence(self) -> Tensor:
        length = self.sequence_length + 1  # the labels need one more
        documents = [self.left]
        while sum(map(len, documents)) < length:
            documents.append(tokenize(load(self.rows), self.tokenizer))
            self.resumed = None
        sequence, self.left = pack(documents, length)
        return sequence

    def state_dict(self) -> dict[str, Any]:
        """How far the stream is: plain numbers, lists and dictionaries."""
        return {"mixture": self.resumed or self.mixture.state_dict(), "left": list(self.left)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where a stream of the same sources was when it gave `state`."""
        self.resumed = state["mixture"]
        self.mixture.load_state_dict(self.resumed)
        self.rows = iter(self.mixture)
        self.left = list(state["left"])


def unigram_entropy(batches: Sequence[Batch]) -> float:
    """The entropy of the tokens' frequencies, in nats: the loss of a model that knows these and no order."""
    counts = torch.cat([batch.labels.flatten() for batch in batches]).bincount()
    shares = counts[counts > 0] / counts.sum()
    return -(shares * shares.log()).sum().item()
