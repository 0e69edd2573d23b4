"""Quotas: what one user, or one call, can have the database hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from live_inbox import selectors, services
from live_inbox.content import clean_content
from live_inbox.errors import InvalidInput
from live_inbox.events import Kind
from live_inbox.importing.rows import ImportRow
from live_inbox.importing.writing import write
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference
from tests.changed_settings import changed_settings
from tests.delivery.metric_values import counted
from tests.domain.concurrency import THREADS, at_once, is_blocked
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries
from tests.domain.replica import Replica, log_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOST = 100
"""The smallest quota that the setting allows."""


@pytest.fixture(autouse=True)
def _quota() -> Iterator[None]:
    with changed_settings(MAX_INBOX_NOTIFICATIONS=MOST):
        yield


def send(user: User, title: str = "x", **content: Any) -> int:
    sent = services.send(recipient_id=user.pk, title=title, **content).notification
    assert sent is not None
    return sent.pk


def fill(user: User, count: int = MOST) -> list[int]:
    return [send(user, str(n)) for n in range(count)]


def ids(user: User) -> list[int]:
    rows = Notification.objects.filter(recipient=user).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def mark(user: User, *notification_ids: int) -> None:
    for each in notification_ids:
        services.mark_read(user_id=user.pk, notification_id=each)


# -- the rows of an inbox --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_full_inbox_loses_its_oldest_read_notification(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    first = fill(alice)
    mark(alice, first[50], first[20])
    fill(bob, 3)
    before = counted("notifications_evicted_total")
    with verify_events(alice) as bell:
        added = send(alice, "one more")
    assert ids(alice) == [each for each in [*first, added] if each != first[20]]
    kinds = [(event.kind, event.notification_id) for event in bell.events(alice.pk)]
    assert kinds == [(Kind.ADDED, added), (Kind.DELETED, first[20])]
    assert len(ids(bob)) == 3
    assert counted("notifications_evicted_total") == before + 1
    assert list(check_inboxes()) == []


@pytest.mark.django_db
def test_unread_ones_go_only_when_nothing_is_read(alice: User, verify_events: VerifyEvents) -> None:
    first = fill(alice)
    mark(alice, first[99])
    with verify_events(alice):
        added = [send(alice, "more") for _ in range(3)]
    assert ids(alice) == [*first[2:99], *added]
    assert Inbox.objects.get().unread_count == MOST
    assert list(check_inboxes()) == []


@pytest.mark.django_db
def test_the_content_of_what_went_is_gone_from_the_log(alice: User) -> None:
    send(alice, "the secret")
    mark(alice, *ids(alice))
    fill(alice)
    assert not InboxEvent.objects.filter(payload__icontains="the secret").exists()
    assert [event.is_erased for event in log_of(alice.pk)][:3] == [True, True, False]


@pytest.mark.django_db
def test_a_bulk_send_makes_room_in_every_full_inbox(alice: User, bob: User) -> None:
    fill(alice)
    fill(bob, 2)
    services.mark_all_read(user_id=alice.pk)
    replicas = [Replica.read(user.pk) for user in (alice, bob)]
    for _ in range(3):
        services.send_many(recipient_ids=[alice.pk, bob.pk], title="all")
    assert [len(ids(user)) for user in (alice, bob)] == [MOST, 5]
    for user, replica in zip((alice, bob), replicas, strict=True):
        events = log_of(user.pk, after=replica.position.sequence)
        replica.apply_all(events)
        assert replica == Replica.read(user.pk)
    assert list(check_inboxes()) == []


@pytest.mark.django_db
def test_an_inbox_that_was_imported_above_the_quota_gets_there_by_steps(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_inbox.services.inbox_quota.BATCH", 30)
    fill(alice, 5)
    rows = Notification.objects.filter(recipient=alice)
    write([_import_row(alice, n) for n in range(MOST)])
    totals = []
    for _ in range(3):
        send(alice)
        totals.append(rows.count())
    assert totals == [MOST + 5 + 1 - 6, MOST, MOST]
    with changed_settings(MAX_INBOX_NOTIFICATIONS=1000):
        write([_import_row(alice, 1000 + n) for n in range(70)])
        send(alice)
    for _ in range(4):
        send(alice)
        totals.append(rows.count())
    assert totals[3:] == [MOST + 72 - 30, MOST + 72 + 1 - 60, MOST, MOST]
    assert list(check_inboxes()) == []


def _import_row(user: User, number: int) -> ImportRow:
    content = clean_content(now=NOON, title="imported")
    return ImportRow("", f"old:{number}", user.pk, None, NOON, None, content)


@pytest.mark.django_db
def test_damaged_counts_do_not_stop_what_is_sent(alice: User) -> None:
    fill(alice)
    Inbox.objects.update(unread_count=0, total_count=MOST + 50)
    send(alice)
    assert len(ids(alice)) == MOST + 1


@pytest.mark.django_db
def test_an_inbox_with_room_costs_no_more_statements(alice: User) -> None:
    def cost() -> int:
        with queries() as statements:
            send(alice)
        return len(statements)

    usual = cost()
    fill(alice, MOST - 1)
    # The inbox is locked anew, and the oldest are looked up, deleted and erased; then the inbox is saved.
    assert cost() == usual + 6
    services.mark_all_read(user_id=alice.pk)
    assert cost() == usual + 5
    services.delete(user_id=alice.pk, notification_id=ids(alice)[0])
    assert cost() == usual


# -- preferences -----------------------------------------------------------------------------------------


def prefer(user: User, type: str, *, enabled: bool = False) -> None:
    services.set_preference(user_id=user.pk, type=type, enabled=enabled)


@pytest.mark.django_db
def test_a_user_has_so_many_preferences_of_undeclared_types(alice: User, bob: User) -> None:
    types: dict[str, object] = {f"declared.{n}": {} for n in range(4)}
    with changed_settings(MAX_PREFERENCES=3, TYPES=types):
        for n in range(3):
            prefer(alice, f"made-up.{n}")
        for type in types:
            prefer(alice, type)
        with pytest.raises(InvalidInput) as caught:
            prefer(alice, "made-up.3")
        assert caught.value.field == "type"
        # What is there can be changed, and others have their own.
        prefer(alice, "made-up.0", enabled=True)
        prefer(bob, "made-up.3")
    assert NotificationPreference.objects.filter(user=alice).count() == 7


@pytest.mark.django_db(transaction=True)
def test_calls_at_once_do_not_go_beyond_the_quota(alice: User) -> None:
    def one(n: int) -> bool:
        try:
            prefer(alice, f"made-up.{n}")
        except InvalidInput:
            return False
        return True

    with changed_settings(MAX_PREFERENCES=3):
        done = at_once(*(partial(one, n) for n in range(THREADS)))
    assert sorted(map(str, done)) == ["False"] * 2 + ["True"] * 3
    assert NotificationPreference.objects.filter(user=alice).count() == 3


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
def test_a_call_that_has_counted_is_not_overtaken(alice: User) -> None:
    """Each call waits before it writes: for the other one to come as far, or to wait for a lock."""
    arrived = threading.Semaphore(0)

    def write_later(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT"):
            arrived.release()
            deadline = time.monotonic() + 20
            while arrived._value < 2 and not is_blocked() and time.monotonic() < deadline:
                pass
        return execute(sql, *rest)

    def one(n: int) -> bool:
        with connection.execute_wrapper(write_later):
            try:
                prefer(alice, f"made-up.{n}")
            except InvalidInput:
                return False
            return True

    with changed_settings(MAX_PREFERENCES=1):
        done = at_once(partial(one, 1), partial(one, 2))
    assert sorted(map(str, done)) == ["False", "True"]
    assert NotificationPreference.objects.filter(user=alice).count() == 1


# -- types -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_site_may_refuse_types_that_it_does_not_declare(alice: User) -> None:
    with changed_settings(UNDECLARED_TYPES=False, TYPES={"billing": {}}):
        send(alice, type="billing")
        services.send_many(recipient_ids=[alice.pk], title="x", type="billing")
        prefer(alice, "billing", enabled=True)
        refused: list[partial[Any]] = [
            partial(send, alice),
            partial(send, alice, type="made-up"),
            partial(services.send_many, recipient_ids=[alice.pk], title="x", type="made-up"),
            partial(prefer, alice, "made-up"),
        ]
        for call in refused:
            with pytest.raises(InvalidInput) as caught:
                call()
            assert caught.value.field == "type"
        # What is there already can be listed and marked.
        assert selectors.page(user_id=alice.pk, limit=5, types=["made-up"]).notifications == []
    assert len(ids(alice)) == 2


# -- recipients ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_bulk_has_so_many_recipients(alice: User, bob: User) -> None:
    with changed_settings(MAX_BULK_RECIPIENTS=2):
        done = services.send_many(recipient_ids=[*repeat(alice.pk, 50), bob.pk], title="x")
        assert done.sent == 2
        carol = User.objects.create_user("carol")
        for too_many in ([alice.pk, bob.pk, carol.pk], iter(range(10**12))):
            with pytest.raises(InvalidInput, match="2 recipients at most") as caught:
                services.send_many(recipient_ids=too_many, title="x")
            assert caught.value.field == "recipient_ids"
    assert Notification.objects.count() == 2
