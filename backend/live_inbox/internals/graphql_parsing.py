"""graphql-core's parser, which gives way to other threads as it goes, and whose documents are in no reference cycle.

- A thread that computes keeps the interpreter from all others for as long as a turn of threads is. A parser that pauses
  leaves it to them.
- Each token refers to the one before and to the one after. So a document would stay until a garbage collection, which
  takes a tenth of a second where hundreds of documents wait for it. Nothing reads what comes before a token.

What this relies on: `Parser` with `advance_lexer` and `parse_document`, and `prev` and `next` of tokens. Where they are
not, the parser does not pause. Tested with graphql-core 3.2 and 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import DocumentNode, Source, parse
from graphql.language import parser

TOKENS_AT_ONCE = 64
"""Between two pauses: an eighth of a millisecond."""

_Parser: Any = getattr(parser, "Parser", None)
_CAN_PAUSE = hasattr(_Parser, "advance_lexer") and hasattr(_Parser, "parse_document")


def parse_document(
    text: str, *, max_tokens: int, give_way: Callable[[], None] | None = None
) -> DocumentNode:
    """Return a document; call `give_way` again and again meanwhile. Raises GraphQLError and RecursionError."""
    if give_way is None or not _CAN_PAUSE:
        document = parse(text, max_tokens=max_tokens)
    else:
        document = _pausing(text, max_tokens, give_way)
    _cut_cycles(document)
    return document


def _pausing(text: str, max_tokens: int, give_way: Callable[[], None]) -> DocumentNode:
    made = _Parser(Source(text), max_tokens=max_tokens)
    advance, tokens = made.advance_lexer, 0

    def advance_and_pause() -> None:
        nonlocal tokens
        tokens += 1
        if tokens % TOKENS_AT_ONCE == 0:
            give_way()
        advance()

    made.advance_lexer = advance_and_pause
    try:
        document: DocumentNode = made.parse_document()
        return document
    finally:
        # It would be in a cycle with this function.
        del made.advance_lexer


def _cut_cycles(document: DocumentNode) -> None:
    token: Any = document.loc and document.loc.start_token
    while token is not None:
        token.prev = None
        token = token.next
