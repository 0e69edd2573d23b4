"""What users do while servers are replaced: devices that record everything, and writers at both APIs."""

from __future__ import annotations

import asyncio
import itertools
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.upgrades.release_trees import ReleaseServer

WAIT_SECONDS = 30.0
"""How long anything that must happen is waited for. A test only fails by it."""
MOST_BEHIND = 12
"""Events that a device may lack before writers wait for it: a small load, and something to resume."""
PAUSE_SECONDS = 0.25
"""Between two rounds of a writer: the load is to be small, for servers start meanwhile."""
KEPT = 6
"""Notifications that each writer keeps; older ones it deletes."""

_FIELDS = "id title read folder pinned rank"
EVENTS = f"""subscription ($after: String) {{ notificationEvents(after: $after) {{
    __typename position unreadCount
    ... on NotificationAdded {{ notification {{ {_FIELDS} }} }}
    ... on NotificationUpdated {{ change notification {{ {_FIELDS} }} }}
    ... on NotificationDeleted {{ notificationId }}
    ... on AllNotificationsRead {{ throughRank }}
    ... on InboxReset {{ reason }}
}} }}"""
LIST = (
    f"{{ notifications(first: 100) {{ nodes {{ {_FIELDS} }} position unreadCount totalCount }} }}"
)
SEND = "mutation ($input: SendInput!) { send(input: $input) { notification { id } } }"

Json = dict[str, Any]


class Broken(Exception):
    """Raised when a connection has ended that was in use; what was asked may or may not be done."""


class Balancer:
    """The servers that get requests and sockets, as a load balancer knows them by their readiness."""

    def __init__(self) -> None:
        self.servers: list[ReleaseServer] = []
        self.answers: Counter[int] = Counter()
        """How many HTTP requests of users had each status."""
        self.broken = 0
        """Requests whose connection ended before there was an answer."""
        self._turn = itertools.count()
        # A connection for each request: on one that is kept, a request and the server's close can cross.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(timeout=WAIT_SECONDS, limits=limits)

    async def close(self) -> None:
        """End the client."""
        await self._client.aclose()

    @contextmanager
    def socket(self) -> Iterator[ReleaseServer]:
        """Choose the server with the fewest sockets for one more, which is open while in the block."""
        server = min(self.servers, key=lambda each: each.sockets)
        server.sockets += 1
        try:
            yield server
        finally:
            server.sockets -= 1

    async def post(self, token: str, query: str, **variables: Any) -> Json:
        """Run a GraphQL operation on the next server; return its data. Raises Broken and NotThere."""
        server = self.servers[next(self._turn) % len(self.servers)]
        return await self.post_to(server, token, query, **variables)

    async def post_to(
        self, server: ReleaseServer, token: str, query: str, **variables: Any
    ) -> Json:
        """Run a GraphQL operation on one server; return its data. Raises Broken and NotThere."""
        try:
            answer = await self._client.post(
                f"{server.http}/graphql/",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {token}"},
            )
        except httpx.TransportError as error:
            self.broken += 1
            raise Broken from error
        self.answers[answer.status_code] += 1
        assert answer.status_code == 200, answer.text
        return _data(answer.json())


@dataclass(frozen=True)
class User:
    """A user, with a token that outlives the test."""

    id: str
    token: str


class Progress:
    """Counts what happens, and wakes who waits for it."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()

    async def note(self) -> None:
        """Report that something has happened."""
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.whenever(condition)

    async def whenever(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds, however long that takes."""
        async with self._changed:
            await self._changed.wait_for(condition)


@dataclass(frozen=True)
class Shown:
    """What a device shows of a notification."""

    title: str
    read: bool
    pinned: bool

    @classmethod
    def of(cls, given: Json) -> Shown:
        """Return it of a notification as either API sends it."""
        return cls(given["title"], given["read"], given.get("pinned", False))


