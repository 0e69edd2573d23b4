"""Writers that call the services, as a worker beside the servers does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.history import (
    ADDED,
    ALL_READ,
    COMMITTED,
    DELETED,
    EDITED,
    PREFERENCE,
    READ,
    REFUSED,
    ROLLED_BACK,
    SUPPRESSED,
    UNCHANGED,
    UNKNOWN,
    UNREAD,
)
from tests.chaos.service_changes import ServiceChanges
from tests.chaos.writing import UNWANTED, Action, recorded

RETRY_SECONDS = 0.3


class ServiceWriter(ServiceChanges):
    """Does any of the things that change an inbox."""

    path = "service"

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
        """Do one thing."""
        from live_inbox.errors import Conflict, InvalidInput, NotFound

        actions: dict[Action, int] = {
            self._send: 34,
            self._mark: 25,
            self._all_read: 3,
            self._delete: 4,
            self._recall: 3,
            self._send_many: 6,
            self._campaign: 3,
            self._take_back: 4,
            self._with_key: 12,
            self._expiring: 6,
            self._unwanted: 4,
            self._edit: 4,
            **self.changes(),
        }
        inbox, operation = self.rng.choice(self.orders.inboxes), ""
        try:
            with self.choose(actions) as action:
                operation = action.__name__.strip("_")
                action(inbox)
        except InvalidInput as error:
            reason = f"BAD_USER_INPUT {error.field}"
            self.claim(inbox, "", REFUSED, operation=operation, reason=reason)
        except NotFound:
            # Another writer has deleted it, or has changed it since.
            self.claim(inbox, "", REFUSED, operation=operation, reason="NOT_FOUND")
        except Conflict as error:
            # Another writer has sent one of its group, under which it is folded now.
            self.claim(inbox, "", REFUSED, operation=operation, reason=f"CONFLICT : {error}")

    def _sender(self) -> int | None:
        return self.orders.operator[0] if self.rng.random() < 0.5 else None

    def _send(self, inbox: int) -> None:
        self._send_once(inbox, "send", self.content())

    def _expiring(self, inbox: int) -> None:
        content = self.content() | {"expires_at": self.expiry()}
        with self._refusals(inbox, "expiring send"):
            self._send_once(inbox, "expiring send", content)

    def _send_once(self, inbox: int, operation: str, content: dict[str, Any]) -> None:
        from live_inbox import services

        title, sender = self.title(), self._sender()
        more: dict[str, Any] = {
            "title": title,
            "operation": operation,
            "content": recorded(content, sender),
        }
        self.claim(inbox, ADDED, UNKNOWN, **more)
        sent = services.send(recipient_id=inbox, title=title, sender_id=sender, **content)
        notification = sent.notification
        assert notification is not None
        more |= {"notification_id": notification.pk, "sequence": notification.added_sequence}
        self.claim(inbox, ADDED, COMMITTED, **more)

    def _unwanted(self, inbox: int) -> None:
        """Turn a type off or on, and send what may be unwanted."""
        from live_inbox import services

        operation = "set_preference"
        enabled = not self.is_thorough and self.rng.random() < 0.3
        self.claim(inbox, PREFERENCE, UNKNOWN, operation=operation)
        services.set_preference(user_id=inbox, type=UNWANTED, enabled=enabled)
        self.claim(inbox, PREFERENCE, COMMITTED, operation=operation)
        title, content = self.title(), self.content() | {"type": UNWANTED}
        more = {"title": title, "operation": "unwanted send", "content": recorded(content)}
        self.claim(inbox, ADDED, UNKNOWN, **more)
        sent = services.send(recipient_id=inbox, title=title, **content)
        self.claim(inbox, ADDED, SUPPRESSED if sent.suppressed else COMMITTED, **more)

    def _with_key(self, inbox: int) -> None:
        """Send with a key, again and again until there is an outcome, and then once more."""
        from live_inbox import services

        title, sender, content = self.title(), self._sender(), self.content()
        more = {
            "title": title,
            "key": True,
            "operation": "keyed send",
            "content": recorded(content, sender),
        }
        self.claim(inbox, ADDED, UNKNOWN, **more)
        keyed: dict[str, Any] = {
            "recipient_id": inbox,
            "sender_id": sender,
            "idempotency_key": title,
        }
        sent = self.until_done(lambda: services.send(title=title, **keyed, **content))
        assert sent.notification is not None
        self.claim(inbox, ADDED, COMMITTED, notification_id=sent.notification.pk, **more)
        again = self.until_done(lambda: services.send(title=title, **keyed, **content))
        # Unless it was deleted meanwhile: then the key is free again, and that is another notification.
        if again.replayed:
            self.claim(inbox, ADDED, COMMITTED, **more | {"operation": "replayed send"})

    def until_done(self, call: Callable[[], Any]) -> Any:
        """Return what a call that can be repeated returns when the database lets it."""
        from django.db import DatabaseError, InterfaceError, connection

        while True:
            try:
                return call()
            except (DatabaseError, InterfaceError):
                if self.stopping:
                    raise
                connection.close()
                time.sleep(RETRY_SECONDS)

    def _mark(self, inbox: int) -> None:
        chosen = self._choose(inbox)
        if chosen is None:
            return
        id, is_read = chosen
        self._mark_as(inbox, id, is_read=not is_read)
        if self.is_thorough or self.rng.random() < 0.3:
            self._mark_as(inbox, id, is_read=is_read)

    def _mark_as(self, inbox: int, id: int, *, is_read: bool) -> None:
        from live_inbox import services
        from live_inbox.errors import NotFound

        call = services.mark_read if is_read else services.mark_unread
        what = READ if is_read else UNREAD
        operation = f"mark_{what}"
        self.claim(inbox, what, UNKNOWN, notification_id=id, operation=operation)
        try:
            done = call(user_id=inbox, notification_id=id)
        except NotFound:
            return
        more = {"notification_id": id, "sequence": done.position.sequence, "operation": operation}
        self.claim(inbox, what, COMMITTED if done.changed else UNCHANGED, **more)

    def _all_read(self, inbox: int) -> None:
        from live_inbox import selectors, services

        if self.is_thorough:
            self._send(inbox)
        position = selectors.inbox_state(user_id=inbox).position
        up_to = position if self.rng.random() < 0.5 else None
        self.claim(inbox, ALL_READ, UNKNOWN, operation="mark_all_read")
        with self._refusals(inbox, "mark_all_read"):
            done = services.mark_all_read(user_id=inbox, up_to=up_to)
            more = {"sequence": done.position.sequence, "operation": "mark_all_read"}
            self.claim(inbox, ALL_READ, COMMITTED if done.count else UNCHANGED, **more)

    def _delete(self, inbox: int) -> None:
        from live_inbox import services
        from live_inbox.errors import NotFound

        chosen = self._choose(inbox)
        if chosen is None:
            return
        more = {"notification_id": chosen[0], "operation": "delete"}
        self.claim(inbox, DELETED, UNKNOWN, **more)
        try:
            done = services.delete(user_id=inbox, notification_id=chosen[0])
        except NotFound:
            return
        self.claim(inbox, DELETED, COMMITTED, sequence=done.position.sequence, **more)

    def _recall(self, inbox: int) -> None:
        from live_inbox import services

        chosen = self._choose(inbox)
        if chosen is None:
            return
        more = {"notification_id": chosen[0], "operation": "recall"}
        self.claim(inbox, DELETED, UNKNOWN, **more)
        if services.recall(notification_id=chosen[0]):
            self.claim(inbox, DELETED, COMMITTED, **more)

    def _edit(self, inbox: int) -> None:
        from live_inbox import services

        chosen = self.find(inbox, "")
        if chosen is None:
            return
        more: dict[str, Any] = {"notification_id": chosen.id, "operation": "edit"}
        self.claim(inbox, EDITED, UNKNOWN, **more)
        message = f"edited by {self.title()}"
        done = services.edit(notification_id=chosen.id, message=message, priority="high")
        self.claim(inbox, EDITED, COMMITTED, sequence=done.position.sequence, **more)

    def send_one(self, inbox: int, token: str, content: dict[str, Any]) -> None:
        """Send to an inbox."""
        self._send_once(inbox, "send", content)

    def _send_many(self, inbox: int) -> None:
        """Send to several; half of the time with a key, until it is done."""
        if self.is_thorough:
            self._send_to_some(has_key=True)
        self._send_to_some(has_key=not self.is_thorough and self.rng.random() < 0.5)

    def _send_to_some(self, *, has_key: bool) -> None:
        from live_inbox import services

        some = self.rng.sample(list(self.orders.inboxes), min(8, len(self.orders.inboxes)))
        title, content = self.title(), self.content()
        operation = "keyed send_many" if has_key else "send_many"
        more = {
            "title": title,
            "operation": operation,
            "key": has_key,
            "content": recorded(content),
        }
        for each in some:
            self.claim(each, ADDED, UNKNOWN, **more)
        if has_key:
            content["idempotency_key"] = title
            self.until_done(lambda: services.send_many(recipient_ids=some, title=title, **content))
        else:
            services.send_many(recipient_ids=some, title=title, **content)
        for each in some:
            self.claim(each, ADDED, COMMITTED, **more)

    def _campaign(self, inbox: int) -> None:
        """Start a campaign with a key, until it is there, and carry it out along with the servers."""
        from live_inbox import services

        some = self.rng.sample(list(self.orders.inboxes), min(8, len(self.orders.inboxes)))
        title, content = self.title(), self.content()
        more = {
            "title": title,
            "operation": "campaign",
            "key": True,
            "content": recorded(content),
        }
        for each in some:
            self.claim(each, ADDED, UNKNOWN, **more)
        audience = services.audience_of(recipients=some)
        started = self.until_done(
            lambda: services.start_campaign(
                audience=audience, title=title, idempotency_key=title, **content
            )
        )
        self.until_done(lambda: services.run_campaign(campaign_id=started.id))
        for each in some:
            self.claim(each, ADDED, COMMITTED, **more)

    def _take_back(self, inbox: int) -> None:
        """Send within a transaction that is then rolled back."""
        from django.db import transaction

        from live_inbox import services

        title = self.title()
        with transaction.atomic():
            services.send(recipient_id=inbox, title=title, **self.content())
            transaction.set_rollback(True)
        self.claim(inbox, ADDED, ROLLED_BACK, title=title, operation="rolled back send")

    def _choose(self, inbox: int) -> tuple[int, bool] | None:
        from live_inbox import selectors

        found = selectors.page(user_id=inbox, limit=20).notifications
        return None if not found else (lambda one: (one.id, one.read))(self.rng.choice(found))

    @contextmanager
    def _refusals(self, inbox: int, operation: str) -> Iterator[None]:
        """Record what is refused: expiry by a wrong clock, a position of an epoch that has ended."""
        from live_inbox.errors import InvalidInput

        try:
            yield
        except InvalidInput as error:
            self.claim(
                inbox, ADDED, REFUSED, operation=operation, reason=f"BAD_USER_INPUT {error.field}"
            )


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
        some = self.rng.sample(list(self.orders.inboxes), min(3, len(self.orders.inboxes)))
        is_kept = self.rng.random() < 0.5
        operation = "send in a transaction" if is_kept else "rolled back send"
        titles = [(inbox, self.title()) for inbox in some]
        for inbox, title in titles:
            self.claim(inbox, ADDED, UNKNOWN, title=title, operation=operation)
        with transaction.atomic():
            for inbox, title in titles:
                services.send(recipient_id=inbox, title=title)
                time.sleep(self.rng.uniform(0, 0.02))
            transaction.set_rollback(not is_kept)
        for inbox, title in titles:
            outcome = COMMITTED if is_kept else ROLLED_BACK
            self.claim(inbox, ADDED, outcome, title=title, operation=operation)


class SteadyWriter(ServiceWriter):
    """Sends to every inbox at each turn, at a steady pace."""

    def change(self) -> None:
        """Send one message to all."""
        self.send_to_all(self.content())

    def send_to_all(self, content: dict[str, Any], operation: str = "send_many") -> None:
        """Send to all inboxes."""
        from live_inbox import services

        title = self.title()
        more = {"title": title, "operation": operation, "content": recorded(content)}
        for inbox in self.orders.inboxes:
            self.claim(inbox, ADDED, UNKNOWN, **more)
        services.send_many(recipient_ids=self.orders.inboxes, title=title, **content)
        for inbox in self.orders.inboxes:
            self.claim(inbox, ADDED, COMMITTED, **more)


class Flooder(SteadyWriter):
    """Sends long messages: what a client that does not read leaves behind."""

    def change(self) -> None:
        """Send one long message to all."""
        self.send_to_all({"message": "x" * 4000, "data": {"x": "x" * 7000}}, "flood")


class BulkWriter(ServiceWriter):
    """Sends one thing to all inboxes, with a key, in chunks of one inbox; then it is done.

    It is killed on the way and run again until it has ended by itself.
    """

    def run(self) -> None:
        """Send it."""
        from live_inbox import services
        from live_inbox.services import bulk_sending

        assert hasattr(bulk_sending, "SEND_CHUNK"), "the size of a chunk is elsewhere now"
        bulk_sending.SEND_CHUNK = 1
        title = self.orders.title
        content: dict[str, Any] = {"message": title, "data": {"bulk": True}}
        more = {
            "title": title,
            "operation": "killed send_many",
            "key": True,
            "content": recorded(content),
        }
        for inbox in self.orders.inboxes:
            self.claim(inbox, ADDED, UNKNOWN, **more)
        self.until_done(
            lambda: services.send_many(
                recipient_ids=self.orders.inboxes, title=title, idempotency_key=title, **content
            )
        )
        for inbox in self.orders.inboxes:
            self.claim(inbox, ADDED, COMMITTED, **more)


class FrozenWriter(ServiceWriter):
    """Sends within a transaction and stays there, until it is killed."""

    def run(self) -> None:
        """Hold the inbox's lock."""
        from django.db import transaction

        from live_inbox import services

        inbox, title = self.orders.inboxes[0], self.title()
        self.claim(inbox, ADDED, ROLLED_BACK, title=title, operation="frozen send")
        with transaction.atomic():
            services.send(recipient_id=inbox, title=title)
            print("inside", flush=True)
            while True:
                time.sleep(60)
