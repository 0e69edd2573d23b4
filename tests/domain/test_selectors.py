from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from live_inbox import selectors, services
from live_inbox.delivery.log import UNTOUCHED, Head, LogRange
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Event, Kind
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox.selectors import EMPTY, InboxState, Page, log
from tests.domain.query_counting import queries

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def send(user: User, title: str = "x", **content: Any) -> Notification:
    sent = services.send(recipient_id=user.pk, title=title, **content)
    assert sent.notification is not None
    return sent.notification


@pytest.fixture
def letters(alice: User, bob: User) -> dict[str, int]:
    """Alice's inbox: a to f, oldest first; b and e are read, c and e are news; Bob's has one of each."""
    ids = {}
    for letter in "abcdef":
        notification = send(alice, letter, type="news" if letter in "ce" else "general")
        ids[letter] = notification.pk
        if letter in "be":
            services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    for type in ("news", "general"):
        send(bob, "bob's", type=type)
    return ids


def titles(page: Page) -> str:
    return "".join(each.title for each in page.notifications)


# -- pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "found", "has_newer", "has_older"),
    [
        ({}, "fed", False, True),
        ({"limit": 6}, "fedcba", False, False),
        ({"limit": 7}, "fedcba", False, False),
        ({"from_oldest": True}, "cba", True, False),
        ({"older_than": "d"}, "cba", True, False),
        ({"older_than": "c"}, "ba", True, False),
        ({"older_than": "e"}, "dcb", True, True),
        ({"older_than": "a"}, "", True, False),
        ({"newer_than": "c"}, "fed", False, True),
        ({"newer_than": "b"}, "fed", False, True),
        ({"newer_than": "f"}, "", False, True),
        ({"newer_than": "b", "from_oldest": True}, "edc", True, True),
        ({"newer_than": "c", "from_oldest": True}, "fed", False, True),
        ({"older_than": "e", "from_oldest": True}, "cba", True, False),
        ({"older_than": "f", "newer_than": "a"}, "edc", True, True),
        ({"older_than": "f", "newer_than": "a", "from_oldest": True}, "dcb", True, True),
        ({"older_than": "c", "newer_than": "a"}, "b", True, True),
        ({"older_than": "b", "newer_than": "e"}, "", True, True),
        ({"older_than": 0}, "", True, False),
        ({"newer_than": 0}, "fed", False, True),
        ({"older_than": 10**12}, "fed", False, True),
        ({"older_than": 2**63 - 1}, "fed", False, True),
        ({"older_than": 2**70}, "fed", False, True),
        ({"newer_than": 2**70}, "", False, True),
        ({"newer_than": -(2**70)}, "fed", False, True),
        ({"older_than": -(2**70)}, "", True, False),
    ],
)
def test_a_page_is_bounded_by_ids_and_says_what_lies_beyond(
    alice: User,
    letters: dict[str, int],
    bounds: dict[str, Any],
    found: str,
    has_newer: bool,
    has_older: bool,
) -> None:
    arguments = {"limit": 3} | {name: letters.get(bound, bound) for name, bound in bounds.items()}
    page = selectors.page(user_id=alice.pk, **arguments)
    assert titles(page) == found
    assert (page.has_newer, page.has_older) == (has_newer, has_older)
    head = Inbox.objects.get(pk=alice.pk).position
    assert head.sequence == 8
    assert page.inbox == InboxState(head, 4, 6, unseen_count=4, archived_count=0, snoozed_count=0)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"read": True}, "eb"),
        ({"read": False}, "fdca"),
        ({"types": ["news"]}, "ec"),
        ({"types": ["general"]}, "fdba"),
        ({"types": ["general", "news"]}, "fedcba"),
        ({"types": ["news", "news"]}, "ec"),
        ({"types": ["news", "other"]}, "ec"),
        ({"types": ["other"]}, ""),
        ({"types": []}, ""),
        ({"types": {"news"}, "read": False}, "c"),
        ({"types": ["news"], "read": True}, "e"),
        ({"types": ("general", "news"), "read": True}, "eb"),
        ({"types": ["general", "news"], "read": False}, "fdca"),
    ],
)
def test_a_list_can_be_filtered(
    alice: User, letters: dict[str, int], filter: dict[str, Any], found: str
) -> None:
    assert letters
    whole = selectors.page(user_id=alice.pk, limit=10, **filter)
    assert titles(whole) == found
    assert (whole.has_newer, whole.has_older) == (False, False)
    assert whole.inbox.total_count == 6
    first = selectors.page(user_id=alice.pk, limit=1, **filter)
    assert (titles(first), first.has_older) == (found[:1], len(found) > 1)
    last = selectors.page(user_id=alice.pk, limit=1, from_oldest=True, **filter)
    assert (titles(last), last.has_newer) == (found[-1:], len(found) > 1)


