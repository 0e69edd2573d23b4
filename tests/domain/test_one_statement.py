"""Marks and sends as one statement of PostgreSQL: what they write, and what they do when others write meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User, UserManager
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from live_inbox import database, services
from live_inbox.delivery.position import ORIGIN
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, Notification
from live_inbox.services import Changed, Sent, one_statement
from live_inbox.services.inbox_rows import read_with_notification
from live_inbox.statement_rows import may_write_in_binary
from live_inbox.statement_timing import label_of
from tests.changed_settings import changed_settings
from tests.domain.concurrency import is_blocked
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica, log_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.stack("production"),
]

DEADLINE_SECONDS = 30.0

CONTENTS: list[dict[str, Any]] = [
    {"title": "plain"},
    {"title": 'o\'clock \\ %s %% "quoted" ☀ 😀', "message": "two\nlines", "type": "news"},
    {"title": "data", "data": {"a": [1, 2.5, None, {"b": 2**60, "%s": "\\u0041"}], "é": ""}},
    {"title": "link", "link": "/a?b=%63"},
    {"title": "ends", "expires_at": datetime(2100, 1, 2, 3, 4, 5, 60, tzinfo=UTC)},
    {"title": "imported", "created_at": datetime(2001, 2, 3, tzinfo=UTC)},
    {"title": "key", "idempotency_key": "k"},
]


@pytest.fixture(params=[None, 0], ids=["not_prepared", "prepared"])
def prepare_threshold(
    transactional_db: None, request: pytest.FixtureRequest
) -> Iterator[int | None]:
    """Have the connection prepare statements, or not: with prepared ones, their values are in binary form."""
    used = database.connection()
    used.ensure_connection()
    raw: Any = used.connection
    raw.prepare_threshold = request.param
    assert may_write_in_binary(used) is (request.param is not None)
    yield request.param
    used.close()


def assert_whole(user: User) -> None:
    """Replaying the log gives the inbox, and its counts are right."""
    replica = Replica(ORIGIN, 0, 0, 0, {})
    replica.apply_all(log_of(user.pk))
    assert replica == Replica.read(user.pk)
    assert list(check_inboxes()) == []


@pytest.mark.parametrize("now", [None, datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)])
def test_devices_get_what_the_log_has(
    alice: User,
    bob: User,
    bell: RememberingDoorbell,
    prepare_threshold: int | None,
    now: datetime | None,
) -> None:
    """Though the database makes the one, and Python the other."""
    for sender in (None, bob.pk, alice.pk):
        for content in CONTENTS:
            sent = services.send(recipient_id=alice.pk, sender_id=sender, now=now, **content)
            assert sent.notification is not None
            own: dict[str, Any] = {
                "user_id": alice.pk,
                "notification_id": sent.notification.pk,
                "now": now,
            }
            assert services.mark_read(**own).notification.read
            assert not services.mark_unread(**own).notification.read
            again = services.mark_read(**own)
            sent.notification.refresh_from_db()
            assert again.notification.read_at == sent.notification.read_at
            assert not services.mark_read(**own).changed
    events = log_of(alice.pk)
    assert len(events) == 4 * 3 * len(CONTENTS)
    assert bell.events(alice.pk) == events
    assert now is None or {event.occurred_at for event in events} == {now}
    assert_whole(alice)


def test_what_a_send_returns_is_the_row(
    alice: User, bell: RememberingDoorbell, prepare_threshold: int | None
) -> None:
    for content in CONTENTS:
        sent = services.send(recipient_id=alice.pk, sender_id=alice.pk, **content).notification
        assert sent is not None
        returned = {field.attname: getattr(sent, field.attname) for field in sent._meta.fields}
        sent.refresh_from_db()
        stored = {field.attname: getattr(sent, field.attname) for field in sent._meta.fields}
        assert returned == stored


def test_declared_types_are_as_in_a_transaction(
    alice: User, bob: User, bell: RememberingDoorbell
) -> None:
    """Their templates, their retention, and who wants them."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    ends = datetime(2026, 1, 4, tzinfo=UTC)
    declared = {
        "report": {"title": "{{ name }}'s", "message": "%s {{ n }}", "retention_days": 2},
        "tips": {"default": False, "title": "Tips"},
        "security": {"required": True, "title": "Security"},
    }
    report = {"type": "report", "context": {"name": "Ana", "n": 2}}
    expected: list[tuple[User, dict[str, Any], tuple[object, ...] | None]] = [
        (alice, report, ("Ana's", "%s 2", ends)),
        (alice, {"type": "report", "title": "given"}, ("given", "", ends)),
        (alice, {"type": "tips"}, None),
        (alice, {"type": "security"}, ("Security", "", None)),
        (bob, report, None),
        (bob, {"type": "tips"}, ("Tips", "", None)),
        (bob, {"type": "security"}, ("Security", "", None)),
    ]

    def sent(user: User, given: dict[str, Any]) -> tuple[object, ...] | None:
        row = services.send(recipient_id=user.pk, now=now, **given).notification
        return None if row is None else (row.title, row.message, row.expires_at)

    for type, enabled in (("report", False), ("tips", True), ("security", False)):
        services.set_preference(user_id=bob.pk, type=type, enabled=enabled)
    with changed_settings(TYPES=declared):
        for user, given, shown in expected:
            assert sent(user, given) == shown, given
            with transaction.atomic():
                assert sent(user, given) == shown, given
    assert_whole(alice)
    assert_whole(bob)


