"""Searching in titles and messages: words as patterns that PostgreSQL and SQLite understand alike.

Each character with an upper and a lower case becomes a choice of both. So it does not matter which alphabets the
database's locale knows: `LIKE` and `lower()` of SQLite, and of PostgreSQL with the locale C, know A to Z only.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from live_inbox.errors import InvalidInput
from live_inbox.storable import is_storable_text

MAX_LENGTH = 100
"""Characters of a search."""

MAX_WORDS = 8

_SPECIAL = frozenset("\\^$.|?*+()[]{}-")

_OPERATORS = {"postgresql": "~", "sqlite": "REGEXP"}


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a search, none for blanks; raise InvalidInput if it is too long or not text."""
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"text must have {MAX_LENGTH} characters at most.", field="text")
    if not is_storable_text(text):
        raise InvalidInput("text has a character that no notification can have.", field="text")
    words = tuple(dict.fromkeys(unicodedata.normalize("NFC", text).split()))
    if len(words) > MAX_WORDS:
        raise InvalidInput(f"text must have {MAX_WORDS} words at most.", field="text")
    return words


@lru_cache(maxsize=256)
def pattern_of(word: str) -> str:
    """Return the regular expression for a text that has the word in it, in upper or lower case."""
    return "".join(map(_either_case, word))


def _either_case(character: str) -> str:
    # Twice, for characters with two lower cases, as the Greek sigma.
    cases = {character}
    for _ in range(2):
        cases |= {other for each in cases for other in (each.lower(), each.upper())}
    cases = {each for each in cases if len(each) == 1}
    if len(cases) > 1:
        return f"[{''.join(sorted(cases))}]"
    return f"\\{character}" if character in _SPECIAL else character


def has_words(count: int, vendor: str) -> str:
    """Return the condition that so many words are in the title or the message: two patterns as parameters for each."""
    operator = _OPERATORS[vendor]
    return f' AND ("title" {operator} %s OR "message" {operator} %s)' * count