def test_the_page_of_an_inbox_that_was_never_touched_is_empty(alice: User) -> None:
    page = selectors.page(user_id=alice.pk, limit=5)
    assert page == Page([], EMPTY, has_newer=False, has_older=False)
    assert InboxState(ORIGIN, 0, 0, 0, 0, 0) == EMPTY
    assert selectors.inbox_state(user_id=alice.pk) == EMPTY


def test_a_page_has_the_senders(alice: User, bob: User) -> None:
    send(alice, sender_id=bob.pk)
    send(alice)
    page = selectors.page(user_id=alice.pk, limit=5)
    assert [each.sender for each in page.notifications] == [None, services.person(bob)]


def test_a_page_has_what_events_carry(alice: User, bob: User) -> None:
    content: Any = {
        "type": "news",
        "message": "é ☀",
        "link": "/a",
        "data": {"a": [1, 2.5, None, {"b": True}]},
        "expires_at": timezone.now() + timedelta(days=1),
    }
    send(alice, "a", sender_id=bob.pk, **content)
    send(alice, "b")
    services.mark_all_read(user_id=alice.pk)
    rows = Notification.objects.select_related("sender").order_by("-id")
    page = selectors.page(user_id=alice.pk, limit=5)
    assert page.notifications == [services.snapshot(row) for row in rows]
    assert all(each.created_at.tzinfo is UTC for each in page.notifications)


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_page_has_a_sensible_length(alice: User, limit: int) -> None:
    with pytest.raises(InvalidInput, match=r"^A page has 1 to 100 notifications\.$") as caught:
        selectors.page(user_id=alice.pk, limit=limit)
    assert caught.value.field == "limit"


def test_the_longest_page_is_a_setting(alice: User, settings: Any) -> None:
    settings.LIVE_INBOX = settings.LIVE_INBOX | {"MAX_PAGE_SIZE": 2}
    assert selectors.page(user_id=alice.pk, limit=2).notifications == []
    with pytest.raises(InvalidInput, match="1 to 2 notifications"):
        selectors.page(user_id=alice.pk, limit=3)


def test_a_filter_names_not_too_many_types(alice: User) -> None:
    send(alice, "a", type="t19")
    page = selectors.page(user_id=alice.pk, limit=5, types=[f"t{n}" for n in range(20)])
    assert titles(page) == "a"
    with pytest.raises(InvalidInput, match="20 types at most") as caught:
        selectors.page(user_id=alice.pk, limit=5, types=[f"t{n}" for n in range(21)])
    assert caught.value.field == "types"


@pytest.mark.parametrize(
    "types", [["no slug"], ["a", ""], ["\x00"], ["\ud800"], ["x" * 65], [None]]
)
def test_a_filter_names_types(alice: User, types: list[Any]) -> None:
    send(alice)
    with pytest.raises(InvalidInput) as caught:
        selectors.page(user_id=alice.pk, limit=5, types=types)
    assert caught.value.field == "types"


