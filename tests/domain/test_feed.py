"""The feed over a real database: what both doors subscribe to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from live_inbox import selectors, services
from live_inbox.content import clean_content
from live_inbox.database_log import DatabaseLog
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.hub import Hub, HubClosed, HubConfig
from live_inbox.delivery.log import Head, LogRange, ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.events import Event, Kind, Reset, decode
from live_inbox.feed import Feed, OpenFeed
from live_inbox.importing.rows import ImportRow
from live_inbox.importing.writing import write
from live_inbox.maintenance.pruning import prune_events
from live_inbox.maintenance.repair import renew_epochs
from live_inbox.models import Inbox
from tests.delivery.metric_values import counted
from tests.domain.replica import Replica
from tests.domain.table_copies import copy_tables, restore_tables

pytestmark = pytest.mark.django_db(transaction=True)

RULES = HubConfig(run_length=8, page_length=20, reconcile_seconds=3600.0)
"""The watch comes round when a test says so."""


class Server:
    """What of a server process the feed needs."""

    def __init__(self) -> None:
        self.bell = Doorbell(lambda: None, deployment=lambda: "d1")
        self.hub: Hub[Event] = Hub(
            DatabaseLog(), layer=None, decode=decode, own_doorbell=self.bell.name, config=RULES
        )
        self.feed = Feed(self.hub)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while in the block."""
        await self.hub.start()
        async with self.bell.attached(self.hub.on_message):
            yield
        await self.hub.stop()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server whose doorbell the services of this process ring."""
    server = Server()
    monkeypatch.setattr(apps.get_app_config("live_inbox"), "doorbell", server.bell)
    async with server.running():
        yield server


@pytest.fixture
def _deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every doorbell be lost."""
    monkeypatch.setattr(Hub, "on_message", lambda hub, rung: None)


async def take(feed: OpenFeed, count: int) -> list[Any]:
    """Take so many items, which are there or will come."""
    return [await anext(feed) for _ in range(count)]


async def send(user: User, *titles: str) -> None:
    """Send in another thread, as everybody does who is not the event loop."""
    for title in titles:
        await in_database_thread(services.send, recipient_id=user.pk, title=title)


def titles(events: Iterable[Event]) -> list[str]:
    return [event.notification.title for event in events if event.notification]


# -- events --------------------------------------------------------------------------------------------------


async def test_a_feed_gives_what_happens_from_then_on(server: Server, alice: User) -> None:
    await send(alice, "before")
    async with server.feed.open(str(alice.pk)) as feed:
        assert feed.position.sequence == 1
        await send(alice, "a", "b")
        first, second = await take(feed, 2)
        assert titles([first, second]) == ["a", "b"]
        assert feed.delivered_through == 3
        assert (first.sequence, second.sequence) == (2, 3)
        await in_database_thread(services.mark_all_read, user_id=alice.pk)
        (third,) = await take(feed, 1)
        assert (third.kind, third.count, third.unread_count) == (Kind.ALL_READ, 3, 0)
        assert feed.position == third.position


async def test_a_feed_resumes_after_a_position(server: Server, alice: User) -> None:
    await send(alice, *(f"n{n}" for n in range(50)))
    epoch = (await in_database_thread(Inbox.objects.get)).epoch
    async with server.feed.open(str(alice.pk), Position(epoch, 3)) as feed:
        assert feed.position == Position(epoch, 3)
        assert feed.delivered_through == 3
        assert titles(await take(feed, 2)) == ["n3", "n4"]
        # Of the page that was read from the log, the others have still to be returned.
        assert feed.position.sequence > 5
        assert feed.delivered_through == 5
        assert titles(await take(feed, 45)) == [f"n{n}" for n in range(5, 50)]
        await send(alice, "new")
        assert titles(await take(feed, 1)) == ["new"]
    async with server.feed.open(str(alice.pk), ORIGIN) as feed:
        assert [event.sequence for event in await take(feed, 51)] == list(range(1, 52))


async def test_an_inbox_that_was_never_touched_has_a_feed(server: Server, alice: User) -> None:
    async with server.feed.open(str(alice.pk)) as feed:
        assert feed.position == ORIGIN
        await send(alice, "first")
        (event,) = await take(feed, 1)
        assert (event.sequence, titles([event])) == (1, ["first"])


@pytest.mark.usefixtures("_deaf")
async def test_an_event_without_a_doorbell_is_found_by_the_reconciliation(
    server: Server, alice: User
) -> None:
    async with server.feed.open(str(alice.pk)) as feed:
        await send(alice, "a", "b")
        server.hub.reconcile()
        assert titles(await take(feed, 2)) == ["a", "b"]


