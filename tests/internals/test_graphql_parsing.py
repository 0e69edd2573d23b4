"""The parser pauses, makes what graphql-core's own makes, and leaves no cycles."""

from __future__ import annotations

import gc

import pytest
from graphql import GraphQLError, parse, print_ast

from live_inbox.internals import graphql_parsing
from live_inbox.internals.graphql_parsing import TOKENS_AT_ONCE, parse_document

pytestmark = pytest.mark.stack("embedded")

FIELDS = 200
TEXT = "query Q($a: Int = 1) { " + " ".join(f"f{n}(x: $a)" for n in range(FIELDS)) + ' # "}"\n}'
TOKENS = 2 + 8 + 2 + 7 * FIELDS
"""Without the comment, which is no token of the grammar."""


class Pauses:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize("can_pause", [True, False])
def test_the_document_is_that_of_graphql_core(
    monkeypatch: pytest.MonkeyPatch, can_pause: bool
) -> None:
    monkeypatch.setattr(graphql_parsing, "_CAN_PAUSE", can_pause)
    pauses = Pauses()
    document = parse_document(TEXT, max_tokens=5000, give_way=pauses)
    assert document == parse(TEXT)
    assert print_ast(document) == print_ast(parse(TEXT))
    assert (pauses.count > 0) is can_pause


def test_it_pauses_after_so_many_tokens() -> None:
    pauses = Pauses()
    parse_document(TEXT, max_tokens=5000, give_way=pauses)
    assert pauses.count == TOKENS // TOKENS_AT_ONCE


def test_without_anybody_to_give_way_to() -> None:
    assert parse_document("{ a }", max_tokens=10) == parse("{ a }")


@pytest.mark.parametrize("give_way", [None, Pauses()])
def test_errors_are_those_of_graphql_core(give_way: Pauses | None) -> None:
    for text, most in (("{ a", 100), (TEXT, 100), ("", 100), ('{ a(b: "', 100)):
        with pytest.raises(GraphQLError) as expected:
            parse(text, max_tokens=most)
        with pytest.raises(GraphQLError) as error:
            parse_document(text, max_tokens=most, give_way=give_way)
        assert error.value.formatted == expected.value.formatted


@pytest.mark.parametrize("give_way", [None, Pauses()])
def test_a_document_is_freed_as_soon_as_nobody_has_it(give_way: Pauses | None) -> None:
    parse_document(TEXT, max_tokens=5000, give_way=give_way)
    gc.collect()
    gc.disable()
    try:
        parse_document(TEXT, max_tokens=5000, give_way=give_way)
        assert gc.collect() == 0
    finally:
        gc.enable()
