"""Many writers at once on PostgreSQL: no errors but those that are documented."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from pytest_django import Settings

import live_inbox
from live_inbox.database_errors import ErrorKind, kind_of
from live_inbox.errors import InvalidInput
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSend, Inbox, InboxEvent, Notification
from live_inbox.services import SenderDeleted, bulk_sending
from live_inbox.services.bulk_progress import BulkProgress
from tests.databases.conftest import AddDatabase, Router
from tests.domain.concurrency import at_once
from tests.domain.doorbells import RememberingDoorbell

pytestmark = pytest.mark.stack("production")


@pytest.fixture(params=["read committed", "repeatable read", "serializable"])
def alias(
    request: pytest.FixtureRequest,
    add_database: AddDatabase,
    settings: Settings,
    bell: RememberingDoorbell,
) -> str:
    """The alias of the inbox, with this isolation by default."""
    level = request.param.replace(" ", "\\ ")
    alias = add_database(OPTIONS={"options": f"-c default_transaction_isolation={level}"})
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    return alias


def test_forty_concurrent_sends_all_succeed(alias: str) -> None:
    users = [User.objects.db_manager(alias).create_user(f"u{n}") for n in range(3)]
    keys = [user.pk for user in users]
    calls: list[Callable[[], object]] = []
    for n in range(10):
        calls += [
            partial(live_inbox.send, recipient=keys[0], title=f"{n}"),
            partial(live_inbox.send, recipient=keys[1], title="x", idempotency_key=f"k{n % 4}"),
            partial(live_inbox.send_many, recipients=keys, title=f"{n}"),
            partial(live_inbox.send_many, recipients=keys, title="y", idempotency_key="bulk"),
        ]
    for _ in range(3):
        failed = [result for result in at_once(*calls) if isinstance(result, Exception)]
        assert failed == []
    assert Notification.objects.using(alias).filter(title="y").count() == 3
    assert Inbox.objects.using(alias).get(user=keys[0]).total_count == 30 + 30 + 1
    assert list(check_inboxes()) == []


# A deletion is a transaction of the project: with a stricter isolation, only the project can repeat it.
@pytest.mark.parametrize("alias", ["read committed"], indirect=True)
def test_eighty_users_are_deleted_while_others_send_to_them(alias: str) -> None:
    users = [User.objects.db_manager(alias).create_user(f"u{n}") for n in range(80)]
    stays = User.objects.db_manager(alias).create_user("stays")
    keys = [user.pk for user in users]
    # Each has an inbox: without one, a deletion has nothing to lock.
    live_inbox.send_many(recipients=[*keys, stays.pk], title="first", sender=stays)
    stop = threading.Event()
    refused: Counter[str] = Counter()
    skipped = 0

    def send(seed: int) -> None:
        number = seed
        while not stop.is_set():
            number += 7
            try:
                live_inbox.send(recipient=keys[number % 80], title="x", sender=stays)
            except InvalidInput as error:
                refused[error.field] += 1

    def send_to_all(seed: int) -> None:
        nonlocal skipped
        while not stop.is_set():
            sent = live_inbox.send_many(
                recipients=[*keys, stays.pk], title="y", idempotency_key=f"bulk-{seed}"
            )
            skipped += sent.skipped

    def delete(part: int) -> None:
        try:
            for key in keys[part::3]:
                User.objects.using(alias).get(pk=key).delete()
        finally:
            deleted.append(part)
            if len(deleted) == 3:
                stop.set()

    # Keys that a bulk of before has used: who is deleted is skipped.
    for seed in range(2):
        live_inbox.send_many(recipients=[stays.pk], title="y", idempotency_key=f"bulk-{seed}")
    deleted: list[int] = []
    calls: list[Callable[[], Any]] = [
        *(partial(send, seed) for seed in range(4)),
        *(partial(send_to_all, seed) for seed in range(2)),
        *(partial(delete, part) for part in range(3)),
    ]
    results = at_once(*calls)
    assert [result for result in results if result is not None] == []
    assert set(refused) <= {"recipient_id", "recipient", "sender_id", "sender"}
    assert skipped > 0
    assert set(Inbox.objects.using(alias).values_list("user_id", flat=True)) == {stays.pk}
    assert set(InboxEvent.objects.using(alias).values_list("inbox_id", flat=True)) == {stays.pk}
    assert list(check_inboxes()) == []
    connections[alias].close()


@pytest.mark.parametrize("alias", ["read committed"], indirect=True)
def test_senders_are_deleted_in_the_middle_of_their_bulk_sends(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a recipient, too: a deletion locks the bulk sends before the inboxes, as `send_many` does."""
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 3)
    users = [User.objects.db_manager(alias).create_user(f"u{n}") for n in range(40)]
    keys = [user.pk for user in users]
    live_inbox.send_many(recipients=keys, title="first")
    begun = {key: threading.Event() for key in keys[::4]}
    add = BulkProgress.add
    sender = threading.local()

    def add_and_announce(self: Any, **kwargs: Any) -> None:
        add(self, **kwargs)
        # A chunk whose inboxes are all locked comes later.
        if kwargs["sent"]:
            begun[sender.key].set()

    monkeypatch.setattr(BulkProgress, "add", add_and_announce)

    def send(key: int) -> None:
        sender.key = key
        try:
            live_inbox.send_many(recipients=keys, title="x", sender=key, idempotency_key="k")
        except SenderDeleted as error:
            assert error.progress.sent > 0
        except InvalidInput as error:
            # It has begun so late that others are deleted, to whom it would send.
            assert error.field == "recipients"
        finally:
            begun[key].set()

    def delete(key: int) -> None:
        begun[key].wait(60)
        while True:
            try:
                User.objects.using(alias).get(pk=key).delete()
                return
            except OperationalError as error:
                # Those who have sent to each other are deleted at once: docs/databases.md.
                if kind_of(error) is not ErrorKind.CONFLICT:
                    raise

    calls = [partial(act, key) for key in begun for act in (send, delete)]
    results = at_once(*calls)
    assert [result for result in results if result is not None] == []
    assert not User.objects.using(alias).filter(pk__in=begun).exists()
    # Nobody can go on with them.
    rows = BulkSend.objects.using(alias)
    assert rows.count() == rows.filter(sender=None, idempotency_key=None).count() == len(begun)
    assert list(check_inboxes()) == []
    connections[alias].close()
