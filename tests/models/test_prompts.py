"""Prompts: the same for the same seed, and with answers that are right."""

import random
import re
from collections import Counter
from itertools import islice

import pytest

from ptgraph.models.training.prompts import PROMPTS, Prompt, arithmetic, multiple_choice, word_problems

COUNT = 500

# Any textbook's table; the generator has its own.
CAUSES = {
    "vitamin A": "night blindness",
    "vitamin C": "scurvy",
    "vitamin D": "rickets",
    "vitamin K": "poor clotting",
    "thiamine": "beriberi",
    "niacin": "pellagra",
    "iodine": "goitre",
    "iron": "anaemia",
}


def take(task: str, seed: int = 0, count: int = COUNT) -> list[Prompt]:
    return list(islice(PROMPTS[task](seed), count))


@pytest.mark.parametrize("task", PROMPTS)
def test_the_same_seed_gives_the_same_prompts(task: str) -> None:
    random.seed(1)
    first = take(task, seed=3)
    random.seed(2)
    assert take(task, seed=3) == first
    assert take(task, seed=4) != first
    assert len({prompt.text for prompt in first}) > 50  # and not the same one again and again


@pytest.mark.parametrize("task", PROMPTS)
def test_a_prompt_ends_where_the_answer_belongs(task: str) -> None:
    for prompt in take(task):
        assert prompt.text.startswith("Question: ")
        assert prompt.text.endswith("\nAnswer:")


def test_sums_are_right() -> None:
    signs = Counter[str]()
    for prompt in take("arithmetic"):
        found = re.fullmatch(r"Question: What is (\d+) ([+-]) (\d+)\?\nAnswer:", prompt.text)
        assert found
        a, sign, b = int(found[1]), found[2], int(found[3])
        assert int(prompt.answer) == (a + b if sign == "+" else a - b) >= 0
        assert max(a, b) <= 9
        signs[sign] += 1
    assert min(signs["+"], signs["-"]) > COUNT / 3


def test_sums_are_as_large_as_asked_for() -> None:
    numbers = [int(n) for prompt in islice(arithmetic(0, 99), COUNT) for n in re.findall(r"\d+", prompt.text)]
    assert 90 < max(numbers) <= 99


def test_word_problems_are_right() -> None:
    for prompt in take("word-problems"):
        has, gains, gives = map(int, re.findall(r"\d+", prompt.text))
        assert int(prompt.answer) == has + gains - gives > 0
        things = re.findall(r"apples|books|coins|shells", prompt.text)
        assert len(things) == 2
        assert len(set(things)) == 1


def test_word_problems_are_as_large_as_asked_for() -> None:
    for prompt in islice(word_problems(0, 3), COUNT):
        assert max(map(int, re.findall(r"\d+", prompt.text)[:2])) <= 3


@pytest.mark.parametrize("options", [2, 4, 8])
def test_exactly_one_option_is_right(options: int) -> None:
    answers = Counter[str]()
    for prompt in islice(multiple_choice(0, options), COUNT):
        question, *lines, _ = prompt.text.splitlines()
        lack = re.fullmatch(r"Question: Which follows from a lack of (.+)\?", question)
        assert lack
        shown = dict(line.split(". ", 1) for line in lines)
        assert tuple(shown) == prompt.choices
        assert len(set(shown.values())) == options
        assert [letter for letter, disease in shown.items() if disease == CAUSES[lack[1]]] == [prompt.answer]
        answers[prompt.answer] += 1
    assert set(answers) == set(prompt.choices)
    deviation = (COUNT * (1 / options) * (1 - 1 / options)) ** 0.5
    assert all(abs(count - COUNT / options) < 4 * deviation for count in answers.values())


@pytest.mark.parametrize("form", ["{}", " {}", " {}.", "\nThe answer is {}."])
@pytest.mark.parametrize("task", PROMPTS)
def test_the_right_answer_is_worth_one_and_every_other_nothing(task: str, form: str) -> None:
    for prompt in take(task, count=100):
        if prompt.choices:
            wrong = [choice for choice in prompt.choices if choice != prompt.answer]
        else:
            wrong = [str(int(prompt.answer) + by) for by in (-10, -2, -1, 1, 2, 10)]
        assert prompt.reward(form.format(prompt.answer), prompt.answer) == 1.0
        for answer in (*wrong, ""):
            assert prompt.reward(form.format(answer), prompt.answer) == 0.0
