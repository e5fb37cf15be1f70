"""Streaming text: mixed, packed, resumed; nothing lost, nothing twice, nothing of the other part."""

import json
import math
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest
import torch
from tokenizers import Tokenizer, models

from ptgraph.models.training.data import Batch, PackedStream, TextSource, load, unigram_entropy
from ptgraph.models.training.tokenizer import END, end_token, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["document number of the left and right file"] * 3, 300)


def texts(name: str, count: int) -> list[str]:
    """Documents of different lengths, each of which says what it is."""
    return [f"document {number} of {name}" + " and" * (number % 4) for number in range(count)]


def jsonl(path: Path, rows: Sequence[Any], **options: Any) -> TextSource:
    path.write_text("".join(json.dumps(row if isinstance(row, dict) else {"text": row}) + "\n" for row in rows))
    return TextSource(str(path), **options)


def documents(source: TextSource, count: int, **options: Any) -> list[str]:
    """The first rows of a source."""
    return [row["text"] for row in islice(source.stream(**options), count)]


def equal(left: Batch, right: Batch) -> bool:
    return left.input_ids.equal(right.input_ids) and left.labels.equal(right.labels)


# Packing


def test_no_token_is_lost_and_end_is_between_documents(tmp_path: Path, tokenizer: Tokenizer) -> None:
    rows = texts("file", 5)
    stream = PackedStream([jsonl(tmp_path / "a.jsonl", rows)], tokenizer, batch_size=3, sequence_length=7)
    batches = list(islice(stream, 20))
    end = tokenizer.token_to_id(END)
    expected = (token for row in cycle(rows) for token in [*tokenizer.encode(row).ids, end])
    for batch in batches:
        assert batch.input_ids.shape == batch.labels.shape == (3, 7)
        assert batch.input_ids.dtype == torch.int64
        assert batch.labels[:, :-1].equal(batch.input_ids[:, 1:])
        for inputs, labels in zip(batch.input_ids.tolist(), batch.labels.tolist(), strict=True):
            assert [*inputs, labels[-1]] == list(islice(expected, 8))
    assert sum(row == end for batch in batches for row in batch.input_ids.flatten().tolist()) > 2 * len(rows)


def test_a_text_comes_back_from_its_tokens(tokenizer: Tokenizer) -> None:
    for text in ("document 12 of the file", "  ünï\n\tcode 🙂 日本語 ", "x" * 1000, "1234567890", ""):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert len(tokenizer.encode("1234567890").ids) == 10  # a token for each digit
    assert end_token(tokenizer) == tokenizer.token_to_id(END) == 0
    with pytest.raises(ValueError, match="has no token"):
        end_token(Tokenizer(models.BPE()))


def test_a_vocabulary_holds_all_bytes() -> None:
    with pytest.raises(ValueError, match=r"vocab_size is 256.*257"):
        train_tokenizer(["a"], 256)
    assert train_tokenizer(["a"], 257).get_vocab_size() == 257


# Mixing


def test_sources_are_mixed_by_probability(tmp_path: Path, tokenizer: Tokenizer) -> None:
    weights, draws = {"left": 7.0, "middle": 2.0, "right": 1.0}, 3000
    sources = [jsonl(tmp_path / f"{name}.jsonl", texts(name, 50), probability=w) for name, w in weights.items()]
    stream = PackedStream(sources, tokenizer, 1, 8, seed=0)
    drawn = [load(stream.rows) for _ in range(draws)]
    for name, weight in weights.items():
        of_this = [text for text in drawn if f"of {name}" in text]
        share = weight / sum(weights.values())
        assert abs(len(of_this) - draws * share) < 4 * math.sqrt(draws * share * (1 - share)), name
        assert of_this == list(islice(cycle(texts(name, 50)), len(of_this)))  # in order, again and again


def test_the_mixture_follows_from_the_seed(tmp_path: Path, tokenizer: Tokenizer) -> None:
    sources = [jsonl(tmp_path / f"{name}.jsonl", texts(name, 9)) for name in ("left", "right")]

    def order(seed: int) -> list[str]:
        rows = PackedStream(sources, tokenizer, 1, 8, seed=seed).rows
        return [load(rows) for _ in range(30)]

    assert order(1) == order(1)
    assert order(1) != order(2)


# Resuming