@pytest.mark.parametrize(
    ("arguments", "cost"),
    [
        ({}, 1),
        ({"types": ["news"], "read": False}, 1),
        ({"types": ["general", "news"]}, 1),
        ({"from_oldest": True}, 1),
        ({"older_than": "d"}, 2),
        ({"newer_than": "b", "from_oldest": True, "types": ["general", "news"]}, 2),
        ({"older_than": "f", "newer_than": "a"}, 3),
        # A page without rows has the state of the inbox all the same.
        ({"types": ["other"]}, 1),
        ({"older_than": "a"}, 2),
        ({"types": []}, 1),
    ],
)
def test_a_page_costs_a_fixed_number_of_queries(
    alice: User, letters: dict[str, int], arguments: dict[str, Any], cost: int
) -> None:
    found = {name: letters.get(str(value), value) for name, value in arguments.items()}
    for limit in (1, 3, 100):
        with queries() as statements:
            selectors.page(user_id=alice.pk, limit=limit, **found)
        assert len(statements) == cost


# -- one -----------------------------------------------------------------------------------------------------


def test_one_notification_is_found_with_its_sender(alice: User, bob: User) -> None:
    notification = send(alice, sender_id=bob.pk)
    with queries() as statements:
        found = selectors.notification(user_id=alice.pk, notification_id=notification.pk)
        assert services.snapshot(found).sender == services.person(bob)
    assert found == notification
    assert len(statements) == 1


@pytest.mark.parametrize("wrong", [0, -1, 10**12, 2**63, 2**100])
def test_what_the_user_does_not_have_is_not_found(alice: User, bob: User, wrong: int) -> None:
    send(alice)
    for notification_id in (send(bob).pk, wrong):
        with pytest.raises(NotFound):
            selectors.notification(user_id=alice.pk, notification_id=notification_id)


# -- heads and events ----------------------------------------------------------------------------------------


def test_the_heads_of_inboxes(alice: User, bob: User) -> None:
    for _ in range(3):
        send(alice)
    Inbox.objects.filter(pk=alice.pk).update(first_sequence=2)
    inbox = Inbox.objects.get()
    head = Position(inbox.epoch, 3, inbox.fingerprint)
    assert selectors.heads([str(alice.pk), str(bob.pk), "123456789"]) == {
        str(alice.pk): Head(head, first_sequence=2),
        str(bob.pk): UNTOUCHED,
        "123456789": UNTOUCHED,
    }
    assert selectors.heads([]) == {}


def test_the_events_after_places(alice: User, bob: User) -> None:
    for _ in range(5):
        send(alice)
    send(bob)
    a, b = str(alice.pk), str(bob.pk)
    places = [
        LogRange(b, 0),
        LogRange(a, 3),
        LogRange(a, 0),
        LogRange(a, 5),
        LogRange("12345", 0),
        LogRange(a, 3),
    ]
    found = selectors.events(places, limit=3)
    assert [[(event.inbox, event.sequence) for event in stretch] for stretch in found] == [
        [(b, 1)],
        [(a, 4), (a, 5)],
        [(a, 1), (a, 2), (a, 3)],
        [],
        [],
        [(a, 4), (a, 5)],
    ]
    assert selectors.events([], limit=3) == []
    assert selectors.events([LogRange(a, 10**18 - 1)], limit=500) == [[]]


def test_an_event_is_read_as_it_was_written(alice: User, bob: User) -> None:
    notification = send(alice, "t", sender_id=bob.pk, now=NOON, data={"a": [1, None]})
    services.mark_read(user_id=alice.pk, notification_id=notification.pk, now=NOON)
    services.mark_all_read(user_id=alice.pk)
    services.delete(user_id=alice.pk, notification_id=notification.pk, now=NOON)
    (events,) = selectors.events([LogRange(str(alice.pk), 0)], limit=10)
    assert [event.kind for event in events] == [Kind.ADDED, Kind.READ, Kind.DELETED]
    assert {event.occurred_at for event in events} == {NOON}
    assert {event.epoch for event in events} == {Inbox.objects.get().epoch}
    assert [(event.unread_count, event.total_count) for event in events] == [(1, 1), (0, 1), (0, 0)]


