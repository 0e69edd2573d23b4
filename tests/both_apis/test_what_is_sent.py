"""Every field of every message is what was committed: live, from the log, and in lists, on clients of every protocol.

The events of one batch differ in every field, so that none can be sent with what belongs to another one.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from live_inbox import selectors, services
from live_inbox.delivery.doorbell import Doorbell
from live_inbox.identity.issuing import issue_token
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.repair import renew_epochs
from live_inbox.models import Inbox, InboxEvent, Notification
from tests.both_apis.committed import (
    CommittedEvent,
    CommittedEvents,
    graphql_moment,
    graphql_notification,
    json_notification,
)
from tests.both_apis.raw_clients import (
    SUBPROTOCOLS,
    Json,
    RawGraphQLClient,
    RawJsonClient,
    every_field,
)
from tests.both_apis.server_thread import ServerThread

pytestmark = pytest.mark.django_db(transaction=True)

OTHER_SELECTION = """when: occurredAt
    ... on NotificationAdded { added: notification { text: message data sender { name } } }
    ... on NotificationUpdated { position changed: notification { id readAt } }
    ... on NotificationDeleted { gone: notificationId }
    ... on AllNotificationsRead { throughRank count }"""


class HeldDoorbells:
    """Keeps doorbells back, and rings them later: all together, or only the last one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ring = Doorbell.ring
        self._held: list[tuple[Doorbell, Mapping[str, Sequence[bytes]]]] = []
        patch.setattr(Doorbell, "ring", lambda bell, batch, **_: self._held.append((bell, batch)))

    def ring_all(self) -> None:
        """Ring one doorbell that has the events of all."""
        together: dict[str, list[bytes]] = {}
        for _, batch in self._held:
            for inbox, entries in batch.items():
                together.setdefault(inbox, []).extend(entries)
        self._ring(self._held[-1][0], together)

    def ring_last(self) -> None:
        """Ring the last doorbell: those before it are lost."""
        self._ring(*self._held[-1])


@dataclass
class People:
    """Who takes part: the owner of the inbox, and two who send."""

    owner: Any
    bob: Any
    carol: Any


@pytest.fixture
def people(transactional_db: None) -> People:
    create = get_user_model().objects.create_user
    return People(
        create("olga", first_name="Olga", last_name="Owner"),
        create("bob", first_name="Bob", last_name="Builder"),
        create("carol", first_name="Carol", last_name="Çelik"),
    )


def token_of(user: Any) -> str:
    return issue_token(user, ttl_seconds=600)


def position_of(user: Any) -> str:
    return str(selectors.inbox_state(user_id=user.pk).position)


