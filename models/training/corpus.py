"""A small corpus that costs nothing to make: stories from a grammar, and questions with answers."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from .files import write_text
from .prompts import Prompt, arithmetic, multiple_choice

__all__ = ["CORPUS", "stories", "worked_answers", "write_corpus"]

_NAMES = ("Ada", "Ben", "Clara", "Dmitri", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena")
_ANIMALS = ("cat", "dog", "crow", "fox", "goat", "hen", "horse", "mouse", "otter", "owl", "rabbit", "toad")
_PLACES = ("barn", "bridge", "field", "forest", "garden", "harbour", "library", "market", "mill", "river", "station")
_THINGS = ("apple", "bell", "book", "coin", "hat", "kite", "lamp", "letter", "map", "shell", "spoon", "stone")
_ADJECTIVES = ("brave", "clever", "curious", "grey", "hungry", "kind", "lazy", "old", "quiet", "quick", "small", "tall")
_WEATHER = ("a bright morning", "a cold evening", "a foggy day", "a rainy night", "a windy afternoon", "the first snow")
_MOODS = ("glad", "proud", "sad", "sleepy", "sorry", "surprised", "tired", "worried")


def stories(seed: int) -> Iterator[str]:
    """Short stories without end, the same ones for the same seed.

    A story keeps its hero, animal, place and thing from the first line to the last, so that there is
    something to remember for a model that reads it.
    """
    draw = random.Random(f"stories {seed}")
    while True:
        hero, friend = draw.sample(_NAMES, 2)
        animal, place, thing = draw.choice(_ANIMALS), draw.choice(_PLACES), draw.choice(_THINGS)
        adjective, mood = draw.choice(_ADJECTIVES), draw.choice(_MOODS)
        beginning = draw.choice(
            (
                f"On {draw.choice(_WEATHER)}, {hero} walked to the {place}.",
                f"{hero} and {friend} lived near the {place}.",
                f"There was once a {adjective} {animal} that belonged to {hero}.",
            )
        )
        middle = draw.sample(
            (
                f"In the {place} {hero} found a {thing}.",
                f'"Is this your {thing}?" asked {friend}.',
                f"The {adjective} {animal} had hidden the {thing} behind the {place}.",
                f"{hero} gave the {thing} to {friend}, and {friend} was {mood}.",
                f"The {animal} followed {hero} all the way from the {place}.",
                f"Nobody at the {place} had ever seen such a {adjective} {animal}.",
            ),
            draw.randint(2, 4),
        )
        ending = draw.choice(
            (
                f"So {hero} took the {thing} home, and the {animal} slept.",
                f"In the end {hero} was {mood}, and the {animal} was not.",
                f"{hero} and {friend} never lost the {thing} again.",
            )
        )
        yield " ".join([beginning, *middle, ending])


def worked_answers(seed: int) -> Iterator[str]:
    """Arithmetic and multiple choice, each with an answer: every second one is wrong.

    A model that has read these knows the form of an answer and doubts its content, which leaves reinforcement
    learning something to do.
    """
    draw = random.Random(f"answers {seed}")
    sources = arithmetic(seed), multiple_choice(seed)
    while True:
        prompt = next(draw.choices(sources, weights=(5, 1))[0])
        yield f"{prompt.text} {prompt.answer if draw.random() < 0.5 else _wrong(prompt, draw)}"


def _wrong(prompt: Prompt, draw: random.Random) -> str:
    if prompt.choices:
        return draw.choice([choice for choice in prompt.choices if choice != prompt.answer])
    return str(int(prompt.answer) + draw.choice((-2, -1, 1, 2)))


CORPUS = {"stories": stories, "answers": worked_answers}


def write_corpus(folder: Path, documents: int, seed: int) -> dict[str, Path]:
    """Write `documents` texts of each kind as JSON lines, `{"text": …}`, and return the files by kind."""
    files = {}
    for kind, texts in CORPUS.items():
        files[kind] = folder / f"{kind}-{seed}.jsonl"
        source = texts(seed)
        lines = (json.dumps({"text": next(source)}) + "\n" for _ in range(documents))
        write_text(files[kind], "".join(lines))
    return files
