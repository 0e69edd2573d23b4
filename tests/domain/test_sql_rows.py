"""What goes into a statement as one document comes out as the rows it was made of, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from live_inbox import selectors, services
from live_inbox.delivery.log import LogRange
from live_inbox.errors import InvalidInput
from live_inbox.models import InboxEvent, Notification
from live_inbox.services import bulk_sending, users
from live_inbox.sql_rows import key_type, key_value, rows_of
from tests.domain.conftest import VerifyEvents

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
NUMBER = st.integers(-(2**63), 2**63 - 1)
ROW = st.tuples(NUMBER, TEXT, st.none() | NUMBER)


def select(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    columns = {"number": "bigint", "label": "text", "other": "bigint"}
    given, document = rows_of(connections["default"], columns, rows)
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT number, label, other FROM {given}", [document])
        return list(cursor.fetchall())


@pytest.mark.django_db
@given(st.lists(ROW, max_size=5))
def test_rows_come_out_as_they_went_in(rows: list[tuple[Any, ...]]) -> None:
    assert select(rows) == rows


@pytest.mark.django_db
def test_thousands_of_rows_are_one_parameter() -> None:
    rows = [(n, f"row {n}", None) for n in range(50_000)]
    assert select(rows) == rows


def test_a_row_that_lacks_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        rows_of(connections["default"], {"number": "bigint", "label": "text"}, [(1,)])


def test_the_keys_of_users_are_what_the_column_holds() -> None:
    connection = connections["default"]
    assert key_type(connection) == "integer"
    assert key_value(connection, "7") == key_value(connection, 7) == 7


CONTENTS = [
    {"text": "quotes \" ' and \\ and %s and %(a)s", "lines": "a\nb\r\tc\x1f\x7f"},
    {"wide": "é 漢字 \u2028 \U0001f600", "é": None},
    {"small": 1e-7, "zero": 0.0, "half": 0.5, "whole": 1.0, "negative": -2.25},
    {"large": 2**63 - 1, "larger": 2**64 - 1, "lowest": -(2**63)},
    {"nested": [[[{"a": [True, False, None]}]], {}, []]},
    {"$.payload": "$[0]", "": "", "a.b": {"c'd": 1}},
]


@pytest.mark.parametrize("data", CONTENTS, ids=lambda data: next(iter(data)))
@pytest.mark.parametrize("is_bulk", [False, True])
def test_any_content_is_kept_by_the_row_the_log_and_the_doorbell(
    alice: User, verify_events: VerifyEvents, data: dict[str, Any], is_bulk: bool
) -> None:
    title, message = "100% of 'these' \\ \"those\"", "a\nb %s {} \U0001f600"
    with verify_events(alice) as bell:
        if is_bulk:
            services.send_many(recipient_ids=[alice.pk], title=title, message=message, data=data)
        else:
            services.send(recipient_id=alice.pk, title=title, message=message, data=data)
    notification = Notification.objects.get()
    (event,) = bell.events(alice.pk)
    assert selectors.events([LogRange(str(alice.pk), 0)], limit=1) == [[event]]
    assert event.notification == services.snapshot(notification)
    assert (notification.title, notification.message, notification.data) == (title, message, data)
    assert InboxEvent.objects.get().payload["notification"]["data"] == data


@pytest.mark.django_db
def test_the_copies_of_a_bulk_have_ids_of_their_own_inboxes(verify_events: VerifyEvents) -> None:
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(30))
    services.send_many(recipient_ids=[user.pk for user in users[::2]], title="first")
    with verify_events(*users):
        services.send_many(recipient_ids=[user.pk for user in users], title="second")
    for user in users:
        rows = list(Notification.objects.filter(recipient=user).order_by("id"))
        events = list(InboxEvent.objects.filter(inbox=user.pk).order_by("sequence"))
        assert [row.pk for row in rows] == [event.notification_id for event in events]
        assert [row.added_sequence for row in rows] == [event.sequence for event in events]


def test_who_turns_a_type_off_while_a_bulk_goes_out_is_passed_over(
    alice: User, bob: User, verify_events: VerifyEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wish is read by the statement that numbers the inbox, not before."""
    count_users = users.count_users

    def turn_off(user_ids: Any) -> int:
        services.set_preference(user_id=bob.pk, type="news", enabled=False)
        return count_users(user_ids)

    monkeypatch.setattr(bulk_sending, "count_users", turn_off)
    with verify_events(alice, bob) as bell:
        sent = services.send_many(recipient_ids=[alice.pk, bob.pk], title="x", type="news")
    assert sent == services.SentMany(sent=1, suppressed=1)
    assert bell.events(bob.pk) == []


@pytest.mark.parametrize("field", ["recipient_id", "sender_id"])
def test_of_two_users_the_one_who_does_not_exist_is_named(alice: User, field: str) -> None:
    users: dict[str, Any] = {"recipient_id": alice.pk, "sender_id": alice.pk, field: 10**6}
    with pytest.raises(InvalidInput) as caught:
        services.send(title="x", **users)
    assert caught.value.field == field
