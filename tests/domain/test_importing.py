"""What an import writes: notifications as if each had been added by an event that was pruned at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction

from live_inbox import selectors, services
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import InvalidInput
from live_inbox.importing.moments import clean_moment
from live_inbox.importing.references import Reference, References
from live_inbox.importing.rows import Page, SourceRow
from live_inbox.importing.running import ImportOptions, Tally, run_import
from live_inbox.importing.types import to_type
from live_inbox.importing.user_keys import UserField
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification
from tests.domain.concurrency import at_once, is_blocked
from tests.domain.conftest import Commit, VerifyEvents
from tests.waiting import wait_until

THEN = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Rows:
    """A source of rows that are in memory."""

    def __init__(self, *pages: Page) -> None:
        self._pages = pages

    def total(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self._pages))

    def pages(self) -> Iterator[Page]:
        """Yield the pages."""
        yield from self._pages


def row(user: User, key: str, *, read: object = None, sender: User | None = None) -> SourceRow:
    return SourceRow(
        place=key,
        key=key,
        recipient=user.pk,
        sender=sender and sender.pk,
        created_at=THEN,
        read=read,
        content={"title": key},
    )


def import_rows(*pages: Page) -> Tally:
    """Import pages; return what has become of their rows."""
    return [step.tally for step in run_import(Rows(*pages), ImportOptions())][-1]


def position(user: User) -> Position:
    return selectors.inbox_state(user_id=user.pk).position


def loss(user: User, after: Position) -> ResetReason | None:
    return selectors.heads([str(user.pk)])[str(user.pk)].loss(after)


def added(user: User) -> list[tuple[str, int]]:
    """Return the titles and the sequences of a user's notifications, in the order of ids."""
    rows = Notification.objects.filter(recipient=user).order_by("id")
    return list(rows.values_list("title", "added_sequence"))


def inbox(user: User) -> tuple[int, int, int, int]:
    """Return the first and the last sequence, the unread and the total count."""
    fields = ("first_sequence", "last_sequence", "unread_count", "total_count")
    first, last, unread, total = Inbox.objects.values_list(*fields).get(pk=user.pk)
    return first, last, unread, total


def test_rows_take_sequences_and_are_counted(alice: User, bob: User, db: None) -> None:
    tally = import_rows(
        [row(alice, "a1"), row(bob, "b1", read=True), row(alice, "a2", read=THEN)],
        [row(alice, "a3"), row(bob, "b2")],
    )

    assert (tally.read, tally.imported, tally.known, tally.failed) == (5, 5, 0, 0)
    assert added(alice) == [("a1", 1), ("a2", 2), ("a3", 3)]
    assert added(bob) == [("b1", 1), ("b2", 2)]
    assert inbox(alice) == (4, 3, 2, 3)
    assert inbox(bob) == (3, 2, 1, 2)
    assert list(check_inboxes()) == []


def test_every_earlier_position_is_reset_once(
    alice: User, bob: User, committed: Commit, verify_events: VerifyEvents
) -> None:
    with committed():
        for title in ("x", "y"):
            services.send(recipient_id=alice.pk, title=title)
    seen = [ORIGIN, Position(position(alice).epoch, 1), position(alice)]

    import_rows([row(alice, "a1"), row(bob, "b1")])

    assert [loss(alice, after) for after in seen] == [ResetReason.EXPIRED] * 3
    # Bob's inbox was never touched: its position was the origin.
    assert loss(bob, ORIGIN) is ResetReason.EXPIRED
    assert position(alice).epoch == seen[-1].epoch
    assert [loss(user, position(user)) for user in (alice, bob)] == [None, None]
    assert InboxEvent.objects.count() == 0
    assert list(check_inboxes()) == []
    with verify_events(alice, bob):
        services.send(recipient_id=alice.pk, title="z")
        services.mark_all_read(user_id=bob.pk)
    assert added(alice) == [("x", 1), ("y", 2), ("a1", 3), ("z", 4)]


def test_the_logs_of_other_inboxes_stay(alice: User, bob: User, committed: Commit) -> None:
    with committed():
        services.send(recipient_id=bob.pk, title="x")

    import_rows([row(alice, "a1", sender=bob)])

    assert InboxEvent.objects.get().inbox_id == bob.pk
    assert loss(bob, ORIGIN) is None


def test_an_older_position_still_limits_mark_all_read(alice: User, committed: Commit) -> None:
    with committed():
        services.send(recipient_id=alice.pk, title="x")
        up_to = position(alice)
        import_rows([row(alice, "a1")])

        done = services.mark_all_read(user_id=alice.pk, up_to=up_to)

    assert (done.count, done.unread_count) == (1, 1)
    assert Notification.objects.get(title="a1").read_at is None


def test_rows_are_imported_once(alice: User, bob: User, db: None) -> None:
    rows: Page = [row(alice, "k"), row(alice, "k"), row(alice, "k", sender=bob), row(bob, "other")]

    first = import_rows(rows, rows)
    again = import_rows(rows)

    # As for sends: a key is unique for each sender.
    assert (first.imported, first.known, again.imported, again.known) == (3, 5, 0, 4)
    assert added(alice) == [("k", 1), ("k", 2)]
    assert inbox(alice) == (3, 2, 2, 2)


def test_a_key_of_another_recipient_is_a_problem(alice: User, bob: User, db: None) -> None:
    import_rows([row(alice, "k")])

    steps = list(
        run_import(Rows([row(bob, "k"), row(alice, "new"), row(bob, "new")]), ImportOptions())
    )

    message = "This key was used for a notification of another recipient."
    assert [str(problem) for step in steps for problem in step.problems] == [
        f"k: {message} (k)",
        f"new: {message} (new)",
    ]
    assert (added(alice), added(bob)) == ([("k", 1), ("new", 2)], [])


