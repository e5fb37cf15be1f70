"""Is the answer right? Exact rewards: 1 for yes, 0 for no, and no in doubt."""

import re
from decimal import Decimal, InvalidOperation

__all__ = ["chosen_letter", "last_number"]

# A sign belongs to a number unless a letter, a digit or a bracket stands before it: "7-3" holds 7 and 3. No part of
# a version, "1.2.3", is a number. Possessive (`++`), so that no long answer takes long to read.
_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<![)\]])[-+\N{MINUS SIGN}][$€£]?)?"
    r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})++(?!,?[0-9])|[0-9]++)(?:\.[0-9]++)?+|\.[0-9]++)(?:[eE][-+]?[0-9]++)?+(?![._]?\d)"
)
_A_WORD = r"A(?! (?!because|since|as|is|and)[a-z])"  # "A fever is …" chooses nothing
_ONLY = r"(?!['’\w])(?!\W*(?i:or)\b)(?![^\w.\n]*(?:and\W+)?[A-Z]\b)"  # "B or C", "B, C" and "B and C" choose nothing
_STATED = re.compile(rf"(?i:\banswer(?:\s+is)?|####)[\s*]*+[:=]?+[\s(*\[]*+({_A_WORD}|[B-Z]){_ONLY}")
_ALONE = re.compile(r"^[^\w\n]*+([A-Z])(?:[).:\]*]++(?:[^\S\n].*)?)?[^\S\n]*$", re.MULTILINE)


def last_number(completion: str, answer: str) -> float:
    """1.0 if the last number in the completion equals the answer, else 0.0.

    Numbers are compared by value, not by spelling: `1,000.0`, `+1e3` and `$1000.` are the same one.
    """
    numbers = _NUMBER.findall(completion)
    try:
        return float(bool(numbers) and _value(numbers[-1]) == _value(answer))
    except InvalidOperation:  # an exponent beyond all bounds
        return 0.0


def chosen_letter(completion: str, answer: str) -> float:
    """1.0 if the completion chooses the option of this letter, else 0.0.

    The last choice that is stated counts: `the answer is B`, `Answer: (B)`, `#### B`. Without one, a line that is
    only an option does, `B` or `(B) scurvy`, if no other line is another: a list of the options is no choice.
    A letter within a sentence, such as in `Vitamin D`, never counts.
    """
    chosen = _STATED.findall(completion)[-1:] or set(_ALONE.findall(completion))
    return float(list(chosen) == [answer])


def _value(number: str) -> Decimal:
    return Decimal(re.sub("[,$€£]", "", number).replace("\N{MINUS SIGN}", "-"))
