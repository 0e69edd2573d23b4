"""The limits of documents, and the cache for good ones."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_introspection_query, parse

from live_inbox_graphql.context import Context
from live_inbox_graphql.document_limits import MAX_REPEATS, excesses
from live_inbox_graphql.documents import (
    MAX_REMEMBERED_CHARACTERS,
    DocumentCache,
)
from live_inbox_graphql.schema import build
from tests.changed_settings import changed_settings
from tests.graphql.own_schema import schema


def nested(depth: int) -> str:
    """Return a query of that depth that has nothing to do with the schema."""
    return "{" + "a{" * (depth - 1) + "b" + "}" * depth


def messages(text: str) -> list[str]:
    return [error.message for error in excesses(parse(text))]


TOO_DEEP = ["The document is nested more than 12 levels deep."]
TOO_MANY_ALIASES = ["The document has more than 30 aliases."]
TOO_REPETITIVE = ["The document has a field more than 50 times."]
TOO_MANY_FRAGMENTS = ["The document repeats too many fields in too many fragments."]
TOO_LONG_NAMES = ["The document has a name of more than 128 characters."]
LONGEST, TOO_LONG = "x" * 128, "x" * 129


def chain(count: int) -> str:
    """Return fragments each of which spreads all later ones."""
    spreads = [" ".join(f"...F{m}" for m in range(n + 1, count)) for n in range(count)]
    return "{...F0}" + "".join(f"fragment F{n} on Q{{a {each}}}" for n, each in enumerate(spreads))


def repeated(count: int) -> str:
    """Return fragments that select the same three fields below the same parent."""
    spreads = "".join(f"...F{n} " for n in range(count))
    fragments = "".join(f"fragment F{n} on Q{{a{{b c}} d{{e}}}}" for n in range(count))
    return "{" + spreads + "}" + fragments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (nested(12), []),
        (nested(13), TOO_DEEP),
        (nested(50), TOO_DEEP),
        # Fragments and inline fragments are no levels, but what is in them is.
        ("{...F} fragment F on Q " + nested(12), []),
        ("{...F} fragment F on Q " + nested(13), TOO_DEEP),
        ("{a{...F}} fragment F on Q " + nested(12), TOO_DEEP),
        ("{...on Q{... on Q" + nested(12) + "}}", []),
        ("{" + " ".join(f"a{n}:b" for n in range(30)) + "}", []),
        ("{" + " ".join(f"a{n}:b" for n in range(31)) + "}", TOO_MANY_ALIASES),
        # Counted where fragments are spread, not where they stand.
        ("{a{...F} b{...F}} fragment F on Q{" + " ".join(f"a{n}:b" for n in range(15)) + "}", []),
        (
            "{a{...F} b{...F}} fragment F on Q{" + " ".join(f"a{n}:b" for n in range(16)) + "}",
            TOO_MANY_ALIASES,
        ),
        ("query A{a:b} query B{" + " ".join(f"a{n}:b" for n in range(30)) + "}", TOO_MANY_ALIASES),
        ("{" + "a " * MAX_REPEATS + "}", []),
        ("{" + "a " * (MAX_REPEATS + 1) + "}", TOO_REPETITIVE),
        ("{" + "b{a}" * MAX_REPEATS + "a}", TOO_REPETITIVE),
        # Wherever they stand: validation looks at fragments that are not used, or named alike, as well.
        ("{b} fragment F on Q{" + "a " * (MAX_REPEATS + 1) + "}", TOO_REPETITIVE),
        (
            "{...F} fragment F on Q{" + "a " * MAX_REPEATS + "} fragment F on Q{... on Q{a}}",
            TOO_REPETITIVE,
        ),
        (get_introspection_query(), []),
        # Validation compares fragments with each other, and the fields of each with those of all others.
        (chain(30), []),
        (chain(38), TOO_MANY_FRAGMENTS),
        (repeated(25), []),
        (repeated(45), TOO_MANY_FRAGMENTS),
        # Results repeat aliases, and errors repeat names.
        (f"query {LONGEST}(${LONGEST}:Int){{{LONGEST}:a(b:{LONGEST})}}", []),
        *[
            (text.replace("N", TOO_LONG), TOO_LONG_NAMES)
            for text in (
                "query N{a}",
                "query($N:Int){a}",
                "query($a:N){a}",
                "{N}",
                "{N:a}",
                "{a{N:b}}",
                "{a(N:1)}",
                "{a(b:{N:1})}",
                "{a(b:[N])}",
                "{a(b:$N)}",
                "{a@N}",
                "{a@skip(if:$N)}",
                "{...on N{a}}",
                "{a}fragment N on Q{a}",
                "{a}fragment F on Q{...on Q{N}}",
            )
        ],
        # Values have no limit of their own.
        (f'{{a(b:"{TOO_LONG}")}}', []),
        # Nonsense, which is for validation to say.
        ("{...Nowhere}", []),
        ("{...F} fragment F on Q{a{...F}}", []),
        ("{...F} fragment F on Q{...G} fragment G on Q{...F}", []),
    ],
)
def test_limits(text: str, expected: list[str]) -> None:
    assert messages(text) == expected


def test_fragments_that_double_are_counted_once_each() -> None:
    """A walk along every spread would take 2 to the power of 150 steps."""
    doubling = "".join(f"fragment F{n} on Q{{...F{n + 1} ...F{n + 1}}}" for n in range(150))
    found = messages("{...F0}" + doubling + "fragment F150 on Q{x:a}")
    assert found == [*TOO_MANY_ALIASES, *TOO_MANY_FRAGMENTS]


def test_a_long_chain_of_fragments_is_an_error_and_no_crash() -> None:
    chain = "".join(f"fragment F{n} on Q{{a{{...F{n + 1}}}}}" for n in range(2000))
    assert messages("{...F0}" + chain) == ["The document is nested too deeply."]


async def errors_of(text: str, name: str | None = None) -> list[dict[str, Any]]:
    result = await schema.execute(text, operation_name=name, context_value=Context(None))
    return [dict(error.formatted) for error in result.errors or []]


async def test_too_many_tokens_are_a_syntax_error() -> None:
    (error,) = await errors_of("{" + "a " * 2000 + "}")
    assert error["extensions"] == {"code": "GRAPHQL_PARSE_FAILED"}
    assert error["message"].startswith("Syntax Error: Document contains more than 2000 tokens")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{a", "GRAPHQL_PARSE_FAILED"),
        ("{" * 1000, "GRAPHQL_PARSE_FAILED"),
        ("\ud800", "GRAPHQL_PARSE_FAILED"),
        ("{nothing}", "GRAPHQL_VALIDATION_FAILED"),
        ("{...Nowhere}", "GRAPHQL_VALIDATION_FAILED"),
        (nested(13), "GRAPHQL_VALIDATION_FAILED"),
        ("{__typename ...F} fragment F on Query{...F}", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_bad_documents_have_their_codes(text: str, code: str) -> None:
    errors = await errors_of(text)
    assert {error["extensions"]["code"] for error in errors} == {code}


TWO = "query A { __typename } query B { b: __typename }"


async def test_of_several_operations_one_must_be_named() -> None:
    for _ in range(2):
        assert await errors_of(TWO) == [
            {
                "message": "The document has several operations: name the one to run.",
                "extensions": {"code": "OPERATION_RESOLUTION_FAILURE"},
            }
        ]
        result = await schema.execute(TWO, operation_name="B", context_value=Context(None))
        assert result.data == {"b": "Query"}


async def test_introspection_that_goes_in_circles_is_refused() -> None:
    circle = "fields{type{" * 4 + "name" + "}}" * 4
    with changed_settings(INTROSPECTION=True):
        (error,) = await errors_of("{__schema{types{" + circle + "}}}")
    assert error["message"] == "Maximum introspection depth exceeded"


class TestMemory:
    def test_what_is_remembered_is_recalled(self) -> None:
        cache = DocumentCache()
        document = parse("{a}")
        assert cache.get("{a}") is None
        for _ in range(2):
            cache.put("{a}", document)
            assert cache.get("{a}") is document
            assert len(cache) == 1

    def test_it_forgets_what_was_not_used_for_longest(self) -> None:
        cache = DocumentCache()
        document = parse("{a}")
        texts = [f"{number:8192}" for number in range(MAX_REMEMBERED_CHARACTERS // 8192)]
        for text in texts:
            cache.put(text, document)
        cache.get(texts[0])
        cache.put("a", document)
        assert len(cache) == len(texts)
        assert [cache.get(text) for text in texts[:3]] == [document, None, document]

    def test_long_documents_are_not_kept(self) -> None:
        cache = DocumentCache()
        cache.put("x" * 8193, parse("{a}"))
        assert len(cache) == 0

    async def test_a_document_is_parsed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        own = build()
        text = "query Q { __typename }"
        for _ in range(3):
            result = await own.execute(text, context_value=Context(None))
            assert result.data == {"__typename": "Query"}
            # From now on, only the cache knows the document.
            monkeypatch.setattr("strawberry.schema.schema.parse", None)

    async def test_a_bad_document_is_refused_again(self) -> None:
        own = build()
        for _ in range(2):
            result = await own.execute("{nothing}", context_value=Context(None))
            assert result.data is None
            assert result.errors is not None
