"""Writers in a process of their own: `python -m tests.chaos.writers ORDERS`, until SIGTERM.

Each thing that they do is recorded before and after, with the outcome as far as they know it. The record survives
whatever happens to the process. Some writers use the services, as workers do, some the GraphQL API.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from tests.chaos.history import (
    ADDED,
    COMMITTED,
    DELETED,
    READ,
    ROLLED_BACK,
    UNKNOWN,
    UNREAD,
    Claim,
)

HTTP_SECONDS = 8.0
RETRY_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Orders:
    """What a writer's process does: `style` is mixed, http, quarrel, steady or flood."""

    name: str
    style: str
    seed: int
    inboxes: Sequence[int]
    tokens: Sequence[str]
    servers: Sequence[str]
    per_second: float
    record: str


class Writer:
    """Does one thing after the other and records it."""

    def __init__(self, orders: Orders, record: IO[str]) -> None:
        self.orders = orders
        self.rng = random.Random(orders.seed)
        self.stopping = False
        self._record = record
        self._number = 0

    def run(self) -> None:
        """Write at the rate given until SIGTERM."""
        due = time.monotonic()
        while not self.stopping:
            self.write()
            due = max(due + 1 / self.orders.per_second, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    def write(self) -> None:
        """Do one thing."""
        raise NotImplementedError

    def title(self) -> str:
        """Return a title that no other writer uses."""
        self._number += 1
        # With the process: a writer that is started again counts from 1 again.
        return f"{self.orders.name}-{os.getpid()}-{self._number}"

    def claim(self, inbox: int, what: str, outcome: str, **more: Any) -> None:
        """Record what was done, or will be tried."""
        claim = Claim(self.orders.name, inbox, what, outcome, **more)
        self._record.write(json.dumps(asdict(claim)) + "\n")
        self._record.flush()


class ServiceWriter(Writer):
    """Calls the services, as a worker beside the servers does."""

    def write(self) -> None:
        """Do one thing; if the database fails, go on after a moment."""
        from django.db import DatabaseError, InterfaceError, connection

        try:
            self.change()
        except (DatabaseError, InterfaceError):
            # It is unknown whether it was committed. The pool gives another connection the next time.
            connection.close()
            time.sleep(self.rng.uniform(0, RETRY_SECONDS))

    def change(self) -> None:
        """Do any of the things that change an inbox."""
        actions: list[Callable[[int], None]] = [
            self._send,
            self._mark,
            self._all_read,
            self._delete,
        ]
        actions += [self._send_many, self._take_back, self._with_key]
        (action,) = self.rng.choices(actions, weights=[40, 25, 2, 6, 4, 6, 17])
        action(self.rng.choice(self.orders.inboxes))

    def _send(self, inbox: int) -> None:
        from live_inbox import services

        title = self.title()
        self.claim(inbox, ADDED, UNKNOWN, title=title)
        sent = services.send(recipient_id=inbox, title=title).notification
        assert sent is not None
        sequence, id = sent.added_sequence, sent.pk
        self.claim(inbox, ADDED, COMMITTED, title=title, notification_id=id, sequence=sequence)

    def _with_key(self, inbox: int) -> None:
        """Send with a key, again and again until there is an outcome."""
        from django.db import DatabaseError, InterfaceError, connection

        from live_inbox import services

        title = self.title()
        self.claim(inbox, ADDED, UNKNOWN, title=title, key=True)
        while True:
            try:
                sent = services.send(recipient_id=inbox, title=title, idempotency_key=title)
            except (DatabaseError, InterfaceError):
                if self.stopping:
                    raise
                connection.close()
                time.sleep(RETRY_SECONDS)
            else:
                break
        self.claim(inbox, ADDED, COMMITTED, title=title, key=True)
        assert sent.notification is not None

    def _mark(self, inbox: int) -> None:
        from live_inbox import services
        from live_inbox.errors import NotFound

        chosen = self._choose(inbox)
        if chosen is None:
            return
        id, is_read = chosen
        call = services.mark_unread if is_read else services.mark_read
        what = UNREAD if is_read else READ
        try:
            done = call(user_id=inbox, notification_id=id)
        except NotFound:
            return
        if done.changed:
            sequence = done.position.sequence
            self.claim(inbox, what, COMMITTED, notification_id=id, sequence=sequence)

    def _all_read(self, inbox: int) -> None:
        from live_inbox import selectors, services

        position = selectors.inbox_state(user_id=inbox).position
        up_to = position if self.rng.random() < 0.5 else None
        services.mark_all_read(user_id=inbox, up_to=up_to)

    def _delete(self, inbox: int) -> None:
        from live_inbox import services
        from live_inbox.errors import NotFound

        chosen = self._choose(inbox)
        if chosen is None:
            return
        try:
            done = services.delete(user_id=inbox, notification_id=chosen[0])
        except NotFound:
            return
        sequence = done.position.sequence
        self.claim(inbox, DELETED, COMMITTED, notification_id=chosen[0], sequence=sequence)

    def _send_many(self, inbox: int) -> None:
        from live_inbox import services

        some = self.rng.sample(self.orders.inboxes, min(8, len(self.orders.inboxes)))
        title = self.title()
        for each in some:
            self.claim(each, ADDED, UNKNOWN, title=title)
        services.send_many(recipient_ids=some, title=title)
        for each in some:
            self.claim(each, ADDED, COMMITTED, title=title)

    def _take_back(self, inbox: int) -> None:
        """Send within a transaction that is then rolled back."""
        from django.db import transaction

        from live_inbox import services

        title = self.title()
        with transaction.atomic():
            services.send(recipient_id=inbox, title=title)
            transaction.set_rollback(True)
        self.claim(inbox, ADDED, ROLLED_BACK, title=title)

    def _choose(self, inbox: int) -> tuple[int, bool] | None:
        from live_inbox import selectors

        found = selectors.page(user_id=inbox, limit=20).notifications
        return None if not found else (lambda one: (one.pk, one.read))(self.rng.choice(found))


class OverlappingWriter(ServiceWriter):
    """Overlaps with the other as much as it can: long transactions over several inboxes, in any order."""

    def change(self) -> None:
        """Send in bulk to overlapping sets, or hold several inboxes for a while, and half of the time give up."""
        if self.rng.random() < 0.5:
            self._send_many(0)
        else:
            self._hold()

    def _hold(self) -> None:
        from django.db import transaction

        from live_inbox import services

        # Two that hold inboxes in opposite order are a deadlock that the caller has made: PostgreSQL ends one
        # of them, and its transaction must leave nothing behind.
        some = self.rng.sample(self.orders.inboxes, min(3, len(self.orders.inboxes)))
        is_kept = self.rng.random() < 0.5
        titles = [(inbox, self.title()) for inbox in some]
        for inbox, title in titles:
            self.claim(inbox, ADDED, UNKNOWN, title=title)
        with transaction.atomic():
            for inbox, title in titles:
                services.send(recipient_id=inbox, title=title)
                time.sleep(self.rng.uniform(0, 0.02))
            transaction.set_rollback(not is_kept)
        for inbox, title in titles:
            self.claim(inbox, ADDED, COMMITTED if is_kept else ROLLED_BACK, title=title)


class SteadyWriter(ServiceWriter):
    """Sends to every inbox at each turn, at a steady pace."""

    def change(self) -> None:
        """Send one message to all."""
        from live_inbox import services

        title = self.title()
        for inbox in self.orders.inboxes:
            self.claim(inbox, ADDED, UNKNOWN, title=title)
        services.send_many(recipient_ids=self.orders.inboxes, title=title)


MUCH = {"x": "x" * 7000}


class Flooder(ServiceWriter):
    """Sends long messages: what a client that does not read leaves behind."""

    def change(self) -> None:
        """Send one long message to all."""
        from live_inbox import services

        title = self.title()
        for inbox in self.orders.inboxes:
            self.claim(inbox, ADDED, UNKNOWN, title=title)
        services.send_many(
            recipient_ids=self.orders.inboxes, title=title, message="x" * 4000, data=MUCH
        )


SEND = """mutation ($input: SendInput!) { send(input: $input) { notification { id } position } }"""


class HttpWriter(Writer):
    """Sends to its users' own inboxes over HTTP with keys, and tries again until the outcome is known."""

    def write(self) -> None:
        """Send once, however often that has to be tried."""
        which = self.rng.randrange(len(self.orders.inboxes))
        inbox, token, title = self.orders.inboxes[which], self.orders.tokens[which], self.title()
        self.claim(inbox, ADDED, UNKNOWN, title=title, key=True)
        content = {"recipientId": str(inbox), "title": title, "idempotencyKey": title}
        while not self.stopping:
            id = self._post(token, content)
            if id is not None:
                more = {"title": title, "notification_id": id, "key": True}
                self.claim(inbox, ADDED, COMMITTED, **more)
                return
            time.sleep(self.rng.uniform(0, 2 * RETRY_SECONDS))

    def _post(self, token: str, content: dict[str, Any]) -> int | None:
        """Return the notification's id; None if the outcome is unknown."""
        body = json.dumps({"query": SEND, "variables": {"input": content}}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        address = f"{self.rng.choice(self.orders.servers)}/graphql/"
        request = urllib.request.Request(address, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=HTTP_SECONDS) as answer:
                data = json.load(answer).get("data")
        except (OSError, HTTPException, ValueError):
            return None
        return int(data["send"]["notification"]["id"]) if data else None


STYLES: dict[str, type[Writer]] = {
    "mixed": ServiceWriter,
    "http": HttpWriter,
    "quarrel": OverlappingWriter,
    "steady": SteadyWriter,
    "flood": Flooder,
}


def main() -> None:
    """Write until SIGTERM; what is being done then is done to the end."""
    orders = Orders(**json.loads(Path(sys.argv[1]).read_text()))
    if orders.style != "http":
        import django

        django.setup()
    with Path(orders.record).open("a") as record:
        writer = STYLES[orders.style](orders, record)

        def stop(*_: object) -> None:
            writer.stopping = True

        signal.signal(signal.SIGTERM, stop)
        writer.run()


if __name__ == "__main__":
    main()