@pytest.mark.usefixtures("_deaf")
async def test_from_now_on_means_from_the_end_of_the_log(server: Server, alice: User) -> None:
    async with server.feed.open(str(alice.pk)) as early:
        await send(alice, *(f"n{n}" for n in range(45)))
        async with server.feed.open(str(alice.pk)) as late:
            assert late.position.sequence == 45
            await send(alice, "new")
            server.hub.reconcile()
            assert titles(await take(late, 1)) == ["new"]
        assert len(await take(early, 46)) == 46


async def test_many_feeds_of_many_inboxes(server: Server, alice: User, bob: User) -> None:
    async with (
        server.feed.open(str(alice.pk)) as one,
        server.feed.open(str(alice.pk)) as other,
        server.feed.open(str(bob.pk)) as bobs,
    ):
        await in_database_thread(
            services.send_many, recipient_ids=[alice.pk, bob.pk], title="to both"
        )
        await send(alice, "to alice")
        assert titles(await take(one, 2)) == titles(await take(other, 2)) == ["to both", "to alice"]
        assert titles(await take(bobs, 1)) == ["to both"]


async def test_when_the_server_stops_the_feed_says_so(server: Server, alice: User) -> None:
    async with server.feed.open(str(alice.pk)) as feed:
        waiting = asyncio.create_task(take(feed, 1))
        await asyncio.sleep(0)
        await server.hub.stop()
        with pytest.raises(HubClosed):
            await waiting
    with pytest.raises(HubClosed):
        async with server.feed.open(str(alice.pk)):
            pass


async def test_an_import_resets_open_feeds_once(server: Server, alice: User, bob: User) -> None:
    await send(alice, "before")
    users = (alice, bob)
    async with server.feed.open(str(alice.pk)) as one, server.feed.open(str(bob.pk)) as other:
        await in_database_thread(write, [imported(user, n) for n in (1, 2) for user in users])
        server.hub.reconcile()
        resets = [*await take(one, 1), *await take(other, 1)]
        assert [reset.reason for reset in resets] == [ResetReason.EXPIRED] * 2
        assert [reset.position.sequence for reset in resets] == [3, 2]
        assert [reset.unread_count for reset in resets] == [3, 2]
        for user in users:
            await send(user, "after")
        assert titles([*await take(one, 1), *await take(other, 1)]) == ["after", "after"]


def imported(user: User, number: int) -> ImportRow:
    """Return a row of an import."""
    now = timezone.now()
    return ImportRow(
        place=f"line {number}",
        key=f"old:{user.pk}:{number}",
        recipient_id=user.pk,
        sender_id=None,
        created_at=now,
        read_at=None,
        content=clean_content(now=now, title=f"n{number}"),
    )


# -- lists and feeds -----------------------------------------------------------------------------------------


def write_until(stop: threading.Event, user: User) -> None:
    """Send, mark and delete until the stop flag is set."""
    try:
        while not stop.is_set():
            first = services.send(recipient_id=user.pk, title="x").notification
            second = services.send(recipient_id=user.pk, title="x").notification
            assert first is not None
            assert second is not None
            services.mark_read(user_id=user.pk, notification_id=second.pk)
            services.delete(user_id=user.pk, notification_id=first.pk)
            services.mark_all_read(user_id=user.pk)
            if Inbox.objects.get(pk=user.pk).total_count > 60:
                for row in selectors.page(user_id=user.pk, limit=50).notifications:
                    services.delete(user_id=user.pk, notification_id=row.id)
    finally:
        connections.close_all()


async def replica_of_a_list_and_a_feed(server: Server, user: User, *, list_first: bool) -> Replica:
    """Read a list and 15 events that follow it, as a client does that starts."""
    inbox = str(user.pk)
    if list_first:
        replica = await in_database_thread(page_of, user)
        async with server.feed.open(inbox, replica.position) as feed:
            replica.apply_all(await take(feed, 15))
        return replica
    async with server.feed.open(inbox) as feed:
        replica = await in_database_thread(page_of, user)
        for _ in range(200):
            event = await anext(feed)
            assert isinstance(event, Event)
            # What the list has already seen is passed over.
            if event.sequence > replica.position.sequence:
                replica.apply(event)
            if len(replica.notifications) and event.sequence % 15 == 0:
                break
    return replica


