"""Text to token numbers and back: a byte-level BPE."""

from collections.abc import Iterable, Iterator
from itertools import islice

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from .corpus import CORPUS

__all__ = ["END", "default_tokenizer", "end_token", "train_tokenizer"]

END = "<|end|>"
"""The token after the last one of a document, or of an answer."""


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE (Radford et al., 2019) of at most `vocab_size` tokens, learnt from `texts`.

    Any text can be encoded, since every byte is a token, and each digit stays a token of its own, so that numbers
    are written the same way whatever stands around them. `END` is token 0.

    Raises:
        ValueError: `vocab_size` is too small for the 256 bytes and `END`.
    """
    if vocab_size < 257:
        raise ValueError(f"vocab_size is {vocab_size}; a byte-level vocabulary needs at least 257")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(END, special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def default_tokenizer(vocab_size: int) -> Tokenizer:
    """The tokenizer of the repository's own corpus: made in a moment, always the same."""
    return train_tokenizer(_sample(), min(vocab_size, 4096))


def end_token(tokenizer: Tokenizer) -> int:
    """The number of `END`.

    Raises:
        ValueError: the tokenizer has no such token.
    """
    number: int | None = tokenizer.token_to_id(END)
    if number is None:
        raise ValueError(f"the tokenizer has no token {END}")
    return number


def _sample(documents: int = 2000) -> Iterator[str]:
    for texts in CORPUS.values():
        yield from islice(texts(0), documents)
