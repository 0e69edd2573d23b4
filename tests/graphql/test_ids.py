"""Ids, and what clients write instead of ids."""

from __future__ import annotations

import pytest

from live_inbox.errors import InvalidInput, NotFound
from live_inbox_graphql.ids import notification_id, parse_notification_id, parse_user_id, user_id

LARGEST = 2**63 - 1


def test_a_notifications_id_is_its_number() -> None:
    assert notification_id(7) == "7"
    assert parse_notification_id("7") == 7
    assert parse_notification_id(str(LARGEST)) == LARGEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "+1",
        "07",
        " 7",
        "7 ",
        "7.0",
        "1e3",
        "x",
        "user:7",
        "\u0667",
        "7\n",
        "\x00",
        str(LARGEST + 1),
        "9" * 5000,
        "�",
    ],
)
def test_what_cannot_be_a_notifications_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound, match=r"^You have no such notification\.$"):
        parse_notification_id(text)


def test_a_users_id_has_a_prefix_and_the_plain_key_will_do() -> None:
    assert user_id("7") == "user:7"
    assert parse_user_id("user:7", field="x") == "7"
    assert parse_user_id("7", field="x") == "7"


def test_a_users_key_has_one_form() -> None:
    assert parse_user_id("user:007", field="x") == "7"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user:",
        "user:user:7",
        "user:x",
        "x",
        "7.5",
        "User:7",
        "7\n",
        "\x007",
        "�",
        str(2**63),
        "9" * 5000,
    ],
)
def test_what_cannot_be_a_users_key_is_no_user(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_user_id(text, field="input.recipientId")
    assert (caught.value.message, caught.value.field) == (
        "There is no such user.",
        "input.recipientId",
    )