class Connected(ABC):
    """Somebody who is connected, and comes back when the connection has ended."""

    path: str
    protocols: tuple[Subprotocol, ...] = ()

    def __init__(self, user: User, balancer: Balancer, progress: Progress) -> None:
        self.user = user
        self.balancer = balancer
        self.progress = progress
        self.connections = 0
        self.codes: Counter[int] = Counter()
        """The close codes of the connections that have ended."""
        self.server: ReleaseServer | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to be connected for."""
        return False

    async def run(self) -> None:
        """Be connected until it is done, or cancelled."""
        while not self.is_done:
            with self.balancer.socket() as server:
                try:
                    async with self._open(server) as connection:
                        self.connections += 1
                        self.server = server
                        await self.progress.note()
                        await self.use(connection)
                except ConnectionClosed as closed:
                    self.codes[closed.rcvd.code if closed.rcvd else 1006] += 1
                except (OSError, InvalidHandshake, EOFError):
                    # It has stopped to accept at this moment.
                    self.codes[0] += 1
                finally:
                    self.server = None

    @asynccontextmanager
    async def _open(self, server: ReleaseServer) -> AsyncIterator[ClientConnection]:
        address = f"{server.ws}{self.path}".replace("TOKEN", self.user.token)
        offered = self.protocols or None
        async with connect(
            address, subprotocols=offered, compression=None, close_timeout=1
        ) as connection:
            yield connection

    @abstractmethod
    async def use(self, connection: ClientConnection) -> None:
        """Do what there is to do on a connection. Raises ConnectionClosed at its end."""


class GraphQL(Connected):
    """A graphql-transport-ws client."""

    path = "/graphql/"
    protocols = (Subprotocol("graphql-transport-ws"),)

    async def greet(self, connection: ClientConnection) -> None:
        """Begin the protocol."""
        payload = {"Authorization": f"Bearer {self.user.token}"}
        await _send(connection, type="connection_init", payload=payload)
        assert (await _receive(connection))["type"] == "connection_ack"


class RecordingDevice(GraphQL):
    """A device that follows an inbox as the client does, and records every event."""

    def __init__(self, user: User, balancer: Balancer, progress: Progress) -> None:
        super().__init__(user, balancer, progress)
        self.position = ""
        self.sequence = 0
        self.shown: dict[str, Shown] = {}
        self._ranks: dict[str, int] = {}
        self.unread = 0
        self.typenames: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.resets: Counter[str] = Counter()
        self._ids = itertools.count(1)

    async def use(self, connection: ClientConnection) -> None:
        """Read the list if it is not known; then follow."""
        await self.greet(connection)
        if not self.position:
            await self._read_list()
        while True:
            subscription = await self._subscribe(connection)
            await self._follow(connection, subscription)
            await _send(connection, type="complete", id=subscription)

    async def _subscribe(self, connection: ClientConnection) -> str:
        subscription = f"events{next(self._ids)}"
        payload = {"query": EVENTS, "variables": {"after": self.position}}
        await _send(connection, type="subscribe", id=subscription, payload=payload)
        return subscription

    async def _follow(self, connection: ClientConnection, subscription: str) -> None:
        """Apply events until a reset; what the list then has is not applied again."""
        while True:
            message = await _receive(connection)
            if message["id"] != subscription:
                continue
            assert message["type"] == "next", message
            event = _data(message["payload"])["notificationEvents"]
            sequence = _sequence(event["position"])
            assert sequence == self.sequence + 1, (sequence, self.sequence, event)
            self.typenames[event["__typename"]] += 1
            if event["__typename"] == "InboxReset":
                self.resets[event["reason"]] += 1
                await self._read_list()
                return
            self._apply(event)
            self.position, self.sequence = event["position"], sequence
            self.unread = event["unreadCount"]
            await self.progress.note()

    def _apply(self, event: Json) -> None:
        match event:
            case {"__typename": "NotificationAdded", "notification": added}:
                assert added["id"] not in self.shown
                self._put(added)
            case {"__typename": "NotificationUpdated", "notification": changed, "change": change}:
                self.changes[change] += 1
                assert changed["id"] in self.shown
                self._put(changed)
            case {"__typename": "NotificationDeleted", "notificationId": gone}:
                # One that was deleted before its addition was sent was never shown.
                self.shown.pop(gone, None)
            case {"__typename": "AllNotificationsRead", "throughRank": through}:
                for id, each in self.shown.items():
                    if self._ranks[id] <= int(through):
                        self.shown[id] = Shown(each.title, True, each.pinned)

    def _put(self, given: Json) -> None:
        self.shown[given["id"]] = Shown.of(given)
        self._ranks[given["id"]] = int(given["rank"])

    async def _read_list(self) -> None:
        answer = await repeated(lambda: self.balancer.post(self.user.token, LIST))
        read = answer["notifications"]
        assert _sequence(read["position"]) >= self.sequence
        self.position, self.sequence = read["position"], _sequence(read["position"])
        self.shown = {}
        for each in read["nodes"]:
            self._put(each)
        assert len(self.shown) == read["totalCount"]
        self.unread = read["unreadCount"]
        await self.progress.note()


class OriginalDevice(Connected):
    """A device of the original protocol: it lists at each connection, and there is nothing to resume."""

    path = "/ws/notifications/?token=TOKEN"

    def __init__(self, user: User, balancer: Balancer, progress: Progress) -> None:
        super().__init__(user, balancer, progress)
        self.shown: dict[str, Shown] = {}
        self.lists = 0
        self.messages = 0

    async def use(self, connection: ClientConnection) -> None:
        """List, and apply what comes."""
        await _send(connection, type="get_notifications", limit=100)
        while True:
            message = await _receive(connection)
            match message:
                case {"type": "notifications_list", "notifications": listed}:
                    self.lists += 1
                    self.shown = {str(each["id"]): Shown.of(each) for each in listed}
                case {"type": "notification", "notification": added}:
                    assert str(added["id"]) not in self.shown
                    self.shown[str(added["id"])] = Shown.of(added)
                case {"type": "notification_marked_read", "notification_id": id}:
                    self._mark(str(id), read=True)
                case {"type": "notification_marked_unread", "notification_id": id}:
                    self._mark(str(id), read=False)
                case {"type": "notification_deleted", "notification_id": id}:
                    self.shown.pop(str(id), None)
                case {"type": "all_notifications_marked_read"}:
                    for id in list(self.shown):
                        self._mark(id, read=True)
                case _:
                    raise AssertionError(message)
            self.messages += 1
            await self.progress.note()

    def _mark(self, id: str, *, read: bool) -> None:
        # One that was deleted before its addition was sent was never shown.
        if id in self.shown:
            before = self.shown[id]
            self.shown[id] = Shown(before.title, read, before.pinned)


@dataclass
class Load:
    """Has all writers begin and end, and keeps them from running ahead of the devices."""

    devices: list[RecordingDevice]
    progress: Progress
    last: Counter[str] = field(default_factory=Counter)
    """The number of sends of each writer that were answered."""
    is_over: bool = False
    _is_paused: bool = False
    _under_way: int = 0

    @asynccontextmanager
    async def round_of(self, user: User) -> AsyncIterator[None]:
        """Have a writer do a round: when the load is not paused, and no device that is connected lacks much.

        When the load is over, it ends what it has begun.
        """
        # As long as it takes: a pause has no limit.
        await self.progress.whenever(
            lambda: self.is_over or (not self._is_paused and self._behind(user) <= MOST_BEHIND)
        )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            await self.progress.note()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Let no writer begin a round while in the block, which is entered when none is under way."""
        self._is_paused = True
        try:
            await self.progress.until(lambda: not self._under_way)
            yield
        finally:
            self._is_paused = False
            await self.progress.note()

    def _behind(self, user: User) -> int:
        own = [each for each in self.devices if each.user is user and each.server is not None]
        sequences = [each.sequence for each in own]
        return max(sequences, default=0) - min(sequences, default=0)

    async def sent(self, writer: str) -> None:
        """Note a send."""
        self.last[writer] += 1
        await self.progress.note()


