"""What the deletion of users with large inboxes costs, and what it deletes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.signals import post_delete, pre_delete

from live_inbox import services
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference
from tests.domain.query_counting import queries

EACH = 40
"""Notifications of each user."""


@pytest.fixture
def people(db: None) -> list[User]:
    """Users with notifications, some of which they have sent to each other, and with preferences."""
    people = [User.objects.create_user(f"user {number}") for number in range(6)]
    keys = [user.pk for user in people]
    for number in range(EACH):
        services.send_many(recipient_ids=keys, title="x", sender_id=keys[number % len(keys)])
    for key in keys:
        services.set_preference(user_id=key, type="news", enabled=False)
    return people


@pytest.fixture
def deleted() -> Iterator[list[Any]]:
    """What a project's receiver learns that listens to the deletions of every model, as an audit log does."""
    found: list[Any] = []

    def note(sender: type[Any], instance: Any, **kwargs: Any) -> None:
        found.append(instance)

    pre_delete.connect(note)
    post_delete.connect(note)
    yield found
    pre_delete.disconnect(note)
    post_delete.disconnect(note)


def counts() -> list[int]:
    """Return how many rows each table of the inbox has."""
    tables: list[Any] = [Notification, InboxEvent, Inbox, NotificationPreference]
    return [table._default_manager.count() for table in tables]


def test_the_statements_do_not_depend_on_how_many_are_deleted(people: list[User]) -> None:
    with queries() as first:
        people[0].delete()
    with queries() as together:
        User.objects.filter(pk__in=[user.pk for user in people[1:5]]).delete()
    assert counts() == [EACH, EACH, 1, 1]
    # A queryset reads its users first.
    assert len(together) == len(first) + 1
    assert Notification.objects.filter(sender=people[5]).count() == 6
    assert Notification.objects.filter(sender=None).count() == EACH - 6


def test_no_row_is_loaded_for_a_receiver_that_listens_to_every_model(
    people: list[User], deleted: list[Any]
) -> None:
    gone = people[:5]
    User.objects.filter(pk__in=[user.pk for user in gone]).delete()
    assert counts() == [EACH, EACH, 1, 1]
    assert {type(instance) for instance in deleted} == {User}
    assert len(deleted) == 2 * len(gone)


def test_memory_does_not_grow_with_the_inboxes(people: list[User], deleted: list[Any]) -> None:
    """Loaded, the 400 rows of the fixture take more than 400 kB; measured without them: 60 kB."""
    tracemalloc.start()
    try:
        User.objects.filter(pk__in=[user.pk for user in people[:5]]).delete()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 250_000
