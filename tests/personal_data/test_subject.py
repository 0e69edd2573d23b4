"""Which parts of stored content name a user, and what is left of them."""

from __future__ import annotations

from typing import Any

import pytest

from live_inbox.personal_data.subject import DataSubject

JANE = DataSubject(7, "7", "auth.user")
BOB = {"user": "8", "name": "Bob"}


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        ({}, {}),
        ({"sender": None, "actor": None, "target": None, "group_actors": None}, {}),
        ({"sender": {"id": "7", "username": "jane", "name": "Jane"}}, {"sender": None}),
        ({"sender": {"id": 7}}, {"sender": None}),
        ({"sender": {"id": "77"}}, {}),
        ({"actor": {"user": "7", "name": "Jane", "picture": "/jane.png"}}, {"actor": None}),
        ({"actor": {"name": "Jane"}}, {}),
        ({"actor": {"name": "7"}}, {}),
        ({"target": {"type": "auth.user", "id": "7"}}, {"target": None}),
        ({"target": {"type": "shop.order", "id": "7"}}, {}),
        ({"group_actors": [BOB, {"user": "7", "name": "J"}]}, {"group_actors": [BOB]}),
        ({"group_actors": [{"user": "7", "name": "J"}]}, {"group_actors": None}),
        ({"group_actors": [BOB]}, {}),
        ({"title": "7", "data": {"user": "7"}}, {}),
    ],
)
def test_what_is_left_of_the_parts(parts: dict[str, Any], left: dict[str, Any]) -> None:
    assert JANE.without_mentions(parts) == left


def test_several_parts_at_once() -> None:
    parts = {"sender": {"id": "7"}, "actor": {"user": "7"}, "target": None}
    assert JANE.without_mentions(parts) == {"sender": None, "actor": None}


@pytest.mark.parametrize(
    ("stored", "is_theirs"), [(7, True), ("7", True), ("07", False), (None, False), (17, False)]
)
def test_a_key_is_stored_as_a_number_or_as_its_text(stored: object, is_theirs: bool) -> None:
    assert JANE.is_key(stored) is is_theirs