def test_a_key_is_compared_with_what_was_given(alice: User, bell: RememberingDoorbell) -> None:
    def send(name: str) -> Sent:
        return services.send(
            recipient_id=alice.pk, type="report", context={"name": name}, idempotency_key="k"
        )

    with changed_settings(TYPES={"report": {"title": "{{ name }}'s"}}):
        assert not send("Ana").replayed
    with changed_settings(TYPES={"report": {"title": "Of {{ name }}"}}):
        assert send("Ana").replayed
        with pytest.raises(Conflict):
            send("Bo")


def statements(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    return [label_of(query["sql"]) for query in captured.captured_queries]


def test_each_takes_one_or_two_statements_and_no_transaction(
    alice: User, bob: User, bell: RememberingDoorbell
) -> None:
    send = partial(services.send, recipient_id=alice.pk, title="x")
    notification = send().notification
    assert notification is not None
    own: dict[str, Any] = {"user_id": alice.pk, "notification_id": notification.pk}
    assert statements(send) == ["send"]
    assert statements(partial(send, sender_id=bob.pk, known=bob)) == ["send"]
    # Whose name the notification shows.
    assert statements(partial(send, sender_id=bob.pk)) == ["SELECT user", "send"]
    assert statements(lambda: services.mark_read(**own)) == ["SELECT notification", "mark"]
    # Nothing is to be written.
    assert statements(lambda: services.mark_read(**own)) == ["SELECT notification"]
    with transaction.atomic():
        assert "mark" not in statements(lambda: services.mark_unread(**own))


@pytest.mark.parametrize("known", [False, True])
def test_the_database_finds_out_that_there_is_no_such_recipient(
    alice: User, bell: RememberingDoorbell, known: bool
) -> None:
    send = partial(services.send, recipient_id=alice.pk + 1, title="x")
    if known:
        send = partial(send, sender_id=alice.pk, known=alice, idempotency_key="k")

    def refused() -> None:
        with pytest.raises(InvalidInput, match=r"^There is no such user\.$") as caught:
            send()
        assert caught.value.field == "recipient_id"

    found = statements(refused)
    assert "send" in found
    assert found[-1] == "SELECT user"
    assert bell.rings == []
    assert not Inbox.objects.exists()
    assert not Notification.objects.exists()
    # The connection works, and so does the key.
    assert isinstance(send(recipient_id=alice.pk), Sent)


def test_who_is_hidden_by_the_manager_gets_nothing(
    alice: User, bell: RememberingDoorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Active(UserManager[User]):
        def get_queryset(self) -> QuerySet[User]:
            return super().get_queryset().filter(is_active=True)

    hiding = Active()
    hiding.model = User
    monkeypatch.setattr(User._meta, "default_manager", hiding)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(InvalidInput, match=r"^There is no such user\.$"):
        services.send(recipient_id=alice.pk, title="x")
    assert not Notification.objects.exists()


class Waiting:
    """A call in a thread of its own, which waits for what this thread has locked."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._result: Any = None
        self._thread = threading.Thread(target=self._run, args=[call])
        self._thread.start()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_blocked():
            assert self._thread.is_alive(), self._result
            assert time.monotonic() < deadline

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._result = call()
        except Exception as error:
            self._result = error
        finally:
            connections.close_all()

    def result(self) -> Any:
        """Return what it returns, or raise what it raises."""
        self._thread.join(DEADLINE_SECONDS)
        if isinstance(self._result, Exception):
            raise self._result
        assert self._result is not None
        return self._result


class TestWhileOthersWrite:
    @pytest.fixture
    def ids(self, alice: User, bell: RememberingDoorbell) -> list[int]:
        found = [services.send(recipient_id=alice.pk, title="x").notification for _ in range(3)]
        return [each.pk for each in found if each is not None]

    @pytest.fixture
    def mark(self, alice: User, ids: list[int]) -> Callable[[], Changed]:
        return partial(services.mark_read, user_id=alice.pk, notification_id=ids[0])

    def test_a_change_of_another_notification_is_counted(
        self, alice: User, ids: list[int], mark: Callable[[], Changed]
    ) -> None:
        with transaction.atomic():
            services.mark_read(user_id=alice.pk, notification_id=ids[1])
            services.send(recipient_id=alice.pk, title="y")
            waiting = Waiting(mark)
        done = waiting.result()
        assert done.changed
        assert (done.unread_count, done.total_count, done.position.sequence) == (2, 4, 6)
        assert_whole(alice)

    def test_what_is_marked_meanwhile_is_marked_once(
        self, alice: User, mark: Callable[[], Changed]
    ) -> None:
        with transaction.atomic():
            mark()
            waiting = Waiting(mark)
        assert not waiting.result().changed
        assert len(log_of(alice.pk)) == 4
        assert_whole(alice)

    def test_what_is_deleted_meanwhile_is_not_found(
        self, alice: User, ids: list[int], mark: Callable[[], Changed]
    ) -> None:
        with transaction.atomic():
            services.delete(user_id=alice.pk, notification_id=ids[0])
            waiting = Waiting(mark)
        with pytest.raises(NotFound):
            waiting.result()
        assert_whole(alice)

    def test_what_is_rolled_back_has_not_happened(
        self, alice: User, mark: Callable[[], Changed]
    ) -> None:
        with transaction.atomic():
            mark()
            waiting = Waiting(mark)
            transaction.set_rollback(True)
        assert waiting.result().changed
        assert_whole(alice)

    def test_times_are_in_the_order_of_sequences(
        self, alice: User, ids: list[int], mark: Callable[[], Changed]
    ) -> None:
        """The time of a change is that at which it got the lock, not that at which it began to wait."""
        with transaction.atomic():
            services.mark_read(user_id=alice.pk, notification_id=ids[1])
            waiting = Waiting(partial(services.send, recipient_id=alice.pk, title="y"))
            released_at = timezone.now()
        waiting.result()
        *_, last = log_of(alice.pk)
        assert last.occurred_at > released_at
        assert last.notification is not None
        assert last.notification.created_at == last.occurred_at
        assert_whole(alice)


def test_an_inbox_that_has_changed_since_it_was_read_is_not_written(
    alice: User, bell: RememberingDoorbell
) -> None:
    first = services.send(recipient_id=alice.pk, title="x").notification
    assert first is not None
    inbox, notification = read_with_notification(alice.pk, first.pk)
    services.send(recipient_id=alice.pk, title="y")
    assert one_statement.mark(inbox, notification, True, None) is None
    assert len(log_of(alice.pk)) == 2
    assert_whole(alice)
