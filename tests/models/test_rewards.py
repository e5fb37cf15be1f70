"""The rewards, on answers as models really write them."""

import signal
from collections.abc import Iterator

import pytest

from ptgraph.models.training.rewards import chosen_letter, last_number

LONG = 10_000


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("42", "42"),
        (" 42\n", "42"),
        ("3 + 4 = 7", "7"),
        ("First 12, then 7.", "7"),
        ("The answer is 7.", "7"),
        ("7!", "7"),
        ("**7**", "7"),
        ("it is...\n7", "7"),
        # signs
        ("-5", "-5"),
        ("\N{MINUS SIGN}5", "-5"),
        ("+5", "5"),
        ("x = -5", "-5"),
        ("(-5)", "-5"),
        ("10 + -5", "-5"),
        ("7-3", "3"),
        ("7 - 3", "3"),
        ("(7)-3", "3"),
        ("a[7]-3", "3"),
        ("GPT-4", "4"),
        ("between 3-5", "5"),
        ("-0", "0"),
        # thousands
        ("1,234", "1234"),
        ("1,234,567", "1234567"),
        ("1,234.50", "1234.5"),
        ("12,345", "12345"),
        ("1234", "1,234"),
        # lists
        ("1,2,3", "3"),
        ("1, 2, 3", "3"),
        ("1,234,5", "5"),
        ("1234,567", "567"),
        # decimals
        ("0.5", ".5"),
        ("7.0", "7"),
        ("7.50", "7.5"),
        ("007", "7"),
        ("-.5", "-0.5"),
        # exponents
        ("1e3", "1000"),
        ("1.5E+3", "1500"),
        ("5e-1", "0.5"),
        ("+1e3", "1,000.0"),
        ("2e", "2"),
        # units and signs glued on
        ("$1000.", "1000"),
        ("-$5", "-5"),
        ("€3.50", "3.5"),
        ("50%", "50"),
        ("12kg", "12"),
        ("12:30", "30"),
        ("20°C", "20"),
        ("5th", "5"),
        ("2^10=1024", "1024"),
        # what is no number
        ("7 (see v1.2)", "7"),
        ("7 in version 1.2.3", "7"),
        ("7 on 1.2.2024", "7"),
        ("7 as in R2D2", "7"),
        ("7 as in 1_000", "7"),
        ("7 or \N{ARABIC-INDIC DIGIT THREE}", "7"),
        ("7 or \N{FULLWIDTH DIGIT FIVE}", "7"),
        # exactly, however long
        ("9" * LONG, "9" * LONG),
        ("0." + "3" * LONG, "0." + "3" * LONG),
        ("x" * LONG + " 7", "7"),
        ("1e99999", "1e99999"),
    ],
)
def test_the_last_number_is_right(completion: str, answer: str) -> None:
    assert last_number(completion, answer) == 1.0


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("", "7"),
        ("seven", "7"),
        ("7 or 8", "7"),
        ("8", "7"),
        ("77", "7"),
        ("5", "-5"),
        ("-5", "5"),
        ("-$5", "5"),
        ("7-3", "-3"),
        ("7.0000001", "7"),
        ("0.30000000000000004", "0.3"),
        ("1,234", "234"),
        ("1,234", "1"),
        ("1.2.3", "1.2"),
        ("1.2.3", "3"),
        ("v1.2", "1.2"),
        ("1_000", "1"),
        ("1e3.5", "1"),
        ("1e999999999999999999999", "7"),
        ("7\N{ARABIC-INDIC DIGIT THREE}", "7"),
        ("\N{FULLWIDTH DIGIT SEVEN}", "7"),
        ("nan", "7"),
        ("Infinity", "7"),
        ("9" * LONG, "9" * (LONG - 1) + "8"),
        ("x" * LONG, "7"),
    ],
)
def test_the_last_number_is_wrong(completion: str, answer: str) -> None:
    assert last_number(completion, answer) == 0.0


