"""The newest notifications of several users, read together: what each would get alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import selectors, services
from live_inbox.errors import InvalidInput
from live_inbox.selectors import EMPTY
from tests.domain.query_counting import queries

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def users(alice: User, bob: User) -> list[User]:
    """With seven notifications from each other, every third one read; three; none any more; and none ever."""
    carol, dave = (User.objects.create_user(name) for name in ("carol", "dave"))
    for number in range(7):
        for recipient, sender in ((alice, bob), (bob, alice))[: 2 if number < 3 else 1]:
            sent = services.send(
                recipient_id=recipient.pk,
                sender_id=sender.pk,
                title=f"{recipient} {number}",
                data={"n": number},
            )
            if number % 3 == 0 and sent.notification is not None:
                services.mark_read(user_id=recipient.pk, notification_id=sent.notification.pk)
    gone = services.send(recipient_id=carol.pk, title="gone").notification
    assert gone is not None
    services.delete(user_id=carol.pk, notification_id=gone.pk)
    return [alice, bob, carol, dave]


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": 3},
        {"limit": 7},
        {"limit": 50},
        {"limit": 1, "read": True},
        {"limit": 2, "read": False},
        {"limit": 50, "read": True, "fields": frozenset({"title"})},
        {"limit": 2, "fields": frozenset({"sender", "data"})},
        {"limit": 2, "fields": frozenset({"title", "position", "unread_count"})},
    ],
    ids=[
        "some",
        "nearly-all",
        "all",
        "read",
        "unread",
        "titles",
        "senders-and-data",
        "titles-and-state",
    ],
)
def test_each_page_is_what_its_user_would_get_alone(
    users: list[User], arguments: dict[str, Any]
) -> None:
    alone = [selectors.page(user_id=user.pk, **arguments) for user in users]
    for count in range(len(users) + 1):
        ids = [user.pk for user in users[:count]]
        assert selectors.newest_pages(user_ids=ids, **arguments) == alone[:count]
    backwards = [str(user.pk) for user in reversed(users)]
    assert selectors.newest_pages(user_ids=backwards, **arguments) == alone[::-1]
    assert selectors.inbox_state(user_id=users[2].pk).position.sequence == 2
    assert alone[3].inbox == EMPTY


def test_who_asks_twice_gets_it_twice(users: list[User]) -> None:
    ids = [users[0].pk, users[1].pk, users[0].pk]
    first, _, second = selectors.newest_pages(user_ids=ids, limit=5)
    assert first == second == selectors.page(user_id=users[0].pk, limit=5)


@pytest.mark.stack("production")
def test_one_statement_reads_all(users: list[User]) -> None:
    with queries() as counted:
        selectors.newest_pages(user_ids=[user.pk for user in users], limit=5)
    assert len(counted) == 1


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_its_limits(users: list[User], limit: int) -> None:
    with pytest.raises(InvalidInput):
        selectors.newest_pages(user_ids=[user.pk for user in users], limit=limit)