def stream_of(folder: Path, tokenizer: Tokenizer, batch_size: int = 2, length: int = 11) -> PackedStream:
    """Two tiny files, of which three batches hold all that there is."""
    sources = [
        jsonl(folder / "left.jsonl", texts("left", 3)),
        jsonl(folder / "right.jsonl", texts("right", 4), probability=0.5),
    ]
    return PackedStream(sources, tokenizer, batch_size, length, seed=5, held_out=1)


def kept(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A state as it comes back from a checkpoint."""
    torch.save(state, folder / "state.pt")
    loaded: dict[str, Any] = torch.load(folder / "state.pt", weights_only=True)
    return loaded


@pytest.mark.parametrize("taken", range(11))
def test_a_stream_goes_on_with_the_very_next_token(tmp_path: Path, tokenizer: Tokenizer, taken: int) -> None:
    straight = list(islice(stream_of(tmp_path, tokenizer), taken + 6))
    first = stream_of(tmp_path, tokenizer)
    assert all(map(equal, islice(first, taken), straight))
    second = stream_of(tmp_path, tokenizer)
    second.load_state_dict(kept(first.state_dict(), tmp_path))
    assert all(map(equal, islice(second, 6), straight[taken:]))


def test_a_stream_resumes_beyond_its_first_thousand_draws(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """The library draws the order of the sources a thousand at a time."""
    sizes = {"batch_size": 16, "length": 127}
    straight = list(islice(stream_of(tmp_path, tokenizer, **sizes), 12))
    end = tokenizer.token_to_id(END)
    ends = [int((batch.labels == end).sum()) for batch in straight]
    assert sum(ends[:3]) < 1000 < sum(ends[:4]) < 2000 < sum(ends[:8])
    for taken in (3, 4, 7):
        first = stream_of(tmp_path, tokenizer, **sizes)
        list(islice(first, taken))
        second = stream_of(tmp_path, tokenizer, **sizes)
        second.load_state_dict(kept(first.state_dict(), tmp_path))
        assert all(map(equal, islice(second, 3), straight[taken:]))


def test_a_stream_resumes_again_before_it_has_read_anything(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """One document is longer than many batches, so that a state may be taken while the stream lives on what is left."""

    def new() -> PackedStream:
        rows = ["first", " and".join(map(str, range(200))), "last"]
        return PackedStream([jsonl(tmp_path / "long.jsonl", rows)], tokenizer, 2, 15)

    straight = list(islice(new(), 40))
    stream, done = new(), 0
    while done < 40:
        assert all(map(equal, islice(stream, 2), straight[done:]))
        done += 2
        state = kept(stream.state_dict(), tmp_path)
        stream = new()
        stream.load_state_dict(state)
        assert stream.state_dict() == state


def test_taking_a_state_changes_nothing(tmp_path: Path, tokenizer: Tokenizer) -> None:
    straight = list(islice(stream_of(tmp_path, tokenizer), 8))
    stream = stream_of(tmp_path, tokenizer)
    states = []
    for expected in straight:
        states.append((stream.state_dict(), json.dumps(stream.state_dict())))
        assert equal(next(stream), expected)
    assert all(json.dumps(state) == text for state, text in states)  # nor is a state changed by what comes after


# Sources


def test_the_held_out_part_and_the_rest_share_nothing(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", texts("file", 10))
    held_out = documents(source, 30, held_out=3, training=False)
    training = documents(source, 30, held_out=3)
    assert set(held_out) == set(texts("file", 10)[:3])
    assert set(training) == set(texts("file", 10)[3:])


def test_a_batch_of_the_held_out_part_is_of_no_other(tmp_path: Path, tokenizer: Tokenizer) -> None:
    sources = [jsonl(tmp_path / f"{name}.jsonl", texts(name, 9)) for name in ("left", "right")]
    held_out = {text for name in ("left", "right") for text in texts(name, 9)[:2]}
    for training in (True, False):
        rows = PackedStream(sources, tokenizer, 1, 8, held_out=2, training=training).rows
        drawn = {load(rows) for _ in range(200)}
        assert drawn.isdisjoint(held_out) if training else drawn == held_out


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> TextSource:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2)
    return TextSource(str(path), "{question}\n#### {answer}")


def test_parquet_is_read_like_json_lines(tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0.1)  # five seconds, for large files
    rows = [{"question": f"What is {n} + 1?", "answer": n + 1, "source": "none"} for n in range(5)]
    parquet = write_parquet(tmp_path / "a.parquet", rows)
    lines = jsonl(tmp_path / "a.jsonl", rows, template=parquet.template)
    expected = [f"What is {n} + 1?\n#### {n + 1}" for n in (2, 3, 4, 2, 3, 4, 2)]
    assert documents(parquet, 7, held_out=2) == documents(lines, 7, held_out=2) == expected
    mixed = PackedStream([parquet, jsonl(tmp_path / "b.jsonl", texts("file", 3))], tokenizer, 1, 8)
    assert Counter("####" in load(mixed.rows) for _ in range(100)).keys() == {True, False}
    first, second = (PackedStream([parquet], tokenizer, 2, 9) for _ in range(2))
    list(islice(first, 4))
    second.load_state_dict(kept(first.state_dict(), tmp_path))
    assert all(map(equal, islice(first, 4), islice(second, 4)))


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_local_file_is_nobody_elses_business(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address is looked up and no connection is made, not even one whose failure is passed over."""
    tried: list[Any] = []

    def refuse(*arguments: Any) -> None:
        tried.append(arguments)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: refuse(arguments))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    rows = [{"question": "What?", "answer": "That."}]
    path = tmp_path / f"a.{suffix}"
    source = (
        write_parquet(path, rows) if suffix == "parquet" else jsonl(path, rows, template="{question}\n#### {answer}")
    )
    assert documents(source, 2) == ["What?\n#### That."] * 2
    assert not tried


