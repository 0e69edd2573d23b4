"""What is deleted is gone: no table keeps the content of notifications that were deleted or have expired."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from live_inbox import selectors, services
from live_inbox.delivery.position import ORIGIN
from live_inbox.events import Event, Kind, to_payload
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.findings import Finding, Flaw
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox.services.erasing import Gone, erase
from tests.domain.query_counting import queries
from tests.domain.replica import log_of

pytestmark = pytest.mark.django_db

SECRET = "marked-secret-4711"  # what must be gone
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def send(user: User, title: str = SECRET, **content: Any) -> int:
    sent = services.send(
        recipient_id=user.pk, title=title, **{"data": {"code": title}, "message": title, **content}
    )
    assert sent.notification is not None
    return sent.notification.pk


def places_of(text: str) -> list[str]:
    """Return the columns of every table in which a text occurs."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                found += [
                    f"{table}.{name}"
                    for name, value in zip(names, row, strict=True)
                    if text in str(value)
                ]
    return found


def mark_often(user: User, notification_id: int) -> None:
    for _ in range(2):
        services.mark_read(user_id=user.pk, notification_id=notification_id)
        services.mark_unread(user_id=user.pk, notification_id=notification_id)


def delete(user: User, notification_id: int) -> None:
    services.delete(user_id=user.pk, notification_id=notification_id)


def delete_by_the_model(user: User, notification_id: int) -> None:
    Notification.objects.get(pk=notification_id).delete()


def expire(user: User, notification_id: int) -> None:
    expire_due(now=NOON + timedelta(days=36_500))