class Writing(ABC):
    """Somebody who sends, marks, pins and deletes, round after round. What was not answered is asked again."""

    def __init__(self, name: str, user: User, load: Load) -> None:
        self.name = name
        self.user = user
        self.load = load
        self._kept: list[str] = []
        self._round = itertools.count(1)
        self._under_way = 0

    async def write(self) -> None:
        """Do rounds until the load is over. A round that broke off is done again: nothing is sent twice."""
        while not self.load.is_over:
            async with self.load.round_of(self.user):
                number = self._under_way or next(self._round)
                self._under_way = number
                await self._do(number)
                self._under_way = 0
            await self.load.sent(self.name)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _do(self, number: int) -> None:
        id = await self.send(f"{self.name} {number}")
        await self.change("mark_read", id)
        if number % 3 == 0:
            await self.change("pin", id)
        if number % 4 == 0:
            await self.mark_seen()
        if id not in self._kept:
            self._kept.append(id)
        while len(self._kept) > KEPT:
            await self.change("delete", self._kept[0])
            self._kept.pop(0)
        if number % 5 == 0:
            await self.list()

    @abstractmethod
    async def send(self, title: str) -> str:
        """Send to the user, once whatever happens; return the id."""

    @abstractmethod
    async def change(self, what: str, id: str) -> None:
        """Mark as read, pin or delete. What is done already is no error."""

    @abstractmethod
    async def mark_seen(self) -> None:
        """Mark all as seen."""

    @abstractmethod
    async def list(self) -> None:
        """Read the list."""


class GraphQLWriting(Writing):
    """The operations of a writer at GraphQL."""

    @abstractmethod
    async def ask(self, query: str, **variables: Any) -> Json:
        """Run an operation; return its data."""

    async def send(self, title: str) -> str:
        """Send with a key."""
        given = {"recipientId": self.user.id, "title": title, "idempotencyKey": title}
        answer = await self.ask(SEND, input=given)
        return str(answer["send"]["notification"]["id"])

    async def change(self, what: str, id: str) -> None:
        """Change one of the user's notifications."""
        name = {"mark_read": "markRead"}.get(what, what)
        query = f"mutation ($id: ID!) {{ {name}(id: $id) {{ unreadCount }} }}"
        try:
            await self.ask(query, id=id)
        except NotThere:
            assert what == "delete"

    async def mark_seen(self) -> None:
        """Mark all as seen."""
        await self.ask("mutation { markSeen { count } }")

    async def list(self) -> None:
        """Read the list."""
        await self.ask(LIST)


