"""What users do to an inbox beside reading and deleting one by one: the same actions, whatever the API.

A writer carries them out by its API, and says what it knows of the outcome.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.history import (
    ACTION,
    ADDED,
    ARCHIVED,
    CANCELLED,
    COMMITTED,
    DELETED,
    MANY_ARCHIVED,
    MANY_DELETED,
    MANY_READ,
    PINNED,
    RETURNED,
    SCHEDULED,
    SEEN,
    SNOOZED,
    UNARCHIVED,
    UNCHANGED,
    UNDONE,
    UNKNOWN,
    UNPINNED,
)
from tests.chaos.writing import LATER_SECONDS, SOON_SECONDS, TYPES, Action, Writer, recorded

KINDS = {
    "archive": ARCHIVED,
    "unarchive": UNARCHIVED,
    "snooze": SNOOZED,
    "unsnooze": RETURNED,
    "pin": PINNED,
    "unpin": UNPINNED,
    "perform_action": ACTION,
    "mark_all_read": MANY_READ,
    "archive_all": MANY_ARCHIVED,
    "delete_all": MANY_DELETED,
}
"""What is in the log after each."""
ACTION_ID = "approve"
MOST_OF_ONE_EVENT = 500
TRIES = 3


@dataclass(frozen=True, slots=True)
class Chosen:
    """A notification that a list has shown."""

    id: int
    title: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known after a change: that of the log is at `sequence`, or somewhere, with 0.

    `count` is how many notifications were changed, None if it is not known whether any was.
    """

    sequence: int = 0
    count: int | None = None
    undo_token: str | None = None


