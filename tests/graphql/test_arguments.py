"""Positions, types, and the names that clients know."""

from __future__ import annotations

import pytest

from live_inbox.delivery.position import Position
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.services import SenderDeleted, SentMany
from live_inbox_graphql.arguments import named_by_client, parse_position, parse_types


def test_a_position_is_read() -> None:
    assert parse_position(None, field="after") is None
    assert parse_position("0", field="after") == Position("", 0)
    assert parse_position("abc.12", field="after") == Position("abc", 12)
    assert parse_position("abc.12.345", field="after") == Position("abc", 12, 345)


@pytest.mark.parametrize("text", ["", "1", "abc", "abc.", "abc.-1", "abc.1.2.3", "ABC.1", "\ud800"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_position(text, field="upTo")
    assert caught.value.field == "upTo"


def test_how_far_a_call_came_is_not_lost() -> None:
    deleted = SenderDeleted(SentMany(sent=3, suppressed=0), remaining=2)
    with pytest.raises(SenderDeleted) as caught, named_by_client("input"):
        raise deleted
    assert caught.value is deleted


def test_types_are_read() -> None:
    assert parse_types(None, field="types") is None
    assert parse_types([], field="types") == frozenset()
    assert parse_types(["a", "b.c", "a"], field="types") == frozenset({"a", "b.c"})


@pytest.mark.parametrize("types", [[""], ["a b"], ["a", "\x00"], ["x" * 65], ["a"] * 21])
def test_what_cannot_be_types_is_refused(types: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_types(types, field="filter.types")
    assert caught.value.field == "filter.types"


@pytest.mark.parametrize(
    ("inside", "names", "field", "expected"),
    [
        ("", {}, "title", "title"),
        ("", {}, "up_to", "upTo"),
        ("input", {}, "idempotency_key", "input.idempotencyKey"),
        ("input", {"limit": "first"}, "limit", "input.first"),
    ],
)
def test_fields_get_the_names_that_clients_know(
    inside: str, names: dict[str, str], field: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught, named_by_client(inside, **names):
        raise InvalidInput("No.", field=field)
    assert caught.value.field == expected


def test_messages_name_the_field_as_the_client_does() -> None:
    with pytest.raises(InvalidInput) as caught, named_by_client("input"):
        raise InvalidInput("idempotency_key must be short.", field="idempotency_key")
    assert caught.value.message == "idempotencyKey must be short."


def test_other_errors_pass() -> None:
    with pytest.raises(Conflict), named_by_client("input"):
        raise Conflict("No.")