@pytest.mark.parametrize(
    "moment", ["1970-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2038-01-19T03:14:07.000001"]
)
def test_the_moment_of_an_event_is_exact(alice: User, moment: str) -> None:
    moments = [datetime.fromisoformat(moment).replace(tzinfo=UTC), NOON]
    for now in moments:
        send(alice, "t", now=now)
    (events,) = selectors.events([LogRange(str(alice.pk), 0)], limit=10)
    assert [event.occurred_at for event in events] == moments
    assert {event.occurred_at.tzinfo for event in events} == {UTC}


def test_heads_and_events_cost_one_query_for_each_1000_inboxes(alice: User) -> None:
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(1010))
    services.send_many(recipient_ids=[user.pk for user in users], title="x")
    for size, cost in ((1, 1), (1000, 1), (1001, 2), (1010, 2)):
        inboxes = [str(user.pk) for user in users[:size]]
        with queries() as statements:
            heads = selectors.heads(inboxes)
        assert (len(statements), len(heads)) == (cost, size)
        with queries() as statements:
            found = selectors.events([LogRange(inbox, 0) for inbox in inboxes], limit=500)
        assert (len(statements), sum(map(len, found))) == (cost, size)
    many_of_one = [LogRange(str(users[0].pk), 0)] * 3000
    with queries() as statements:
        assert len(selectors.events(many_of_one, limit=500)) == 3000
    assert len(statements) == 1


def test_places_that_overlap_are_read_once(alice: User, bob: User) -> None:
    for _ in range(12):
        send(alice)
    send(bob)
    a = str(alice.pk)
    # 1 to 4, 3 to 6 and 7 to 10 are one stretch; 12 is another.
    places = [LogRange(a, after) for after in (2, 0, 11, 6)]
    with rows_given() as rows:
        found = selectors.events([*places, LogRange(str(bob.pk), 0)], limit=4)
    assert [[event.sequence for event in part] for part in found] == [
        [3, 4, 5, 6],
        [1, 2, 3, 4],
        [12],
        [7, 8, 9, 10],
        [1],
    ]
    assert rows == [12]


@given(
    places=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 30)).map(lambda p: LogRange(*p))
    ),
    limit=st.integers(1, 12),
)
def test_stretches_hold_what_the_places_ask_for_and_each_event_once(
    places: list[LogRange], limit: int
) -> None:
    asked = {(p.inbox, n) for p in places for n in range(p.after + 1, p.after + limit + 1)}
    held = [
        (inbox, n)
        for inbox, after, through in log._merged(places, limit)
        for n in range(after + 1, through + 1)
    ]
    assert sorted(held) == sorted(asked)


@contextmanager
def rows_given() -> Iterator[list[int]]:
    """Give a list that holds, after the block, how many rows each query of the log has returned."""
    counts: list[int] = []

    def count(connection: Any, rows: Iterable[Sequence[Any]]) -> Iterator[Event]:
        found = list(rows)
        counts.append(len(found))
        return readable(connection, found)

    readable = log._readable
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "_readable", count)
        yield counts


@pytest.mark.parametrize(
    "damage",
    [
        {"payload": {}},
        {"payload": []},
        {"payload": {"unread": 1, "total": 1, "notification": {"id": 1}}},
    ],
)
def test_an_event_that_cannot_be_read_is_a_hole_and_spares_the_others(
    alice: User, bob: User, damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for user in (alice, bob):
        for _ in range(3):
            send(user)
    InboxEvent.objects.filter(inbox=alice.pk, sequence=2).update(**damage)
    with caplog.at_level(logging.ERROR):
        places = [LogRange(str(user.pk), 0) for user in (alice, bob)]
        found = selectors.events(places, limit=10)
    assert [[event.sequence for event in stretch] for stretch in found] == [[1, 3], [1, 2, 3]]
    assert [record.getMessage() for record in caplog.records] == [
        f"Event 2 of inbox {alice.pk} cannot be read."
    ]
