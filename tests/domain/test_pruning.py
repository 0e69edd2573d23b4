"""What leaves the log, what stays, and that a log is always a whole piece."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from live_inbox import selectors, services
from live_inbox.conf import InboxSettings
from live_inbox.delivery.log import LogRange, ResetReason
from live_inbox.delivery.position import Position
from live_inbox.maintenance import pruning
from live_inbox.maintenance.pruning import Pruned, prune_events
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVERYTHING = 1_000_000


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


def send(user: User, *, days_ago: float) -> None:
    services.send(recipient_id=user.pk, title="x", now=NOW - timedelta(days=days_ago))


def sequences(user: User) -> list[int]:
    events = InboxEvent.objects.filter(inbox=user.pk).order_by("sequence")
    return list(events.values_list("sequence", flat=True))


def assert_whole(user: User) -> None:
    """The log has every event from the inbox's first sequence to its last."""
    inbox = Inbox.objects.get(pk=user.pk)
    assert sequences(user) == list(range(inbox.first_sequence, inbox.last_sequence + 1))


def prune(*, days: int = 30, events: int = EVERYTHING, batch: int = pruning.BATCH) -> Pruned:
    return prune_events(now=NOW, keep_days=days, keep_events=events, batch=batch)


def test_events_that_are_too_old_are_removed_and_others_kept(alice: User) -> None:
    for days in (40, 31, 29, 0):
        send(alice, days_ago=days)

    assert prune() == Pruned(inboxes=1, events=2)

    assert sequences(alice) == [3, 4]
    assert_whole(alice)


def test_an_event_of_exactly_the_age_is_kept(alice: User) -> None:
    send(alice, days_ago=30)

    assert prune() == Pruned(inboxes=0, events=0)


def test_notifications_and_counts_stay(alice: User) -> None:
    for days in (40, 31, 0):
        send(alice, days_ago=days)
    before = selectors.page(user_id=alice.pk, limit=10)

    prune(days=0, events=0)

    assert selectors.page(user_id=alice.pk, limit=10) == before
    assert Notification.objects.count() == 3
    assert list(check_inboxes()) == []


def test_all_events_of_an_inbox_may_go_and_the_numbering_goes_on(alice: User) -> None:
    send(alice, days_ago=40)
    send(alice, days_ago=39)

    assert prune() == Pruned(inboxes=1, events=2)
    inbox = Inbox.objects.get()
    assert (inbox.first_sequence, inbox.last_sequence) == (3, 2)

    send(alice, days_ago=0)
    assert sequences(alice) == [3]
    assert_whole(alice)


def test_the_newest_events_of_each_inbox_are_kept(alice: User, bob: User) -> None:
    for _ in range(5):
        send(alice, days_ago=0)
    for _ in range(3):
        send(bob, days_ago=0)

    assert prune(events=3) == Pruned(inboxes=1, events=2)

    assert sequences(alice) == [3, 4, 5]
    assert sequences(bob) == [1, 2, 3]


def test_age_and_number_together(alice: User, bob: User) -> None:
    for days in (50, 40, 3, 2, 1):
        send(alice, days_ago=days)
        send(bob, days_ago=days if days > 30 else 0)

    assert prune(events=2) == Pruned(inboxes=2, events=6)

    assert sequences(alice) == sequences(bob) == [4, 5]


def test_what_is_removed_is_always_a_beginning(alice: User) -> None:
    """A server's clock was ahead when it wrote the second event; the third is old all the same."""
    for days in (40, 0, 40, 0):
        send(alice, days_ago=days)

    assert prune() == Pruned(inboxes=1, events=3)

    assert sequences(alice) == [4]
    assert_whole(alice)