@pytest.mark.parametrize(
    "completion",
    [
        "B",
        " B\n",
        "B.",
        "B)",
        "(B)",
        "[B]",
        "**B**",
        "(B) scurvy",
        "B. scurvy",
        "B: scurvy",
        "B\n\nBecause of vitamin C.",
        "Because of vitamin C:\nB",
        "#### B",
        "The answer is B",
        "The answer is B.",
        "The answer is: B",
        "The answer is (B) scurvy.",
        "the ANSWER IS B",
        "Answer: B",
        "Answer = B",
        "answer B",
        "Answer:\n\nB",
        "**Answer:** B",
        "Answer: **B**",
        "The answer is B, vitamin C.",
        "The answer is B. A lack of vitamin C does it.",
        "The answer is B. I am sure.",
        "The answer is B\nC is a different thing",
        "A. night blindness\nB. scurvy\nThe answer is B.",
        "The answer is A. No: the answer is B.",
        "A fever is no sign of it, so the answer is B.",
        "Vitamin D has nothing to do with it. Answer: B",
        "C\nThe answer is B",  # what is stated counts before what stands alone
        "B\nB",
        "x " * (LONG // 2) + "The answer is B",
        "B" + "\n" * LONG,
    ],
)
def test_b_is_chosen(completion: str) -> None:
    assert chosen_letter(completion, "B") == 1.0
    assert chosen_letter(completion, "C") == 0.0


@pytest.mark.parametrize(
    "completion", ["A", "The answer is A.", "Answer: A", "The answer is A because", "A. fever", "answer: A, a fever"]
)
def test_a_is_a_letter_too(completion: str) -> None:
    assert chosen_letter(completion, "A") == 1.0


@pytest.mark.parametrize(
    "completion",
    [
        "",
        " ",
        "scurvy",
        # a letter that is a word, or a part of one
        "A fever",
        "A fever is the answer",
        "The answer is A fever",
        "Vitamin D",
        "The answer is Vitamin D",
        "The answer is vitamin C",
        "The answer is B12",
        "Answer: Because",
        "Bad",
        "C'est la vie",
        "Answer: D'accord",
        # no single choice
        "B or C",
        "The answer is B or C",
        "The answer is B or maybe C",
        "The answer is B. Or C.",
        "The answer is B, C",
        "The answer is B/C",
        "The answer is B and C",
        "The answer is either B or C",
        "A\nB\nC\nD",
        "A.\nB.\nC.\nD.",
        "A)\nB)",
        "B.\nC.",
        "(A) night blindness\n(B) scurvy",
        "A. night blindness\nB. scurvy\nC. rickets\nD. goitre",
        # not said, or denied
        "The answer is not B",
        "The answer isn't B",
        "Answers: A, B",
        "B is a good letter",
        "I think B",
        # lower case is a word like any other
        "b",
        "(b)",
        "answer: b",
        "ABCD",
        "x" * LONG,
    ],
)
def test_nothing_is_chosen(completion: str) -> None:
    for letter in "ABCD":
        assert chosen_letter(completion, letter) == 0.0


@pytest.fixture
def ten_seconds() -> Iterator[None]:
    """Fail, and do not hang, if a test computes for ten seconds; it is done in one thousandth of that."""

    def fail(*signal: object) -> None:
        raise TimeoutError("ten seconds of computing")

    before = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, 10)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("ten_seconds")
@pytest.mark.parametrize("start", ["", "answer", "#### B", "B)", "1"])
@pytest.mark.parametrize(
    "unit", ["9", ",", ".", "-", " ", "\n", "(", "*", "#", "B", "1.", "1e", "111,", "answer ", "answer is B ", "A.\n"]
)
def test_no_answer_takes_long_to_judge(unit: str, start: str) -> None:
    """At ten times the length that an answer may have, a time that grows with its square is minutes."""
    completion = start + unit * (10 * LONG)
    assert last_number(completion, "0.7") == 0.0
    assert chosen_letter(completion, "Z") == 0.0