def changes(people: People, noted: Callable[[], None]) -> None:
    """Make changes of nearly every kind; each differs from all others in whatever it has.

    The counts go up and down, so that none can be taken for another one's. `noted` is called after each.
    """
    owner = people.owner.pk
    start = timezone.now()
    soon = start + timedelta(hours=1)
    clock = iter(start + timedelta(seconds=n, microseconds=1001 * n) for n in range(1, 100))

    def add(title: str, **content: Any) -> int:
        sent = services.send(recipient_id=owner, title=title, now=next(clock), **content)
        assert sent.notification is not None
        noted()
        return sent.notification.pk

    def mark(mark: Callable[..., Any], id: int) -> None:
        mark(user_id=owner, notification_id=id, now=next(clock))
        noted()

    def mark_all() -> None:
        services.mark_all_read(user_id=owner, now=next(clock))
        noted()

    paid = add(
        "Paid",
        message="Your invoice 5 was paid.",
        type="billing",
        link="/invoices/5",
        data={"invoice": 5, "lines": [{"net": 1.5}, None]},
        sender_id=people.bob.pk,
        created_at=datetime(2020, 2, 29, 23, 59, 59, 999_999, UTC),
        expires_at=start + timedelta(days=3000),
    )
    leave = add(
        "Urlaub ☀",
        message="Zwei\nZeilen",
        type="approval",
        data={"item_id": "x", "approved": True},
        sender_id=people.carol.pk,
    )
    plain = add("Without anything")
    offer = add(
        "Offer",
        message="Until tonight",
        type="offer.today",
        link="https://example.com/?a=1&b=%C3%BC",
        expires_at=soon,
    )
    last_offer = add("Last offer", data={"percent": 50}, type="offer.last", expires_at=soon)
    whole = add(
        "Everything there is",
        type="billing",
        icon="receipt",
        actor={"user": people.carol.pk, "picture": "/carol.png"},
        target={"type": "shop.order", "id": 7},
        actions=[{"label": "Pay", "id": "pay"}, {"label": "Open", "link": "/invoices/5"}],
        format="markdown",
    )
    mark(partial(services.perform_action, action_id="pay"), whole)
    services.mark_seen(user_id=owner, now=next(clock))
    noted()
    mark(services.mark_read, paid)
    mark(services.mark_read, offer)
    mark(services.mark_unread, paid)
    mark(services.mark_read, leave)
    mark(services.mark_unread, leave)
    mark_all()
    mark(services.pin, paid)
    mark(services.unpin, paid)
    mark(partial(services.snooze, until=soon + timedelta(days=1)), plain)
    mark(services.unsnooze, plain)
    mark(services.pin, plain)
    mark(services.archive, last_offer)
    paid_again = add("Paid again", type="billing", data={"invoice": 6}, sender_id=people.bob.pk)
    add("Stays", message="for the list", link="/", data={"stays": []}, sender_id=people.carol.pk)
    mark(services.delete, leave)
    mark(services.delete, paid_again)
    mark(services.mark_unread, paid)
    mark_all()
    add("Unread in the end", message="as well for the list", type="news", priority="urgent")
    expire_due(now=soon)
    noted()
    assert not Notification.objects.filter(pk__in=[offer, last_offer]).exists()


LIMITED_TO = ("billing", "news", None)
"""The types of the client that is limited: two that are still there at the end. Events about all have no type."""


@dataclass
class Clients:
    """Clients of one inbox: two of each subprotocol, one with another selection, one of some types, two of JSON."""

    full: list[RawGraphQLClient]
    other: RawGraphQLClient
    limited: RawGraphQLClient
    json: list[RawJsonClient]

    def catch_up(self, events: Sequence[CommittedEvent]) -> None:
        """Wait until each client has what it gets of these events."""
        for client in [*self.full, self.other]:
            client.catch_up(len(events))
        self.limited.catch_up(sum(event.type in LIMITED_TO for event in events))
        for json_client in self.json:
            json_client.catch_up(sum(bool(event.json) for event in events))


@pytest.fixture
def open_clients(server: ServerThread) -> Iterator[Callable[..., Clients]]:
    """Open all clients of an inbox after a position."""
    with ExitStack() as opened:

        def open_(user: Any, after: str) -> Clients:
            token = token_of(user)

            def graphql(protocol: str, **options: Any) -> RawGraphQLClient:
                client = RawGraphQLClient(server.ws, token, protocol, after=after, **options)
                return opened.enter_context(client)

            first, second = SUBPROTOCOLS
            return Clients(
                full=[graphql(protocol) for protocol in (first, second, second, first)],
                other=graphql(first, selection=OTHER_SELECTION),
                limited=graphql(first, types=["billing", "news"]),
                json=[opened.enter_context(RawJsonClient(server.ws, token_of(user))) for _ in "12"],
            )

        yield open_


def in_other_selection(event: Json) -> Json:
    """Return what the other selection has of an event."""
    about = event.get("notification")
    shown = {"when": event["occurredAt"]}
    match event["__typename"]:
        case "NotificationAdded":
            assert about is not None
            sender = about["sender"] and {"name": about["sender"]["name"]}
            text = {"text": about["message"], "data": about["data"], "sender": sender}
            return shown | {"added": text}
        case "NotificationUpdated":
            assert about is not None
            changed = {"id": about["id"], "readAt": about["readAt"]}
            return shown | {"position": event["position"], "changed": changed}
        case "NotificationDeleted":
            return shown | {"gone": event["notificationId"]}
        case "PositionAdvanced" | "NotificationsSeen":
            return shown
    return shown | {"throughRank": event["throughRank"], "count": event["count"]}


