"""Questions whose answers can be checked: what reinforcement learning practises on."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from .rewards import chosen_letter, last_number

__all__ = ["PROMPTS", "Prompt", "arithmetic", "multiple_choice", "word_problems"]


@dataclass(frozen=True)
class Prompt:
    """A question, its answer, and how a completion is judged: `reward(completion, answer)`."""

    category: ClassVar[str] = "Data pipeline"

    text: str
    answer: str
    reward: Callable[[str, str], float]
    choices: tuple[str, ...] = ()  # every answer that there could be; none if it is a number


def arithmetic(seed: int, largest: int = 9) -> Iterator[Prompt]:
    """Sums and differences of two whole numbers up to `largest`, without end."""
    draw = random.Random(f"arithmetic {seed}")
    while True:
        a, b = draw.randint(0, largest), draw.randint(0, largest)
        if draw.random() < 0.5:
            yield _number(f"What is {a} + {b}?", a + b)
        else:
            a, b = max(a, b), min(a, b)
            yield _number(f"What is {a} - {b}?", a - b)


def word_problems(seed: int, largest: int = 20) -> Iterator[Prompt]:
    """Problems of two steps in words, in the manner of GSM8K (Cobbe et al., 2021), without end."""
    draw = random.Random(f"word problems {seed}")
    while True:
        name, thing = draw.choice(("Ada", "Ben", "Clara", "Farid")), draw.choice(("apples", "books", "coins", "shells"))
        a, b = draw.randint(2, largest), draw.randint(2, largest)
        c = draw.randint(1, a + b - 1)
        question = draw.choice(
            (
                f"{name} has {a} {thing} and finds {b} more. Then {name} gives away {c}.",
                f"There are {a} {thing} in one bag and {b} in another. {name} takes out {c}.",
            )
        )
        yield _number(f"{question} How many {thing} are left?", a + b - c)


def multiple_choice(seed: int, options: int = 4) -> Iterator[Prompt]:
    """Questions on vitamins with lettered options, in the manner of MedQA (Jin et al., 2021), without end."""
    draw = random.Random(f"multiple choice {seed}")
    diseases = list(_LACKING)
    while True:
        shown = draw.sample(diseases, options)
        right = draw.randrange(options)
        letters = tuple("ABCDEFGHIJ"[:options])
        lines = [f"{letter}. {disease}" for letter, disease in zip(letters, shown, strict=True)]
        question = f"Which follows from a lack of {_LACKING[shown[right]]}?"
        yield Prompt("\n".join([f"Question: {question}", *lines, "Answer:"]), letters[right], chosen_letter, letters)


_LACKING = {
    "scurvy": "vitamin C",
    "rickets": "vitamin D",
    "night blindness": "vitamin A",
    "beriberi": "thiamine",
    "pellagra": "niacin",
    "goitre": "iodine",
    "anaemia": "iron",
    "poor clotting": "vitamin K",
}

PROMPTS: dict[str, Callable[[int], Iterator[Prompt]]] = {
    "arithmetic": arithmetic,
    "word-problems": word_problems,
    "multiple-choice": multiple_choice,
}


def _number(question: str, answer: int) -> Prompt:
    return Prompt(f"Question: {question}\nAnswer:", str(answer), last_number)