def test_several_files_are_one_source(tmp_path: Path) -> None:
    for name in ("a", "b"):
        jsonl(tmp_path / f"{name}.jsonl", texts(name, 2))
    assert documents(TextSource(str(tmp_path / "*.jsonl")), 5) == [*texts("a", 2), *texts("b", 2), *texts("a", 1)]


@pytest.mark.parametrize("row", [{"words": "x", "id": 1}, {"text": None, "words": "x", "id": 1}])
def test_a_missing_field_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    source = jsonl(tmp_path / "a.jsonl", [row])
    with pytest.raises(ValueError, match=r"a\.jsonl has no field 'text'; its fields are words, id"):
        source.stream()


def test_a_field_that_one_row_lacks_is_not_read_as_the_word_none(tmp_path: Path) -> None:
    rows = jsonl(tmp_path / "a.jsonl", [{"text": "x", "id": 1}, {"id": 2}]).stream()
    with pytest.raises(ValueError, match="no field 'text'; its fields are id"):
        list(islice(rows, 3))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [])
    with pytest.raises(ValueError, match=r"a\.jsonl"):
        source.stream()


def test_a_file_that_is_all_held_out_is_refused(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", texts("file", 3))
    with pytest.raises(ValueError, match=r"a\.jsonl has no text beyond the first 3"):
        source.stream(held_out=3)
    assert documents(source, 4, held_out=3, training=False) == [*texts("file", 3), *texts("file", 1)]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"none\.{suffix}"):
        TextSource(str(tmp_path / f"none.{suffix}")).stream()


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_that_is_no_share_is_refused(tmp_path: Path, tokenizer: Tokenizer, weight: float) -> None:
    sources = [
        jsonl(tmp_path / f"{name}.jsonl", texts(name, 2), probability=w) for name, w in (("a", 1), ("b", weight))
    ]
    with pytest.raises(ValueError, match=rf"{weight}.*must be .*positive"):
        PackedStream(sources, tokenizer, 1, 8)


def test_no_source_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="no source of text"):
        PackedStream([], tokenizer, 1, 8)


# The measure that a model has to beat


def entropy(tokens: Iterator[int]) -> float:
    counts = Counter(tokens)
    return -sum(count / counts.total() * math.log(count / counts.total()) for count in counts.values())


def test_the_unigram_entropy_is_that_of_the_labels(tmp_path: Path, tokenizer: Tokenizer) -> None:
    batches = list(islice(stream_of(tmp_path, tokenizer), 5))
    tokens = (token for batch in batches for token in batch.labels.flatten().tolist())
    assert unigram_entropy(batches) == pytest.approx(entropy(tokens), rel=1e-5)
    every = torch.arange(8).view(2, 4)
    assert unigram_entropy([Batch(every, every)]) == pytest.approx(math.log(8))