def see(received: Sequence[Json], expected: Sequence[Json]) -> None:
    """See that messages are the expected ones. One by one: the difference of two long lists takes pytest a minute."""
    assert len(received) == len(expected)
    for message, wanted in zip(received, expected, strict=True):
        assert message == wanted


def check(clients: Clients, events: Sequence[CommittedEvent]) -> None:
    """See that each client gets these events, whole and in order, and nothing else."""
    expected = [event.graphql for event in events]
    assert len({event["position"][1] for event in expected}) == len(expected) == 29
    for client in clients.full:
        see(client.events(len(expected)), expected)
    see(clients.other.events(len(expected)), [in_other_selection(event) for event in expected])
    limited = [event.graphql for event in events if event.type in LIMITED_TO]
    assert 2 < len(limited) < len(expected)
    see(clients.limited.events(len(limited)), limited)


@pytest.mark.parametrize("way", ["one-by-one", "one-doorbell", "from-the-log"])
def test_every_live_event_is_what_was_committed(
    open_clients: Callable[..., Clients], people: People, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    clients = open_clients(people.owner, position_of(people.owner))
    held = None if way == "one-by-one" else HeldDoorbells(monkeypatch)
    committed = CommittedEvents(people.owner.pk)
    events: Sequence[CommittedEvent] = committed.events
    if held is None:

        def note() -> None:
            committed.note()
            # Who lags gets an event without its content when its notification is deleted meanwhile.
            clients.catch_up(committed.events)

        changes(people, note)
    else:
        # All at once: no reconciliation finds what is deleted later on.
        with transaction.atomic():
            changes(people, committed.note)
        events = committed.as_kept()
        assert [event.graphql["__typename"] for event in events].count("PositionAdvanced") == 8
        held.ring_all() if way == "one-doorbell" else held.ring_last()
    check(clients, events)
    expected = [event.json for event in events if event.json]
    for client in clients.json:
        see(client.events(len(expected)), expected)


def test_every_replayed_event_is_what_was_committed(
    open_clients: Callable[..., Clients], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = position_of(people.owner)
    HeldDoorbells(monkeypatch)
    committed = CommittedEvents(people.owner.pk)
    changes(people, committed.note)
    check(open_clients(people.owner, start), committed.as_kept())


def test_clients_at_different_positions_get_what_follows_their_own(
    server: ServerThread, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are shared by those who are at the same position, and by nobody else."""
    positions: list[str] = [position_of(people.owner)]
    committed = CommittedEvents(people.owner.pk)

    def note() -> None:
        committed.note()
        positions.append(position_of(people.owner))

    with ExitStack() as opened:
        changes(people, note)
        clients = [
            opened.enter_context(
                RawGraphQLClient(
                    server.ws, token_of(people.owner), "graphql-transport-ws", after=after
                )
            )
            for after in positions
        ]
        services.send(recipient_id=people.owner.pk, title="live")
        committed.note()
        for client, after in zip(clients, positions, strict=True):
            sequence = int(after.partition(".")[2].partition(".")[0] or 0)
            expected = [
                event.graphql
                for event in committed.as_kept()
                if event.graphql["position"][1] > sequence
            ]
            see(client.events(len(expected)), expected)


def test_each_recipient_of_a_bulk_gets_their_own_copy(server: ServerThread, people: People) -> None:
    users = [people.owner, people.bob, people.carol]
    with ExitStack() as opened:
        for number, user in enumerate(users):
            for _ in range(number):
                services.send(recipient_id=user.pk, title="before")
        graphql, of_json = {}, {}
        for user in users:
            client = RawGraphQLClient(
                server.ws, token_of(user), "graphql-transport-ws", after=position_of(user)
            )
            graphql[user] = opened.enter_context(client)
            of_json[user] = opened.enter_context(RawJsonClient(server.ws, token_of(user)))
        committed = {user: CommittedEvents(user.pk) for user in users}
        for user in users[1:]:
            committed[user]._read = Inbox.objects.get(pk=user.pk).last_sequence
        done = services.send_many(
            recipient_ids=[user.pk for user in users], title="All", data={"a": 1}
        )
        for user in users:
            committed[user].note()
            (event,) = committed[user].events
            assert event.json["notification"]["id"] == done.notification_ids[user.pk]
            assert graphql[user].events(1) == [event.graphql]
            assert of_json[user].events(1) == [event.json]
        assert (
            len(
                {
                    event.graphql["notification"]["id"]
                    for each in committed.values()
                    for event in each.events
                }
            )
            == 3
        )


PAGE = f"""query ($first: Int, $after: String) {{
    notifications(first: $first, after: $after) {{ {every_field("NotificationConnection")} }}
}}"""
ONE = f"query ($id: ID!) {{ notification(id: $id) {{ {every_field('Notification')} }} }}"


def post(server: ServerThread, user: Any, query: str, **variables: Any) -> Any:
    """Run an operation over HTTP; return the value of its only field."""
    request = urllib.request.Request(
        f"{server.http}/graphql/",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token_of(user)}"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        answer = json.load(response)
    assert answer.keys() == {"data"}, answer
    (value,) = answer["data"].values()
    return value


def rows_of(user: Any) -> list[Notification]:
    """Return a user's notifications as a list shows them, newest first."""
    rows = Notification.objects.select_related("sender").filter(recipient=user.pk)
    return sorted(rows, key=lambda row: -row.rank)


def test_every_field_of_a_list_is_what_the_database_holds(
    server: ServerThread, people: People
) -> None:
    committed = CommittedEvents(people.owner.pk)
    changes(people, committed.note)
    rows = rows_of(people.owner)
    assert len(rows) == 5
    inbox = Inbox.objects.get(pk=people.owner.pk)
    nodes = [graphql_notification(row) for row in rows]
    pages = [rows[:3], rows[3:]]
    after = None
    for number, page in enumerate(pages):
        shown = post(server, people.owner, PAGE, first=3, after=after)
        assert shown["nodes"] == [edge["node"] for edge in shown["edges"]]
        assert shown["nodes"] == nodes[3 * number : 3 * number + 3]
        assert shown["totalCount"] == inbox.total_count == 5
        assert shown["unreadCount"] == inbox.unread_count == 1
        assert shown["unseenCount"] == inbox.unseen_count == 1
        assert (shown["archivedCount"], shown["snoozedCount"]) == (0, 0)
        assert shown["position"] == str(inbox.position)
        cursors = [edge["cursor"] for edge in shown["edges"]]
        assert len(set(cursors)) == len(page)
        assert shown["pageInfo"] == {
            "hasNextPage": number == 0,
            "hasPreviousPage": number == 1,
            "startCursor": cursors[0],
            "endCursor": cursors[-1],
        }
        assert shown.keys() == {
            *("edges", "nodes", "pageInfo", "totalCount", "unreadCount", "position"),
            *("unseenCount", "archivedCount", "snoozedCount", "stoppedEarly"),
        }
        assert shown["stoppedEarly"] is False
        after = cursors[-1]
    for row, node in zip(rows, nodes, strict=True):
        assert post(server, people.owner, ONE, id=str(row.pk)) == node
    for protocol in SUBPROTOCOLS:
        with RawGraphQLClient(
            server.ws, token_of(people.owner), protocol, after=position_of(people.owner)
        ) as client:
            assert client.ask(PAGE, first=50)["notifications"]["nodes"] == nodes
    with RawJsonClient(server.ws, token_of(people.owner)) as client:
        for bounds, page in (
            ({}, rows),
            ({"limit": 3}, rows[:3]),
            ({"limit": 3, "before_id": rows[2].pk}, rows[3:]),
            ({"limit": 1, "before_id": rows[0].pk}, rows[1:2]),
        ):
            assert client.ask_list(**bounds) == {
                "type": "notifications_list",
                "notifications": [json_notification(row) for row in page],
                "total": inbox.total_count,
                "unread_count": inbox.unread_count,
            }


def test_every_field_of_a_result_is_what_the_database_holds(
    server: ServerThread, people: People
) -> None:
    """What a mutation returns is what it has committed, each time another state of the inbox."""
    owner = people.owner
    for title in ("one", "two", "three"):
        services.send(
            recipient_id=owner.pk, title=title, message=f"{title}!", sender_id=people.bob.pk
        )
    ids = [row.pk for row in reversed(rows_of(owner))]

    def state() -> Json:
        inbox = Inbox.objects.get(pk=owner.pk)
        return {
            "unreadCount": inbox.unread_count,
            "unseenCount": inbox.unseen_count,
            "position": str(inbox.position),
        }

    def shown(id: int) -> Json:
        return graphql_notification(Notification.objects.select_related("sender").get(pk=id))

    def ask(mutation: str, kind: str, **variables: Any) -> Json:
        fields = every_field(kind)
        result: Json = post(server, owner, f"{mutation} {{ {fields} }} }}", **variables)
        return result

    for id in (ids[0], ids[2]):
        result = ask("mutation ($id: ID!) { markRead(id: $id)", "MarkReadPayload", id=str(id))
        assert result == state() | {"notification": shown(id)}
        assert result["notification"]["read"]
    for id in (ids[2], ids[0]):
        result = ask("mutation ($id: ID!) { markUnread(id: $id)", "MarkUnreadPayload", id=str(id))
        assert result == state() | {"notification": shown(id)}
        assert not result["notification"]["read"]
    for count, number in ((3, 3), (1, 4)):
        result = ask("mutation { markAllRead", "MarkAllReadPayload")
        assert len(result.pop("undoToken")) == 32
        assert result == state() | {"count": count, "hasMore": False}
        send = {"title": f"number {number}", "data": {"n": number}, "recipientId": str(owner.pk)}
        result = ask(
            "mutation ($input: SendInput!) { send(input: $input)", "SendPayload", input=send
        )
        newest = rows_of(owner)[0]
        assert newest.title == f"number {number}"
        assert result == {
            "notification": shown(newest.pk),
            "suppressed": False,
            "replayed": False,
            "scheduled": None,
        }
    for id in (ids[1], ids[2]):
        result = ask("mutation ($id: ID!) { delete(id: $id)", "DeletePayload", id=str(id))
        assert result == state() | {"notificationId": str(id), "undoToken": None}
        assert not Notification.objects.filter(pk=id).exists()


@pytest.mark.parametrize("protocol", SUBPROTOCOLS)
def test_every_field_of_a_reset_is_what_the_database_holds(
    server: ServerThread, people: People, protocol: str
) -> None:
    for title in ("one", "two", "three"):
        services.send(recipient_id=people.owner.pk, title=title)
    services.mark_read(user_id=people.owner.pk, notification_id=rows_of(people.owner)[0].pk)
    before = position_of(people.owner)
    renew_epochs()
    inbox = Inbox.objects.get(pk=people.owner.pk)
    began = graphql_moment(timezone.now())
    token = token_of(people.owner)
    with RawGraphQLClient(server.ws, token, protocol, after=before) as client:
        (reset,) = client.events(1)
        assert began <= reset.pop("occurredAt") <= graphql_moment(timezone.now())
        assert reset == {
            "__typename": "InboxReset",
            "position": (inbox.epoch, inbox.last_sequence),
            "unreadCount": 2,
            "unseenCount": 2,
            "reason": "EPOCH",
        }
        # And the events go on after it.
        services.send(recipient_id=people.owner.pk, title="four")
        (event,) = client.events(1)
        assert event["position"] == (inbox.epoch, inbox.last_sequence + 1)
        assert event["notification"]["title"] == "four"
    assert InboxEvent.objects.filter(inbox=people.owner.pk).count() == 5