class ChangeWriter(Writer):
    """Moves, pins, sees, answers and changes in bulk, and undoes some of it."""

    def changes(self) -> dict[Action, int]:
        """Return these actions, with the weight of each."""
        return {
            self._archive: 6,
            self._snooze: 6,
            self._pin: 4,
            self._see: 6,
            self._perform: 4,
            self._change_many: 4,
            self._delete_and_restore: 4,
            self._later: 4,
        }

    # -- by the API ---------------------------------------------------------------------------------------

    @abstractmethod
    def find(self, inbox: int, token: str, folder: str = "inbox") -> Chosen | None:
        """Return one of the newest of a folder."""

    @abstractmethod
    def send_one(self, inbox: int, token: str, content: dict[str, Any]) -> None:
        """Send to the inbox, and record it."""

    @abstractmethod
    def change_one(
        self, inbox: int, token: str, name: str, id: int, given: Mapping[str, Any]
    ) -> Outcome:
        """Change one notification."""

    @abstractmethod
    def change_many(self, inbox: int, token: str, name: str, filter: Mapping[str, Any]) -> Outcome:
        """Change all that a filter has, so that it can be undone."""

    @abstractmethod
    def delete_undoably(self, inbox: int, token: str, id: int) -> Outcome:
        """Delete one notification, so that it can be undone."""

    @abstractmethod
    def undo(self, inbox: int, token: str, undo_token: str) -> Outcome:
        """Undo a change."""

    @abstractmethod
    def see(self, inbox: int, token: str) -> Outcome:
        """Note that the list was opened."""

    @abstractmethod
    def schedule(self, inbox: int, token: str, content: dict[str, Any]) -> Any:
        """Send later; return what cancels it, None if it was not scheduled."""

    @abstractmethod
    def cancel(self, token: str, scheduled: Any) -> bool:
        """Cancel what was scheduled; return whether it was in time."""

    # -- the actions --------------------------------------------------------------------------------------

    def _archive(self, inbox: int, token: str = "") -> None:
        if self._change_one(inbox, token, "archive", self.find(inbox, token)):
            self._pause_or_not()
            self._change_one(inbox, token, "unarchive", self.find(inbox, token, "archive"))

    def _snooze(self, inbox: int, token: str = "") -> None:
        """Snooze for so short that it returns within the run, or return one."""
        seconds = LATER_SECONDS if self.is_thorough else self.rng.uniform(*SOON_SECONDS)
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        given = {"until": until.replace(microsecond=0)}
        self._change_one(inbox, token, "snooze", self.find(inbox, token), given)
        if self.is_thorough or self.rng.random() < 0.5:
            self._change_one(inbox, token, "unsnooze", self.find(inbox, token, "snoozed"))

    def _pin(self, inbox: int, token: str = "") -> None:
        chosen = self.find(inbox, token)
        names = ("unpin", "pin") if chosen is not None and chosen.pinned else ("pin", "unpin")
        for name in names if self.is_thorough else names[:1]:
            self._change_one(inbox, token, name, chosen)

    def _perform(self, inbox: int, token: str = "") -> None:
        content = self.content()
        content["actions"] = [
            {"label": "Approve", "id": ACTION_ID},
            {"label": "Open", "link": "/7"},
        ]
        self.send_one(inbox, token, content)
        given = {"action_id": ACTION_ID}
        self._change_one(inbox, token, "perform_action", self.find(inbox, token), given)

    def _change_one(
        self,
        inbox: int,
        token: str,
        name: str,
        chosen: Chosen | None,
        given: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change a notification and record it; return whether there was one."""
        if chosen is None:
            return False
        more: dict[str, Any] = {"notification_id": chosen.id, "operation": name}
        self.claim(inbox, KINDS[name], UNKNOWN, **more)
        done = self.change_one(inbox, token, name, chosen.id, given or {})
        outcome = UNCHANGED if done.count == 0 else COMMITTED
        self.claim(inbox, KINDS[name], outcome, sequence=done.sequence, **more)
        return True

    def _see(self, inbox: int, token: str = "") -> None:
        for _ in range(TRIES if self.is_thorough else 1):
            if self.is_thorough:
                self.send_one(inbox, token, self.content())
            self.claim(inbox, SEEN, UNKNOWN, operation="mark_seen")
            done = self.see(inbox, token)
            if done.count:
                more = {"sequence": done.sequence, "operation": "mark_seen"}
                self.claim(inbox, SEEN, COMMITTED, number=done.count, **more)
                return

    def _change_many(self, inbox: int, token: str = "") -> None:
        """Change what a filter has, and undo half of it."""
        names = ["mark_all_read", "archive_all", "delete_all"]
        for name in names if self.is_thorough else self.rng.sample(names, 1):
            if self.is_thorough:
                self.send_one(inbox, token, self.content())
            chosen = self.find(inbox, token)
            if chosen is not None:
                self._change_these(inbox, token, name, self._filter(name, chosen))

    def _filter(self, name: str, chosen: Chosen) -> dict[str, Any]:
        filters: list[dict[str, Any]] = [
            {"text": chosen.title},
            {"types": [self.rng.choice(TYPES)]},
            {"read": True, "types": list(TYPES)} if name != "mark_all_read" else {"seen": True},
            {"types": list(TYPES), "folder": "archive"}
            if name == "delete_all"
            else {"seen": False},
        ]
        return filters[0] if self.is_thorough else self.rng.choice(filters)

    def _change_these(self, inbox: int, token: str, name: str, filter: Mapping[str, Any]) -> None:
        more: dict[str, Any] = {"operation": f"{name} of a filter"}
        self.claim(inbox, KINDS[name], UNKNOWN, **more)
        done = self.change_many(inbox, token, name, filter)
        if not done.count:
            return
        self.claim(inbox, KINDS[name], COMMITTED, sequence=done.sequence, number=done.count, **more)
        if self.is_thorough or self.rng.random() < 0.5:
            self._undo(inbox, token, done)

    def _delete_and_restore(self, inbox: int, token: str = "") -> None:
        chosen = self.find(inbox, token)
        if chosen is None:
            return
        more: dict[str, Any] = {"notification_id": chosen.id, "operation": "undoable delete"}
        self.claim(inbox, DELETED, UNKNOWN, **more)
        done = self.delete_undoably(inbox, token, chosen.id)
        self.claim(inbox, DELETED, COMMITTED, sequence=done.sequence, **more)
        self._undo(inbox, token, done)

    def _undo(self, inbox: int, token: str, done: Outcome) -> None:
        if done.undo_token is None:
            return
        self._pause_or_not()
        self.claim(inbox, UNDONE, UNKNOWN, operation="undo")
        undone = self.undo(inbox, token, done.undo_token)
        is_one_event = done.count is None or done.count <= MOST_OF_ONE_EVENT
        self.claim(
            inbox,
            UNDONE,
            COMMITTED,
            operation="undo",
            sequence=undone.sequence,
            number=undone.count or 0,
            undoes=done.sequence if is_one_event else 0,
        )

    def _later(self, inbox: int, token: str = "") -> None:
        """Schedule a send for soon, and half of the time cancel it: it comes once, or never if that was in time."""
        content, title = self.content(), self.title()
        wait = timedelta(seconds=self.rng.uniform(*SOON_SECONDS))
        moment = datetime.now(UTC) + wait
        sent = {name: value for name, value in recorded(content).items() if name != "sender"}
        more: dict[str, Any] = {"title": title, "operation": "later send", "content": sent}
        self.claim(inbox, ADDED, UNKNOWN, **more)
        given = content | {"title": title, "deliver_at": moment}
        scheduled = self.schedule(inbox, token, given)
        if scheduled is None:
            return
        if not self.is_thorough and self.rng.random() < 0.5:
            if self.cancel(token, scheduled):
                self.claim(inbox, ADDED, CANCELLED, **more)
            return
        self.claim(inbox, ADDED, SCHEDULED, **more)

    def _pause_or_not(self) -> None:
        """Let others come in between, half of the time."""
        if self.rng.random() < 0.5:
            time.sleep(self.rng.uniform(0, 0.3))
