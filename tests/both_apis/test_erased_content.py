"""A device that was away does not get the content of what was deleted meanwhile: from the log, nor from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from live_inbox import selectors, services
from live_inbox.delivery.doorbell import Doorbell
from live_inbox.identity.issuing import issue_token
from tests.both_apis.raw_clients import SUBPROTOCOLS, Json, RawGraphQLClient, RawJsonClient
from tests.both_apis.server_thread import ServerThread
from tests.delivery.metric_values import counted
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "one-time password 4711"


@pytest.fixture
def user(transactional_db: None) -> Any:
    return get_user_model().objects.create_user("olga")


@pytest.fixture
def follow(server: ServerThread, user: Any) -> Iterator[Callable[..., RawGraphQLClient]]:
    """Open a client of a GraphQL subprotocol after a position."""
    with ExitStack() as opened:

        def open_(after: str, protocol: str = "graphql-transport-ws", **options: Any) -> Any:
            token = issue_token(user, ttl_seconds=600)
            client = RawGraphQLClient(server.ws, token, protocol, after=after, **options)
            return opened.enter_context(client)

        yield open_


@pytest.fixture
def original(server: ServerThread, user: Any) -> Iterator[RawJsonClient]:
    """A client of the JSON API."""
    with RawJsonClient(server.ws, issue_token(user, ttl_seconds=600)) as client:
        yield client


def position(user: Any) -> str:
    return str(selectors.inbox_state(user_id=user.pk).position)


def send(user: Any, title: str = SECRET, **content: Any) -> int:
    sent = services.send(recipient_id=user.pk, title=title, message=SECRET, **content)
    assert sent.notification is not None
    return sent.notification.pk


def delete(user: Any, notification_id: int) -> None:
    services.delete(user_id=user.pk, notification_id=notification_id)


def shape(events: list[Json]) -> list[tuple[str, int, int]]:
    """Return the types of events with their sequences and unread counts."""
    return [(each["__typename"], each["position"][1], each["unreadCount"]) for each in events]


GONE = [("PositionAdvanced", 2, 2), ("PositionAdvanced", 3, 1), ("NotificationDeleted", 4, 1)]


@pytest.mark.parametrize("protocol", SUBPROTOCOLS)
@pytest.mark.parametrize("types", [None, ["general"]])
@pytest.mark.parametrize("was_open", [True, False], ids=["from-memory", "from-the-log"])
def test_a_device_that_resumes_gets_the_numbers_alone(
    follow: Callable[..., RawGraphQLClient],
    user: Any,
    protocol: str,
    types: list[str] | None,
    was_open: bool,
) -> None:
    send(user, "before")
    start = position(user)
    if was_open:
        # The process has the events in memory, with their content: this device was there when it came.
        device = follow(start)
    gone = send(user)
    services.mark_read(user_id=user.pk, notification_id=gone)
    if was_open:
        assert [each["notification"]["title"] for each in device.events(2)] == [SECRET, SECRET]
    between = position(user)
    delete(user, gone)
    if was_open:
        assert shape(device.events(1)) == GONE[2:]
    events = follow(start, protocol, types=types).events(3)
    assert shape(events) == GONE
    assert SECRET not in str(events)
    # Every position of before, and of the erased events themselves, is still one to resume after.
    assert shape(follow(between, protocol, types=types).events(1)) == GONE[2:]
    for n, event in enumerate(events, 1):
        after = ".".join(map(str, event["position"]))
        assert shape(follow(after, protocol, types=types).events(3 - n)) == GONE[n:]


class LateDoorbells:
    """Doorbells that are under way until they are let through."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ring = Doorbell.ring
        self._held: list[tuple[Doorbell, Any]] = []
        patch.setattr(Doorbell, "ring", lambda bell, batch, **_: self._held.append((bell, batch)))

    def ring(self, place: int) -> None:
        """Let one through."""
        self._ring(*self._held[place])


def test_a_doorbell_that_is_still_under_way_brings_nothing_back(
    follow: Callable[..., RawGraphQLClient],
    original: RawJsonClient,
    user: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(user, "before")
    start = position(user)
    device = follow(start)
    original.events(1)
    late = LateDoorbells(monkeypatch)
    # All at once: no reconciliation finds it before it is deleted.
    with transaction.atomic():
        gone = send(user)
        services.mark_read(user_id=user.pk, notification_id=gone)
        delete(user, gone)
    late.ring(-1)
    assert shape(device.events(3)) == GONE
    (deleted,) = original.events(1)
    assert (deleted["type"], deleted["notification_id"]) == ("notification_deleted", gone)
    before = counted("contradictions_total", wrong="doorbell")
    for place in (0, 1, 2):
        late.ring(place)
    send(user, "after")
    late.ring(-1)
    assert [each["notification"]["title"] for each in device.events(1)] == ["after"]
    assert [each["notification"]["title"] for each in original.events(1)] == ["after"]
    assert counted("contradictions_total", wrong="doorbell") == before
    resumed = follow(start).events(4)
    assert shape(resumed) == [*GONE, ("NotificationAdded", 5, 2)]
    assert resumed[-1]["notification"]["title"] == "after"


def test_an_answer_that_waits_for_an_event_is_given_when_the_event_is_erased(
    original: RawJsonClient, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = send(user, "before")
    original.events(1)
    late = LateDoorbells(monkeypatch)
    original.say({"type": "mark_read", "notification_id": gone})
    # Its event is the second one. Another device deletes the notification before this one has got it.
    wait_until(lambda: position(user).split(".")[1] == "2")
    delete(user, gone)
    late.ring(-1)
    assert [each["type"] for each in original.events(2)] == [
        "notification_marked_read",
        "notification_deleted",
    ]