@pytest.mark.parametrize("end", [delete, delete_by_the_model, expire])
def test_no_table_keeps_the_content_of_what_is_gone(
    alice: User, end: Callable[[User, int], None]
) -> None:
    send(alice, "before")
    gone = send(alice, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    send(alice, "after")
    mark_often(alice, gone)
    assert len(places_of(SECRET)) == 3 + 5
    end(alice, gone)
    assert places_of(SECRET) == []
    assert len(places_of("before")) == len(places_of("after")) == 4
    assert list(check_inboxes()) == []


def test_nothing_but_the_content_changes_in_the_log(alice: User, bob: User) -> None:
    kept = [send(alice, "one"), send(alice, "two", type="news")]
    gone = send(alice, type="billing", sender_id=bob.pk)
    other = send(bob, "two")
    mark_often(alice, gone)
    mark_often(alice, kept[0])
    before, others = log_of(alice.pk), log_of(bob.pk)
    delete(alice, gone)
    *after, deleted = log_of(alice.pk)
    assert after == [event.without({gone}) for event in before]
    assert [event.is_erased for event in after] == [
        event.notification_id == gone for event in before
    ]
    assert {event.notification_type for event in after if event.is_erased} == {"billing"}
    assert deleted.previous_fingerprint == before[-1].fingerprint
    assert log_of(bob.pk) == others
    assert selectors.notification(user_id=bob.pk, notification_id=other).title == "two"
    assert selectors.heads([str(alice.pk)])[str(alice.pk)].loss(ORIGIN) is None


def test_a_batch_that_expires_is_erased_in_every_inbox(alice: User, bob: User) -> None:
    for user in (alice, bob):
        for n in range(3):
            mark_often(user, send(user, f"{SECRET} {n}", expires_at=NOON + timedelta(1), now=NOON))
        send(user, "stays")
    expire_due(now=NOON + timedelta(2))
    assert places_of(SECRET) == []
    for user in (alice, bob):
        assert [event.is_erased for event in log_of(user.pk)].count(True) == 15
        assert services.mark_all_read(user_id=user.pk).count == 1
    assert list(check_inboxes()) == []


def test_what_a_deleted_user_had_received_is_gone(alice: User, bob: User) -> None:
    for user in (alice, bob):
        mark_often(user, send(user, f"{SECRET} of {user.username}", sender_id=bob.pk))
    alice.delete()
    assert places_of(f"{SECRET} of alice") == []
    assert len(places_of(f"{SECRET} of bob")) == 3 + 5


def test_a_deletion_that_is_rolled_back_erases_nothing(alice: User) -> None:
    gone = send(alice)
    before = log_of(alice.pk)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        delete(alice, gone)
        raise ZeroDivisionError
    assert log_of(alice.pk) == before


def test_what_the_log_never_had_can_be_deleted(alice: User) -> None:
    gone = send(alice)
    send(alice, "after")
    # As after an import, or a pruning.
    InboxEvent.objects.filter(sequence=1).delete()
    Inbox.objects.update(first_sequence=2)
    delete(alice, gone)
    assert [event.is_erased for event in log_of(alice.pk, after=1)] == [False, False]


def test_no_event_of_another_notification_is_erased(alice: User) -> None:
    """Not even if rows are wrong: a notification that claims to have been added by another's event."""
    mine, other = send(alice, "mine"), send(alice, "other")
    erase([Gone(alice.pk, mine, 2), Gone(alice.pk, other + 1, 1)])
    assert [event.is_erased for event in log_of(alice.pk)] == [False, False]


def test_check_inboxes_finds_content_that_was_left_and_erases_it(alice: User) -> None:
    """As in a log that an earlier version has written."""
    gone = send(alice)
    send(alice, "stays")
    mark_often(alice, gone)
    contents = dict(InboxEvent.objects.values_list("sequence", "payload"))
    delete(alice, gone)
    for sequence, payload in contents.items():
        InboxEvent.objects.filter(sequence=sequence).update(payload=payload)
    epoch = Inbox.objects.get().epoch
    expected = [Finding(str(alice.pk), Flaw.NOT_ERASED, 0, 1)]
    assert list(check_inboxes()) == expected
    assert list(check_inboxes(fix=True)) == expected
    assert list(check_inboxes()) == []
    assert places_of(SECRET) == []
    # Nothing that devices hold was wrong.
    assert Inbox.objects.get().epoch == epoch


def test_the_log_has_the_same_bytes_as_if_it_had_been_written_erased(alice: User) -> None:
    gone = send(alice)
    mark_often(alice, gone)
    delete(alice, gone)
    for row, event in zip(InboxEvent.objects.order_by("sequence"), log_of(alice.pk), strict=True):
        assert row.payload == json.loads(to_payload(event))


def test_erasing_reads_no_more_of_a_long_log_than_of_a_short_one(alice: User) -> None:
    gone = send(alice)
    with queries() as statements:
        erase([Gone(alice.pk, gone, 1)])
    (statement,) = statements
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{explain} {statement}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "inboxevent_changes" in plan
    assert "inboxevent_sequence" in plan or "(inbox_id=? AND sequence=?)" in plan


def test_an_erased_event_is_the_same_as_the_whole_one(alice: User) -> None:
    gone, kept = send(alice), send(alice, "stays")
    whole, other = log_of(alice.pk)
    delete(alice, gone)
    erased, _, deleted = log_of(alice.pk)
    assert erased.kind is Kind.ADDED
    assert erased != whole
    assert erased.is_same(whole)
    assert whole.is_same(erased)
    changed: list[Event] = [other, deleted, whole.without({kept})]
    assert [erased.is_same(event) for event in changed] == [False, False, True]
    assert deleted.removes == (gone,)
    assert (whole.removes, erased.removes) == ((), ())


def test_the_content_in_events_of_a_newer_version_is_erased_too(alice: User) -> None:
    """While servers are upgraded, an old one deletes what a new one has changed in a way of its own."""
    notification_id = send(alice)
    services.mark_read(user_id=alice.pk, notification_id=notification_id)
    copied = InboxEvent.objects.filter(inbox=alice.pk, kind="read")
    assert copied.update(kind="copied") == 1
    delete(alice, notification_id)
    assert places_of(SECRET) == []
    assert [event.kind for event in log_of(alice.pk)] == ["added", "other_change", "deleted"]