@pytest.mark.parametrize("batch", [2, 3, 500])
def test_a_row_with_a_time_in_the_future_does_not_end_the_walk(
    alice: User, bob: User, batch: int
) -> None:
    send(bob, days_ago=-1000)
    for days in (40, 40, 40, 40, 0):
        send(alice, days_ago=days)

    assert prune(batch=batch) == Pruned(inboxes=1, events=4)

    assert sequences(bob) == [1]
    assert sequences(alice) == [5]


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 500])
def test_the_result_does_not_depend_on_the_batch(alice: User, bob: User, batch: int) -> None:
    for days in (50, 45, 40, 35, 20, 15, 10):
        send(alice, days_ago=days)
        send(bob, days_ago=days)

    assert prune(events=2, batch=batch) == Pruned(inboxes=2, events=10)

    assert sequences(alice) == sequences(bob) == [6, 7]


def test_one_transaction_removes_a_batch_at_most(alice: User, bob: User) -> None:
    for _ in range(7):
        send(alice, days_ago=0)
    for _ in range(3):
        send(bob, days_ago=0)

    with CaptureQueriesContext(connection) as queries:
        prune(events=0, batch=4)

    deletions = [query for query in queries.captured_queries if "DELETE" in query["sql"]]
    assert len(deletions) == 3
    assert sequences(alice) == sequences(bob) == []


def test_a_batch_costs_the_same_for_one_inbox_as_for_many(db: None) -> None:
    def cost(inboxes: int) -> int:
        users = [User.objects.create_user(f"u{inboxes}-{n}") for n in range(inboxes)]
        services.send_many(recipient_ids=[user.pk for user in users], title="x", now=NOW)
        with CaptureQueriesContext(connection) as queries:
            assert prune(events=0) == Pruned(inboxes=inboxes, events=inboxes)
        return len(queries)

    assert cost(1) == cost(40)


def test_a_young_log_is_not_walked(alice: User) -> None:
    for _ in range(20):
        send(alice, days_ago=0)

    with CaptureQueriesContext(connection) as queries:
        prune(batch=5)

    # The lowest ids are young, and no inbox has too many: one look each.
    assert len(queries) == 2


def test_a_second_run_finds_nothing(alice: User) -> None:
    send(alice, days_ago=40)
    prune()

    assert prune() == Pruned(inboxes=0, events=0)


def test_the_settings_are_the_defaults(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = InboxSettings(log_keep_days=7, log_keep_events=100)
    monkeypatch.setattr(pruning, "inbox_settings", lambda: settings)
    send(alice, days_ago=8)
    for _ in range(102):
        send(alice, days_ago=1)

    assert prune_events(now=NOW) == Pruned(inboxes=1, events=3)


def test_a_client_before_the_pruned_events_gets_a_reset_and_another_resumes(alice: User) -> None:
    for days in (40, 39, 1):
        send(alice, days_ago=days)

    prune()

    epoch = Inbox.objects.get().epoch
    head = selectors.heads([str(alice.pk)])[str(alice.pk)]
    assert head.loss(Position(epoch, 1)) is ResetReason.EXPIRED
    assert head.loss(Position(epoch, 2)) is None
    (events,) = selectors.events([LogRange(str(alice.pk), 2)], limit=10)
    assert [event.sequence for event in events] == [3]


def test_rows_left_behind_before_the_log_go_with_the_next_cut(alice: User) -> None:
    for days in (40, 39, 38):
        send(alice, days_ago=days)
    Inbox.objects.update(first_sequence=3)

    assert prune() == Pruned(inboxes=1, events=3)
    assert_whole(alice)


@pytest.mark.parametrize("wrong", [{"days": -1}, {"events": -1}, {"batch": 0}])
def test_nonsense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        prune(**wrong)


@pytest.mark.django_db(transaction=True)
def test_logs_stay_whole_while_others_write_and_prune() -> None:
    users = [User.objects.create_user(f"u{n}") for n in range(3)]
    ids = [user.pk for user in users]

    def write() -> None:
        for _ in range(10):
            services.send_many(recipient_ids=ids, title="x")
        connections.close_all()

    def prune_often() -> None:
        for _ in range(10):
            prune_events(keep_events=3, batch=2)
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(work) for work in (write, write, prune_often, prune_often)]
        for future in done:
            future.result()

    assert list(check_inboxes()) == []
    for user in users:
        assert Inbox.objects.get(pk=user.pk).last_sequence == 20
        assert_whole(user)
