"""Begins the requests of crowds one after the other, so that they leave the event loop to everybody else.

Each request takes a millisecond or more of the event loop before it waits for anything. When fifty come at once, all
others wait for fifty milliseconds. So a user has a few requests at once, by a token that was verified a moment ago.
What goes beyond, and all requests without such a token, take turns: at most one begins in each turn of the event loop,
users and addresses one after the other, none while a user's few are served, and few are under way at a time. A request
whose token has turned out to be valid does not count any more: it waits for its account, together with others.

None of this holds up anybody for long: one more request begins every FLOOR_SECONDS, whatever is under way.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from live_inbox.client_addresses import Network, limit_keys
from live_inbox.identity.callers import known_token
from live_inbox.identity.credentials import token_from_headers
from live_inbox.identity.verification import on_verified
from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send, client_address
from live_inbox.sockets.known_addresses import known_addresses

MOST_AT_ONCE = 4
"""Requests of one user that need not wait for a turn."""

MOST = 8
"""Requests under way at a time of those that take turns."""

MOST_OF_ONE = 2
"""Of these, requests of one user or address."""

FLOOR_SECONDS = 0.01
"""After so long without a beginning, the next request begins in any case: those under way may wait for something."""


class RequestTurns:
    """Passes requests on: a few of each user at once, all others in their turn."""

    def __init__(self, application: Application, unlimited: Sequence[Network]) -> None:
        self._application = application
        self._key = limit_keys(unlimited)
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Those who wait for their turn, by user or address. The first key is the next."""
        self._under_way: dict[str, int] = {}
        """How many requests of each key are under way, of those that take turns."""
        self._at_once: dict[str, int] = {}
        """How many requests of each user are under way, of those that do not."""
        self._has_begun = False
        """Whether one has begun in this turn of the loop."""
        self._began_at = float("-inf")
        self._floor: asyncio.TimerHandle | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        user = _known_user(scope)
        address = self._key(client_address(scope))
        if user is not None:
            known_addresses().note(address)
            if self._at_once.get(user, 0) < MOST_AT_ONCE:
                return self._serve_at_once(user, scope, receive, send)
        key = user or address
        if key is None:
            return self._application(scope, receive, send)
        return self._serve_in_turn(key, scope, receive, send)

    async def _serve_at_once(self, user: str, scope: Scope, receive: Receive, send: Send) -> None:
        _add(self._at_once, user)

        def end() -> None:
            _remove(self._at_once, user)
            self._look()

        await self._serve(_Served(send, end), scope, receive)

    async def _serve_in_turn(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        if self._waiting or not self._may_begin(key):
            await self._turn(key)
        else:
            self._begin(key)
        served = _Served(send, partial(self._end, key))
        # In the context of this request alone: each has a task of its own.
        on_verified.set(served.end)
        await self._serve(served, scope, receive)

    async def _serve(self, served: _Served, scope: Scope, receive: Receive) -> None:
        try:
            await self._application(scope, receive, served.send_for(scope))
        finally:
            served.end()

    async def _turn(self, key: str) -> None:
        """Wait until the request may begin, and count it as under way."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(turn)
        self._look()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._end(key)
            raise

    # -- turns --------------------------------------------------------------------------------------------

    def _may_begin(self, key: str) -> bool:
        is_crowded = sum(self._under_way.values()) >= MOST
        is_free = not (self._has_begun or self._at_once or is_crowded)
        return is_free and self._under_way.get(key, 0) < MOST_OF_ONE

    def _begin(self, key: str) -> None:
        loop = asyncio.get_running_loop()
        _add(self._under_way, key)
        self._has_begun = True
        self._began_at = loop.time()
        loop.call_soon(self._on_next_turn)

    def _end(self, key: str) -> None:
        _remove(self._under_way, key)
        self._look()

    def _on_next_turn(self) -> None:
        self._has_begun = False
        self._look()

    def _look(self) -> None:
        """Let the next request begin that may, or look again later."""
        if self._has_begun:
            return
        while key := next((key for key in self._waiting if self._may_begin(key)), None):
            if self._call(key):
                return
        if self._waiting and self._floor is None:
            at = self._began_at + FLOOR_SECONDS
            self._floor = asyncio.get_running_loop().call_at(at, self._on_floor)

    def _on_floor(self) -> None:
        self._floor = None
        is_due = asyncio.get_running_loop().time() >= self._began_at + FLOOR_SECONDS
        while is_due and self._waiting and not self._has_begun:
            self._call(next(iter(self._waiting)))
        self._look()

    def _call(self, key: str) -> bool:
        """Let the first request of a key begin; its others wait until all other keys had their turns.

        Return False if its client has gone. Thousands may have, so the caller goes on in a loop.
        """
        waiting = self._waiting.pop(key)
        turn = waiting.popleft()
        if waiting:
            self._waiting[key] = waiting
        if turn.done():
            return False
        self._begin(key)
        turn.set_result(None)
        return True


def _add(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


def _remove(counts: dict[str, int], key: str) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


class _Served:
    """One request that is under way, until it ends, or holds up nobody any more."""

    def __init__(self, send: Send, on_end: Callable[[], None]) -> None:
        self._send = send
        self._on_end: Callable[[], None] | None = on_end

    def end(self) -> None:
        """Count it as under way no more."""
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def send_for(self, scope: Scope) -> Send:
        """Return what sends the response. That somebody asks for a stream does not make it one."""
        return self._send_watched if _has_stream(scope, b"accept") else self._send

    async def _send_watched(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _has_stream(message, b"content-type"):
            self.end()
        await self._send(message)


def _has_stream(message: Mapping[str, Any], field: bytes) -> bool:
    """Whether a field of a request or of a response names the type of streams."""
    values = (value for name, value in message.get("headers", ()) if name.lower() == field)
    return any(b"text/event-stream" in value for value in values)


def _known_user(scope: Scope) -> str | None:
    """Return whose token a request has, if it was verified a moment ago. What it may do is decided elsewhere."""
    token = token_from_headers(scope["headers"])
    known = None if token is None else known_token(token)
    return None if known is None else f"user {known.user_id}"
