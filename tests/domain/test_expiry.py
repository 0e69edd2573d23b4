"""Notifications that expire: when they go, the events of their devices, and the cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from live_inbox import selectors, services
from live_inbox.delivery.position import ORIGIN
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.events import Event, Kind
from live_inbox.maintenance import expiry
from live_inbox.maintenance.due import due_batches
from live_inbox.maintenance.expiry import Expired, WrongCounts, expire_due, expire_in_steps
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, Notification
from live_inbox.services.inbox_rows import lock_skip_locked
from tests.delivery.metric_values import counted
from tests.domain.concurrency import THREADS, at_once
from tests.domain.conftest import VerifyEvents
from tests.domain.large_inbox import analyze, fill, without_triggers
from tests.domain.query_counting import queries
from tests.domain.replica import Replica, log_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE = timedelta(seconds=1)


def send(user: User, *, ends: datetime | None = NOON + ONE, **content: Any) -> Notification:
    content = {"title": "x", "now": NOON, **content}
    sent = services.send(recipient_id=user.pk, expires_at=ends, **content).notification
    assert sent is not None
    return sent


def titles(user: User) -> list[str]:
    page = selectors.page(user_id=user.pk, limit=50)
    return [notification.title for notification in page.notifications]


def expired_ids(user: User) -> list[int | None]:
    return [event.notification_id for event in log_of(user.pk) if event.kind is Kind.EXPIRED]


# -- being given an end ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_notification_keeps_its_expiry_and_events_contain_it(
    alice: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice) as bell:
        send(alice)
    assert Notification.objects.get().expires_at == NOON + ONE
    (event,) = bell.events(alice.pk)
    assert event.notification is not None
    assert event.notification.expires_at == NOON + ONE


@pytest.mark.django_db
def test_every_way_to_send_takes_an_end(alice: User) -> None:
    ends = NOON + ONE
    common: dict[str, Any] = {"expires_at": ends, "now": NOON}
    services.send(recipient_id=alice.pk, title="x", **common)
    services.send_many(recipient_ids=[alice.pk], title="x", **common)
    services.send_approval(
        recipient_id=alice.pk,
        title="x",
        message="",
        form_type="leave",
        item_id=1,
        approved=True,
        **common,
    )
    services.send_user_detail_approval(recipient_id=alice.pk, approved=True, **common)
    assert list(Notification.objects.values_list("expires_at", flat=True)) == [ends] * 4


@pytest.mark.django_db
@pytest.mark.parametrize("ends", [NOON, NOON - ONE, "2099-01-01"])
def test_an_end_that_has_come_or_is_no_moment_is_refused(alice: User, ends: Any) -> None:
    calls: list[Callable[[], object]] = [
        partial(send, alice, ends=ends),
        partial(services.send_many, recipient_ids=[alice.pk], title="x", expires_at=ends, now=NOON),
    ]
    for call in calls:
        with pytest.raises(InvalidInput) as caught:
            call()
        assert caught.value.field == "expires_at"
    assert not Notification.objects.exists()
    assert not Inbox.objects.exists()


@pytest.mark.django_db
def test_the_end_is_part_of_what_a_key_stands_for(alice: User) -> None:
    first = send(alice, idempotency_key="k")
    assert send(alice, idempotency_key="k") == first
    for ends in (None, NOON + 2 * ONE):
        with pytest.raises(Conflict):
            send(alice, idempotency_key="k", ends=ends)
    expire_due(now=NOON + ONE)
    assert send(alice, idempotency_key="k", ends=None) != first


# -- expiring --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_has_come_to_its_end_disappears_with_an_event(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    gone = send(alice, type="news")
    send(alice, ends=NOON + 2 * ONE, title="later")
    send(alice, ends=None, title="never")
    send(bob, ends=None, title="never")
    before = Inbox.objects.get(pk=alice.pk)
    committed = counted("events_committed_total", kind="expired")
    expired = counted("notifications_expired_total")

    with verify_events(alice, bob) as bell:
        assert expire_due(now=NOON + ONE) == Expired(inboxes=1, notifications=1)

    assert bell.events(alice.pk) == [
        Event(
            inbox=str(alice.pk),
            epoch=before.epoch,
            sequence=4,
            kind=Kind.EXPIRED,
            occurred_at=NOON + ONE,
            unread_count=2,
            unseen_count=2,
            total_count=2,
            notification_id=gone.pk,
            type="news",
            fingerprint=Inbox.objects.get(pk=alice.pk).fingerprint,
            previous_fingerprint=before.fingerprint,
        )
    ]
    assert bell.events(bob.pk) == []
    assert titles(alice) == ["never", "later"]
    assert counted("events_committed_total", kind="expired") == committed + 1
    assert counted("notifications_expired_total") == expired + 1
    assert list(check_inboxes()) == []


@pytest.mark.django_db
def test_until_then_it_is_like_any_other(alice: User) -> None:
    """Its end has come, and nobody has looked yet: the list, the counts and the position are of one mind."""
    notification = send(alice)
    services.mark_read(user_id=alice.pk, notification_id=notification.pk, now=NOON + 5 * ONE)
    page = selectors.page(user_id=alice.pk, limit=10)
    assert page.notifications == [services.snapshot(Notification.objects.get())]
    assert (page.inbox.unread_count, page.inbox.total_count) == (0, 1)
    services.delete(user_id=alice.pk, notification_id=notification.pk, now=NOON + 6 * ONE)
    assert expire_due(now=NOON + 9 * ONE) == Expired(inboxes=0, notifications=0)
    assert expired_ids(alice) == []


@pytest.mark.django_db
def test_several_of_one_inbox_get_consecutive_sequences(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    read, unread, other = send(alice), send(alice), send(alice, ends=NOON + 3 * ONE)
    services.mark_read(user_id=alice.pk, notification_id=read.pk, now=NOON)
    theirs = send(bob)

    with verify_events(alice, bob) as bell:
        assert expire_due(now=NOON + 9 * ONE) == Expired(inboxes=2, notifications=4)

    facts = [
        (event.sequence, event.notification_id, event.unread_count, event.total_count)
        for event in bell.events(alice.pk)
    ]
    assert facts == [(5, read.pk, 2, 2), (6, unread.pk, 1, 1), (7, other.pk, 0, 0)]
    assert [event.notification_id for event in bell.events(bob.pk)] == [theirs.pk]
    assert len(bell.rings) == 1


@pytest.mark.django_db
def test_a_second_run_finds_nothing(alice: User) -> None:
    send(alice)
    expire_due(now=NOON + ONE)
    with queries() as sent:
        assert expire_due(now=NOON + ONE) == Expired(inboxes=0, notifications=0)
    assert len(sent) == 1
    assert len(log_of(alice.pk)) == 2


@pytest.mark.django_db
def test_the_clock_is_the_default(alice: User) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    send(alice, ends=soon, now=soon - timedelta(hours=2))
    assert expire_due().notifications == 0
    Notification.unguarded.update(expires_at=soon - timedelta(hours=1, seconds=1))
    assert expire_due().notifications == 1


@pytest.mark.django_db
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 500])
def test_the_result_does_not_depend_on_the_batch(
    alice: User, bob: User, verify_events: VerifyEvents, batch: int
) -> None:
    for n in range(4):
        send(alice, ends=NOON + n % 2 * ONE + ONE)
        send(bob, ends=NOON + ONE)
    send(bob, ends=NOON + 9 * ONE, title="stays")

    with verify_events(alice, bob):
        result = expire_due(now=NOON + 3 * ONE, batch=batch)

    assert result == Expired(inboxes=2, notifications=8)
    assert (titles(alice), titles(bob)) == ([], ["stays"])


@pytest.mark.django_db
def test_each_step_is_a_batch_and_reports_its_progress(alice: User, bob: User) -> None:
    for n in range(3):
        send(alice, ends=NOON + (n + 1) * ONE)
    send(bob, ends=NOON + 4 * ONE)
    steps = expire_in_steps(now=NOON + 9 * ONE, batch=2)
    assert next(steps) == Expired(inboxes=1, notifications=2)
    assert Notification.objects.count() == 2
    assert next(steps) == Expired(inboxes=2, notifications=4)
    assert next(steps, None) is None


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        expire_due(batch=0)


@pytest.mark.django_db
def test_a_batch_costs_the_same_whatever_its_size(bell: object) -> None:
    def cost(inboxes: int, each: int) -> int:
        users = User.objects.bulk_create(
            User(username=f"u{inboxes}-{each}-{n}") for n in range(inboxes)
        )
        for _ in range(each):
            services.send_many(
                recipient_ids=[user.pk for user in users],
                title="x",
                expires_at=NOON + ONE,
                now=NOON,
            )
        with queries() as sent:
            expired = expire_due(now=NOON + ONE)
        assert expired == Expired(inboxes=inboxes, notifications=inboxes * each)
        return len(sent)

    assert [cost(1, 1), cost(1, 40), cost(40, 1), cost(20, 5)] == [7, 7, 7, 7]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"unread_count": 0},
        {"unread_count": 1, "total_count": 1},
        {"unread_count": 2},
    ],
)
def test_one_wrong_count_does_not_keep_the_others(
    alice: User, bob: User, wrong: dict[str, int]
) -> None:
    for user in (alice, bob):
        read = send(user)
        send(user)
        services.mark_read(user_id=user.pk, notification_id=read.pk, now=NOON)
    Inbox.objects.filter(pk=alice.pk).update(**wrong)

    message = f"Wrong counts, repair them by manage.py check_inboxes --fix: {alice.pk}"
    with pytest.raises(WrongCounts, match=f"^{message}$"):
        expire_due(now=NOON + ONE, batch=3)
    assert Notification.objects.filter(recipient=bob).count() == 0
    assert Notification.objects.filter(recipient=alice).count() == 2

    list(check_inboxes(fix=True))
    assert expire_due(now=NOON + ONE) == Expired(inboxes=1, notifications=2)
    assert list(check_inboxes()) == []


# -- cost of looking -------------------------------------------------------------------------------------


def plan_of(call: Callable[[], object]) -> str:
    """Return how the database goes about the first statement of a call."""
    found: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call()
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {found[0][0]}", found[0][1])
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "index"),
    [("expires_at", "notification_expiry"), ("snoozed_until", "notification_snoozed")],
)
def test_looking_reads_the_index_in_its_order_also_among_equal_moments(
    alice: User, field: Literal["expires_at", "snoozed_until"], index: str
) -> None:
    """A bulk send gives many notifications one moment: the walk must not sort all of them for each batch."""
    with transaction.atomic(), without_triggers():
        fill(alice, 20_000)
        Notification.unguarded.filter(pk__gt=0, type="general").update(**{field: NOON})
        analyze()
    walk = due_batches(field, NOON, 5)
    seen: list[int] = []

    def step() -> None:
        seen.extend(each.id for each in next(walk))

    for _ in range(3):
        plan = plan_of(step)
        assert index in plan
        assert "sort" not in plan.lower()
        assert "temp b-tree" not in plan.lower()
    ids = Notification.objects.filter(**{field: NOON}).order_by("id").values_list("id", flat=True)
    assert seen == list(ids[:15])


# -- at the same time ------------------------------------------------------------------------------------


def assert_in_order(*users: User) -> None:
    for user in users:
        replica = Replica(ORIGIN, 0, 0, 0, {})
        replica.apply_all(log_of(user.pk))
        assert replica == Replica.read(user.pk)
    assert list(check_inboxes()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_concurrent_expiry_records_each_event_once() -> None:
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(12))
    keys = [user.pk for user in users]
    for _ in range(5):
        services.send_many(recipient_ids=keys, title="x", expires_at=NOON + ONE, now=NOON)

    results = at_once(*[partial(expire_due, now=NOON + ONE, batch=7)] * THREADS)

    counts = [result.notifications for result in results if isinstance(result, Expired)]
    assert len(counts) == THREADS, results
    # An inbox that one of them has locked is left alone by the others, and so, perhaps, to nobody.
    assert sum(counts) + expire_due(now=NOON + ONE).notifications == 60
    assert not Notification.objects.exists()
    for user in users:
        assert [event.kind for event in log_of(user.pk)] == [Kind.ADDED] * 5 + [Kind.EXPIRED] * 5
    assert_in_order(*users)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_expiring_among_bulk_sends_deletions_and_marks(alice: User, bob: User) -> None:
    users = [alice, bob]
    keys = [user.pk for user in users]

    def write(seed: int) -> None:
        for n in range(25):
            user = users[(seed + n) % 2]
            order = keys if seed % 2 else keys[::-1]
            services.send_many(recipient_ids=order, title="x", expires_at=NOON + ONE, now=NOON)
            newest = Notification.objects.filter(recipient=user).order_by("-pk").first()
            change = services.delete if n % 3 else services.mark_read
            try:
                if newest is not None:
                    change(user_id=user.pk, notification_id=newest.pk)
            except NotFound:
                continue  # It has expired meanwhile.

    def expire() -> None:
        for _ in range(25):
            expire_due(now=NOON + ONE, batch=3)

    assert at_once(partial(write, 0), partial(write, 1), expire, expire) == [None] * 4
    assert_in_order(alice, bob)
    expire_due(now=NOON + ONE)
    assert not Notification.objects.exists()
    assert_in_order(alice, bob)


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_a_locked_inbox_is_left_for_later(alice: User, bob: User) -> None:
    """Whoever holds a lock may be frozen: the others' notifications expire all the same."""
    for user in (alice, bob):
        for _ in range(3):
            send(user)

    with transaction.atomic():
        services.send(recipient_id=alice.pk, title="not yet committed")
        (result,) = at_once(partial(expire_due, now=NOON + ONE, batch=2))
        assert result == Expired(inboxes=1, notifications=3)
    assert (len(expired_ids(alice)), len(expired_ids(bob))) == (0, 3)

    assert expire_due(now=NOON + ONE) == Expired(inboxes=1, notifications=3)
    assert_in_order(alice, bob)


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_a_sender_who_is_being_deleted_is_not_waited_for(alice: User, bob: User) -> None:
    for sender in (alice, bob):
        send(alice, sender_id=sender.pk)

    with transaction.atomic():
        bob.delete()
        (result,) = at_once(partial(expire_due, now=NOON + ONE))
        assert result == Expired(inboxes=1, notifications=1)

    assert expire_due(now=NOON + ONE) == Expired(inboxes=1, notifications=1)
    assert_in_order(alice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_what_is_deleted_after_the_look_does_not_expire(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the lock, the user deletes one, and another process expires another."""
    later = NOON + 2 * ONE
    deleted, expired, mine = send(alice, ends=later), send(alice), send(alice, ends=later)

    def overtaken(users: Any) -> Any:
        monkeypatch.setattr(expiry, "lock_skip_locked", lock_skip_locked)
        services.delete(user_id=alice.pk, notification_id=deleted.pk)
        assert expire_due(now=NOON + ONE).notifications == 1
        return lock_skip_locked(users)

    monkeypatch.setattr(expiry, "lock_skip_locked", overtaken)
    assert expire_due(now=later) == Expired(inboxes=1, notifications=1)
    assert expired_ids(alice) == [expired.pk, mine.pk]
    assert_in_order(alice)