def page_of(user: User) -> Replica:
    page = selectors.page(user_id=user.pk, limit=100)
    snapshots = {row.id: row for row in page.notifications}
    inbox = page.inbox
    return Replica(
        inbox.position, inbox.unread_count, inbox.total_count, inbox.unseen_count, snapshots
    )


@pytest.mark.parametrize("list_first", [True, False])
async def test_between_a_list_and_a_feed_nothing_is_missed(
    server: Server, alice: User, list_first: bool
) -> None:
    stop = threading.Event()
    writer = asyncio.create_task(asyncio.to_thread(write_until, stop, alice))
    try:
        replicas = [
            await replica_of_a_list_and_a_feed(server, alice, list_first=list_first)
            for _ in range(12)
        ]
    finally:
        stop.set()
        await writer
    end = await in_database_thread(Replica.read, alice.pk)
    for replica in replicas:
        async with server.feed.open(str(alice.pk), replica.position) as feed:
            missing = end.position.sequence - replica.position.sequence
            replica.apply_all(await take(feed, missing))
        assert replica == end


# -- positions that are lost ---------------------------------------------------------------------------------


async def lose(user: User, how: str) -> Position:
    """Return a position of an inbox with five notifications, of which two are read, that cannot be resumed."""
    await send(user, *"abcde")
    ids = [row.id for row in (await in_database_thread(page_rows, user))]
    for key in ids[:2]:
        await in_database_thread(services.mark_read, user_id=user.pk, notification_id=key)
    head = (await in_database_thread(selectors.inbox_state, user_id=user.pk)).position
    if how == "expired":
        await in_database_thread(prune_events, keep_events=2)
        return Position(head.epoch, 4)
    if how == "expired origin":
        await in_database_thread(prune_events, keep_events=0)
        return ORIGIN
    if how == "ahead":
        return Position(head.epoch, 8)
    if how == "epoch":
        await in_database_thread(renew_epochs)
        return head
    return Position("foreign", 3)


def page_rows(user: User) -> list[Any]:
    return selectors.page(user_id=user.pk, limit=10).notifications


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("expired", ResetReason.EXPIRED),
        ("expired origin", ResetReason.EXPIRED),
        ("ahead", ResetReason.AHEAD),
        ("epoch", ResetReason.EPOCH),
        ("foreign", ResetReason.EPOCH),
    ],
)
async def test_a_position_that_cannot_be_resumed_is_answered_with_a_reset(
    server: Server, alice: User, how: str, reason: ResetReason
) -> None:
    after = await lose(alice, how)
    before = counted("resets_total", reason=reason.value)
    head = (await in_database_thread(selectors.inbox_state, user_id=alice.pk)).position
    async with server.feed.open(str(alice.pk), after) as feed:
        (reset,) = await take(feed, 1)
        assert isinstance(reset, Reset)
        assert reset == Reset(
            head, reason, unread_count=3, unseen_count=3, occurred_at=reset.occurred_at
        )
        assert reset.position.sequence == 7
        assert reset.occurred_at.tzinfo is not None
        assert feed.position == head
        await send(alice, "after")
        (event,) = await take(feed, 1)
        assert (event.sequence, titles([event])) == (8, ["after"])
    assert counted("resets_total", reason=reason.value) - before == 1


async def test_an_open_feed_learns_that_its_inbox_was_restored(server: Server, alice: User) -> None:
    await send(alice, "a")
    async with server.feed.open(str(alice.pk)) as feed:
        await in_database_thread(renew_epochs)
        server.hub.reconcile()
        (reset,) = await take(feed, 1)
        assert (reset.reason, reset.unread_count) == (ResetReason.EPOCH, 1)
        await send(alice, "b")
        assert titles(await take(feed, 1)) == ["b"]


@pytest.mark.usefixtures("_deaf")
@pytest.mark.parametrize(
    ("lost", "written", "reason"),
    [
        (2, 1, ResetReason.AHEAD),
        (2, 2, ResetReason.EPOCH),
        (1, 1, ResetReason.EPOCH),
        (1, 40, ResetReason.EPOCH),
    ],
)
async def test_an_open_feed_learns_that_its_log_was_restored_and_has_gone_on_differently(
    server: Server, alice: User, lost: int, written: int, reason: ResetReason
) -> None:
    await send(alice, "a", "b")
    copy = await in_database_thread(copy_tables)
    async with server.feed.open(str(alice.pk)) as feed:
        await send(alice, *["lost"] * lost)
        server.hub.reconcile()
        await take(feed, lost)
        await in_database_thread(restore_tables, copy)
        await send(alice, *["other"] * written)
        server.hub.reconcile()
        (reset,) = await take(feed, 1)
        assert (reset.reason, reset.position.sequence) == (reason, 2 + written)
        await send(alice, "c")
        server.hub.reconcile()
        assert titles(await take(feed, 1)) == ["c"]