class RequestWriter(GraphQLWriting):
    """A writer at GraphQL over HTTP, each request to the next server."""

    def __init__(self, user: User, load: Load, balancer: Balancer) -> None:
        super().__init__(f"requests of {user.id}", user, load)
        self._balancer = balancer

    async def run(self) -> None:
        """Write until the load is over."""
        await self.write()

    async def ask(self, query: str, **variables: Any) -> Json:
        """Run an operation, on another server if the connection breaks."""
        return await repeated(lambda: self._balancer.post(self.user.token, query, **variables))


class SocketWriter(GraphQLWriting, GraphQL):
    """A writer at GraphQL on a socket."""

    def __init__(self, user: User, load: Load, balancer: Balancer) -> None:
        GraphQLWriting.__init__(self, f"socket of {user.id}", user, load)
        GraphQL.__init__(self, user, balancer, load.progress)
        self._ids = itertools.count(1)
        self._connection: ClientConnection | None = None

    @property
    def is_done(self) -> bool:
        """Whether the load is over."""
        return self.load.is_over

    async def use(self, connection: ClientConnection) -> None:
        """Write until the connection ends, or the load is over."""
        await self.greet(connection)
        self._connection = connection
        await self.write()

    async def ask(self, query: str, **variables: Any) -> Json:
        """Run an operation."""
        assert self._connection is not None
        id = str(next(self._ids))
        payload = {"query": query, "variables": variables}
        await _send(self._connection, type="subscribe", id=id, payload=payload)
        answer, end = await _receive(self._connection), await _receive(self._connection)
        assert (answer["id"], answer["type"], end["type"]) == (id, "next", "complete"), answer
        return _data(answer["payload"])


class OriginalWriter(Writing, Connected):
    """A writer of the original protocol."""

    path = OriginalDevice.path

    def __init__(self, user: User, load: Load, balancer: Balancer) -> None:
        Writing.__init__(self, f"original of {user.id}", user, load)
        Connected.__init__(self, user, balancer, load.progress)
        self._connection: ClientConnection | None = None

    @property
    def is_done(self) -> bool:
        """Whether the load is over."""
        return self.load.is_over

    async def use(self, connection: ClientConnection) -> None:
        """Write until the connection ends, or the load is over."""
        self._connection = connection
        await self.write()

    async def send(self, title: str) -> str:
        """Send with a key."""
        given = {"user_id": int(self.user.id), "title": title, "message": ""}
        answer = await self._ask(
            "notification_sent", type="send_notification", idempotency_key=title, **given
        )
        return str(answer["notification_id"])

    async def change(self, what: str, id: str) -> None:
        """Change one of the user's notifications."""
        asked, answered = {
            "mark_read": ("mark_read", "notification_marked_read"),
            "pin": ("pin_notification", "notification_pinned"),
            "delete": ("delete_notification", "notification_deleted"),
        }[what]
        await self._ask(answered, type=asked, notification_id=int(id))

    async def mark_seen(self) -> None:
        """Mark all as seen."""
        await self._ask("notifications_seen", type="mark_seen")

    async def list(self) -> None:
        """Read the list."""
        await self._ask("notifications_list", type="get_notifications")

    async def _ask(self, answer: str, **message: Any) -> Json:
        """Ask, and wait for the answer; the events of the inbox come to this socket, too."""
        assert self._connection is not None
        await _send(self._connection, **message)
        while True:
            received = await _receive(self._connection)
            about = message.get("notification_id")
            if received["type"] == "error":
                raise AssertionError(received)
            if received["type"] == answer and about in (None, received.get("notification_id")):
                code = received.get("error", {}).get("code")
                # Done already, by an attempt that was not answered.
                assert received.get("success", True) or code == "NOT_FOUND", received
                return received


class NotThere(Exception):
    """Raised for a notification that the user does not have."""


async def repeated(ask: Callable[[], Any]) -> Json:
    """Ask until there is an answer. A server that has stopped to accept is in the rotation no more right after."""
    while True:
        try:
            answer: Json = await ask()
        except Broken:
            continue
        return answer


def _data(answer: Json) -> Json:
    if errors := answer.get("errors"):
        if errors[0]["extensions"]["code"] == "NOT_FOUND":
            raise NotThere
        raise AssertionError(errors)
    data: Json = answer["data"]
    return data


def _sequence(position: str) -> int:
    return int(position.split(".")[1]) if "." in position else 0


async def _send(connection: ClientConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def _receive(connection: ClientConnection) -> Json:
    async with asyncio.timeout(WAIT_SECONDS):
        message: Json = json.loads(await connection.recv())
    if message.get("type") == "ping":
        await _send(connection, type="pong")
        return await _receive(connection)
    return message