def test_what_is_known_resets_nothing(alice: User, db: None) -> None:
    import_rows([row(alice, "a1")])
    seen = position(alice)

    import_rows([row(alice, "a1")])

    assert loss(alice, seen) is None


def test_a_type_that_a_user_has_turned_off_is_imported(alice: User, db: None) -> None:
    services.set_preference(user_id=alice.pk, type="general", enabled=False)

    assert import_rows([row(alice, "a1")]).imported == 1


def test_a_page_costs_a_fixed_number_of_statements(
    alice: User,
    bob: User,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    few: Page = [row(alice, "a")]
    many: Page = [row(user, f"{user.pk}:{n}") for n in range(200) for user in (alice, bob)]

    for page in (few, many):
        # Users, known keys, savepoint, inboxes, rows, logs to empty, end of the savepoint; once for a run, the time.
        with django_assert_num_queries(7 + (connection.vendor == "postgresql")):
            import_rows(page)


@pytest.mark.parametrize("read", [datetime(2024, 5, 2), "2024-05-02", "2024-05-02T02:00+02:00"])  # noqa: DTZ001
def test_moments_of_reading(alice: User, read: object) -> None:
    import_rows([row(alice, "a1", read=read)])

    assert Notification.objects.get().read_at == datetime(2024, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "2024-13-01", 7, None, "0001-01-01T00:00+14:00"])
def test_what_is_no_moment(value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        clean_moment(value, field="created_at")
    assert refused.value.field == "created_at"


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("billing.Invoice", "billing.Invoice"),
        ("commented on", "commented-on"),
        ("  Höhe!  ", "hohe"),
        ("日本", "general"),
        (None, "general"),
        ("x y" * 40, ("x-" + "yx-" * 40)[:64].strip("-")),
    ],
)
def test_types(text: object, type: str) -> None:
    assert to_type(text) == type


def test_a_name_that_two_users_have_names_none_of_them(db: None) -> None:
    users = [
        User.objects.create(username=name, email=f"{name[0]}@example.com")
        for name in ("a1", "a2", "b")
    ]

    found = UserField("email").find(["a@example.com", "b@example.com", "c@example.com"])

    assert found == {"b@example.com": users[2].pk}


def test_objects_that_rows_refer_to(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    users = ContentType.objects.get_for_model(User).pk
    # Of an app that is no longer installed.
    old = ContentType.objects.create(app_label="shop", model="order").pk
    named: list[Reference] = [
        (users, str(alice.pk)),
        (users, "x"),
        (users, "9" * 30),
        (old, "7"),
        (None, None),
    ]
    references = References()

    references.load(named)

    assert [references.name(each) for each in named] == [
        "alice", "user x", f"user {'9' * 30}", "order 7", None,
    ]  # fmt: skip
    assert [references.user_id(each) for each in named] == [alice.pk, None, None, None, None]
    assert references.describe((old, "7")) == {"type": "shop.order", "id": "7"}
    assert references.describe((None, None)) is None
    with django_assert_num_queries(0):
        references.load(named)


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_rows_at_once(alice: User, bob: User) -> None:
    page: Page = [row(user, f"{user.pk}:{n}") for n in range(300) for user in (alice, bob)]
    pages = [page[start : start + 50] for start in range(0, len(page), 50)]

    tallies = at_once(*[lambda: import_rows(*pages)] * 3)

    assert sum(tally.imported for tally in tallies if isinstance(tally, Tally)) == 600
    assert [tally.known + tally.imported for tally in tallies if isinstance(tally, Tally)] == [
        600
    ] * 3
    assert [title for title, _ in added(alice)] == [f"{alice.pk}:{n}" for n in range(300)]
    assert list(check_inboxes()) == []


@pytest.mark.django_db(transaction=True)
def test_imports_and_sends_at_once(alice: User, bob: User) -> None:
    page: Page = [row(user, f"{user.pk}:{n}") for n in range(100) for user in (bob, alice)]
    pages = [page[start : start + 20] for start in range(0, len(page), 20)]

    def send() -> None:
        for _ in range(30):
            services.send_many(recipient_ids=[alice.pk, bob.pk], title="sent")

    results = at_once(lambda: import_rows(*pages), send, send)

    assert not [result for result in results if isinstance(result, Exception)]
    assert inbox(alice)[1:] == inbox(bob)[1:] == (160, 160, 160)
    assert [sequence for _, sequence in added(alice)] == list(range(1, 161))
    assert list(check_inboxes()) == []


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_meanwhile_is_reported(alice: User, bob: User) -> None:
    import_rows([row(alice, "first")])
    problems: list[str] = []

    def work() -> None:
        for step in run_import(Rows([row(bob, "b1"), row(alice, "a1")]), ImportOptions()):
            problems.extend(map(str, step.problems))
        connections.close_all()

    with transaction.atomic():
        # The import looks up its users, then waits for this lock.
        Inbox.objects.select_for_update().get(pk=alice.pk)
        importing = threading.Thread(target=work)
        importing.start()
        wait_until(is_blocked)
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("DELETE FROM auth_user WHERE id = %s", [bob.pk])
        other.close()
    importing.join()

    assert problems == [f"b1: There is no such recipient. ({bob.pk})"]
    assert added(alice) == [("first", 1), ("a1", 2)]