@pytest.mark.parametrize("kept", [10, 1, 0])
async def test_who_resumes_after_an_event_that_was_lost_in_a_restore_is_reset(
    server: Server, alice: User, kept: int
) -> None:
    await send(alice, "a", "b")
    before = (await in_database_thread(selectors.inbox_state, user_id=alice.pk)).position
    copy = await in_database_thread(copy_tables)
    await send(alice, "lost")
    seen = (await in_database_thread(selectors.inbox_state, user_id=alice.pk)).position
    await in_database_thread(restore_tables, copy)
    await send(alice, "other")
    if not kept:
        await in_database_thread(prune_events, keep_events=0)
    elif kept == 1:
        await send(alice, "more")
        await in_database_thread(prune_events, keep_events=1)
    else:
        async with server.feed.open(str(alice.pk), before) as feed:
            assert titles(await take(feed, 1)) == ["other"]
    async with server.feed.open(str(alice.pk), Position.parse(str(seen))) as feed:
        (reset,) = await take(feed, 1)
        assert reset.reason is ResetReason.EPOCH


async def test_an_import_is_in_the_fingerprints_of_what_follows(
    server: Server, alice: User
) -> None:
    await send(alice, "a")
    copy = await in_database_thread(copy_tables)
    await in_database_thread(write, [imported(alice, 1)])
    seen = (await in_database_thread(selectors.inbox_state, user_id=alice.pk)).position
    await send(alice, "b")
    async with server.feed.open(str(alice.pk), seen) as feed:
        assert titles(await take(feed, 1)) == ["b"]
    await in_database_thread(restore_tables, copy)
    await send(alice, "b", "c")
    async with server.feed.open(str(alice.pk), seen) as feed:
        # Until the stream has been compared with the log, it may still have what was lost.
        server.hub.reconcile()
        items = await take(feed, 1)
        if not isinstance(items[0], Reset):
            items = await take(feed, 1)
        assert items[0].reason is ResetReason.EPOCH


async def test_an_open_feed_learns_that_its_inbox_is_gone(server: Server, alice: User) -> None:
    await send(alice, "a")
    key = str(alice.pk)
    async with server.feed.open(key) as feed:
        await in_database_thread(alice.delete)
        server.hub.reconcile()
        (reset,) = await take(feed, 1)
        assert (reset.reason, reset.position, reset.unread_count) == (ResetReason.EPOCH, ORIGIN, 0)


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
async def test_a_database_that_goes_away_just_then_delays_the_reset(
    server: Server,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await send(alice, "a")
    real = selectors.inbox_state
    failures = [error, error]

    def fails_twice(*, user_id: Any) -> selectors.InboxState:
        if failures:
            raise failures.pop()
        return real(user_id=user_id)

    monkeypatch.setattr(selectors, "inbox_state", fails_twice)
    async with server.feed.open(str(alice.pk), Position("foreign", 3)) as feed:
        (reset,) = await take(feed, 1)
        assert (reset.reason, reset.position.sequence) == (ResetReason.EPOCH, 1)
        await send(alice, "b")
        assert titles(await take(feed, 1)) == ["b"]
    assert [record.getMessage() for record in caplog.records] == [
        f"The inbox state fails: {type(error).__name__}: {error}",
        "The inbox state works again after 2 failures.",
    ]


# -- the log -------------------------------------------------------------------------------------------------


async def test_the_log_is_read_in_threads_of_its_own(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            threads.append(threading.current_thread().name)
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(selectors, "heads", noting(selectors.heads))
    monkeypatch.setattr(selectors, "events", noting(selectors.events))
    await send(alice, "a", "b", "c")
    log, key = DatabaseLog(), str(alice.pk)
    heads = await log.heads([key])
    assert heads == {key: Head(heads[key].position, first_sequence=1)}
    assert heads[key].position.sequence == 3
    (page,) = await log.read([LogRange(key, 1)], limit=1)
    assert titles(page) == ["b"]
    # Not how often: a connection that was lost since the last test is tried again.
    assert {name.rpartition("-")[0] for name in threads} == {"database-log"}
