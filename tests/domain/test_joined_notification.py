"""An inbox and a notification that are read with an account: what the ORM reads by itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from live_inbox import services
from live_inbox.errors import NotFound
from live_inbox.identity.account_rows import name_with
from live_inbox.identity.accounts import AccountConfig
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.models import Inbox, Notification
from live_inbox.services.inbox_rows import read_with_notification
from live_inbox.services.joined_notification import joined_notification, objects_of

pytestmark = pytest.mark.django_db(transaction=True)

CONTENTS: list[dict[str, Any]] = [
    {"title": "plain"},
    {
        "title": "all",
        "message": "two\nlines",
        "type": "news",
        "data": {"a": [1, 2.5, None]},
        "link": "/a",
        "priority": "high",
        "actor": {"name": "Ann", "picture": "/ann.png"},
        "target": {"type": "shop.order", "id": "7"},
        "actions": [{"id": "pay", "label": "Pay"}],
        "group_key": "g",
    },
]


def joined_row(user: User, id: int) -> Any:
    joined = joined_notification(id)
    assert joined is not None
    verified = VerifiedToken(str(user.pk), frozenset(), None, 2e9)
    _, row = name_with(verified, AccountConfig(), joined)
    return row


def values(row: Any) -> list[tuple[str, type[Any], Any]]:
    fields = row._meta.concrete_fields
    return [
        (each.attname, type(value), value)
        for each in fields
        for value in [getattr(row, each.attname)]
    ]


@pytest.mark.stack("production")
@pytest.mark.parametrize("content", CONTENTS, ids=["plain", "all"])
@pytest.mark.parametrize("has_sender", [False, True])
def test_the_objects_are_those_of_the_orm(
    alice: User, bob: User, content: dict[str, Any], has_sender: bool
) -> None:
    sender_id = bob.pk if has_sender else None
    notification = services.send(recipient_id=alice.pk, sender_id=sender_id, **content).notification
    assert notification is not None
    services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    found = objects_of(joined_row(alice, notification.pk))
    expected = read_with_notification(alice.pk, notification.pk)
    for one, other in zip(found, expected, strict=True):
        assert values(one) == values(other)
        assert (one._state.db, one._state.adding) == (other._state.db, False)
    with connection.execute_wrapper(_refuse):
        assert found[1].sender == (bob if has_sender else None)
    if has_sender:
        assert values(found[1].sender) == values(User.objects.get(pk=bob.pk))


def _refuse(*_: Any) -> Any:
    raise AssertionError("The sender was not loaded.")


@pytest.mark.stack("production")
def test_what_is_not_there_is_not_found(alice: User, bob: User) -> None:
    theirs = services.send(recipient_id=bob.pk, title="not alice's").notification
    assert theirs is not None
    for has_inbox in (False, True):
        if has_inbox:
            services.send(recipient_id=alice.pk, title="alice's")
        for id in (theirs.pk, theirs.pk + 1000):
            with pytest.raises(NotFound):
                objects_of(joined_row(alice, id))
    assert Inbox.objects.count() == 2
    assert Notification.objects.count() == 2


@pytest.mark.stack("embedded")
def test_sqlite_reads_it_by_itself() -> None:
    assert joined_notification(1) is None
