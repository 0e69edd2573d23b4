"""A client's model of an inbox: a list that was read once, and every event since applied to it.

With it, each service is held to one sentence: state before + events emitted = state read anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from msgspec.structs import replace

from live_inbox import selectors
from live_inbox.content import EDITABLE
from live_inbox.delivery.log import LogRange
from live_inbox.delivery.position import Position
from live_inbox.events import OF_ONE, Event, Folder, Kind, Snapshot

PAGE = 100


@dataclass
class Replica:
    """What a client knows of an inbox."""

    position: Position
    unread_count: int
    total_count: int
    unseen_count: int
    notifications: dict[int, Snapshot]
    """In all folders."""

    @classmethod
    def read(cls, user_id: Any) -> Self:
        """Read the inbox as a client does that knows nothing: page after page."""
        state = selectors.inbox_state(user_id=user_id)
        found: list[Snapshot] = []
        for folder in Folder:
            older_than, has_older = None, True
            while has_older:
                page = selectors.page(
                    user_id=user_id, limit=PAGE, older_than=older_than, folder=folder
                )
                assert page.inbox == state
                assert all(each.folder is folder for each in page.notifications)
                found += page.notifications
                has_older = page.has_older
                older_than = page.notifications[-1].rank if page.notifications else None
        snapshots = {snapshot.id: snapshot for snapshot in found}
        assert len(snapshots) == len(found)
        counted = Counter(snapshot.folder for snapshot in found)
        assert state.archived_count == counted[Folder.ARCHIVE]
        assert state.snoozed_count == counted[Folder.SNOOZED]
        return cls(
            state.position, state.unread_count, state.total_count, state.unseen_count, snapshots
        )

    def apply(self, event: Event) -> None:
        """Do what an event says, and fail if it does not fit what is known."""
        assert event.sequence == self.position.sequence + 1
        assert self.position.is_origin or event.epoch == self.position.epoch
        change = {
            Kind.ADDED: self._add,
            Kind.READ: self._mark,
            Kind.UNREAD: self._mark,
            Kind.DELETED: self._delete,
            Kind.EXPIRED: self._expire,
            Kind.RECALLED: self._delete,
            Kind.ALL_READ: self._mark_all,
            Kind.ARCHIVED: self._change,
            Kind.UNARCHIVED: self._change,
            Kind.SNOOZED: self._change,
            Kind.RETURNED: self._change,
            Kind.PINNED: self._change,
            Kind.UNPINNED: self._change,
            Kind.ACTION: self._change,
            Kind.EDITED: self._edit,
            Kind.SEEN: self._see,
            Kind.MANY_READ: self._change_several,
            Kind.MANY_ARCHIVED: self._change_several,
            Kind.MANY_DELETED: self._delete_several,
            Kind.GROUPED: self._change,
            Kind.UNGROUPED: self._change,
            Kind.RESTORED: self._restore,
        }[event.kind]
        change(event)
        self.position = event.position
        self.unread_count = event.unread_count
        self.total_count = event.total_count
        self.unseen_count = event.unseen_count
        self.check()

    def apply_all(self, events: Iterable[Event]) -> None:
        """Do what events say, one after the other."""
        for event in events:
            self.apply(event)

    def check(self) -> None:
        """Fail if the counts are not those of the notifications."""
        listed = [each for each in self.notifications.values() if each.folder is Folder.INBOX]
        assert self.total_count == len(listed)
        assert self.unread_count == sum(not each.read for each in listed)
        assert 0 <= self.unseen_count <= self.unread_count

    def _add(self, event: Event) -> None:
        snapshot = _erased(event, None) if event.is_erased else _snapshot_of(event)
        assert snapshot.id > self._highest_rank(), "the newest has the highest id"
        assert snapshot.folder is Folder.INBOX
        assert not snapshot.pinned or snapshot.group_count > 1
        self.notifications[snapshot.id] = snapshot

    def _mark(self, event: Event) -> None:
        assert event.notification_id is not None
        before = self.notifications[event.notification_id]
        read_at = event.occurred_at if event.kind is Kind.READ else None
        if event.is_erased:
            self.notifications[before.id] = replace(before, read_at=read_at)
            return
        snapshot = _snapshot_of(event)
        assert snapshot.read is (event.kind is Kind.READ)
        assert before.read is not snapshot.read
        assert replace(before, read_at=snapshot.read_at) == snapshot
        self.notifications[snapshot.id] = snapshot

    def _change(self, event: Event) -> None:
        """Take the new state, which differs in what the kind of the event says and nothing else."""
        assert event.notification_id is not None
        before = self.notifications[event.notification_id]
        expected = _changed(event.kind, before)
        if event.is_erased:
            if event.kind is Kind.RETURNED:
                # Somewhere above what was there, and below what comes.
                expected = replace(expected, returned_rank=self._highest_rank() + 1)
            self.notifications[before.id] = expected
            return
        snapshot = _snapshot_of(event)
        if event.kind is Kind.SNOOZED:
            assert snapshot.snoozed_until is not None
            # One that takes the place of another has its moment, which may have come: it returns soon.
            takes_a_place = before.folder is Folder.GROUPED
            assert takes_a_place or snapshot.snoozed_until > event.occurred_at
            expected = replace(expected, snoozed_until=snapshot.snoozed_until)
        if event.kind is Kind.ACTION:
            assert before.performed_action is None
            offered = [action.get("id") for action in snapshot.actions or ()]
            assert snapshot.performed_action in offered
            assert snapshot.performed_at == event.occurred_at
            expected = replace(
                expected,
                performed_action=snapshot.performed_action,
                performed_at=snapshot.performed_at,
            )
        if event.kind is Kind.RETURNED:
            assert snapshot.rank > self._highest_rank()
            expected = replace(expected, returned_rank=snapshot.returned_rank)
        if not before.title:
            # What is known of one that was erased when it came is not its content.
            expected = snapshot
        assert snapshot == expected
        assert snapshot != before
        self.notifications[snapshot.id] = snapshot

    def _edit(self, event: Event) -> None:
        """Take the new content; everything else is as it was."""
        assert event.notification_id is not None
        before = self.notifications[event.notification_id]
        if event.is_erased:
            return
        snapshot = _snapshot_of(event)
        if snapshot.edited_at == before.edited_at:
            # A user whom it named was erased.
            named = ("sender", "actor", "target", "group_actors")
            left = {name: getattr(snapshot, name) for name in named}
            assert replace(before, **left) == snapshot != before
            self.notifications[snapshot.id] = snapshot
            return
        assert snapshot.edited_at == event.occurred_at
        edited = {name: getattr(snapshot, name) for name in (*EDITABLE, "edited_at")}
        if before.title:
            assert replace(before, **edited) == snapshot
            assert any(getattr(before, name) != getattr(snapshot, name) for name in EDITABLE)
        self.notifications[snapshot.id] = snapshot

    def _change_several(self, event: Event) -> None:
        """Change what it names as events of one would, each of which would change something."""
        kind, ids = OF_ONE[event.kind], event.notification_ids
        assert ids
        assert len(set(ids)) == len(ids) == event.count
        for each in ids:
            before = self.notifications[each]
            is_read = kind is Kind.READ
            after = (
                replace(before, read_at=event.occurred_at) if is_read else _changed(kind, before)
            )
            assert after != before
            self.notifications[each] = after

    def _delete_several(self, event: Event) -> None:
        assert event.notification_ids
        assert len(event.notification_ids) == event.count
        for each in event.notification_ids:
            del self.notifications[each]

    def _restore(self, event: Event) -> None:
        """It is in its old place, perhaps below others."""
        snapshot = _erased(event, None) if event.is_erased else _snapshot_of(event)
        assert snapshot.id not in self.notifications
        self.notifications[snapshot.id] = snapshot

    def _see(self, event: Event) -> None:
        assert event.through_rank is not None
        assert event.through_rank <= self._highest_rank()
        assert event.unseen_count == self.unseen_count - event.count < self.unseen_count

    def _highest_rank(self) -> int:
        return max((each.rank for each in self.notifications.values()), default=0)

    def _delete(self, event: Event) -> None:
        assert event.notification_id is not None
        assert event.notification is None
        assert self.notifications.pop(event.notification_id).type == event.notification_type

    def _expire(self, event: Event) -> None:
        assert event.notification_id is not None
        expired = self.notifications[event.notification_id]
        if expired.title:
            assert expired.expires_at is not None
            assert expired.expires_at <= event.occurred_at
        self._delete(event)

    def _mark_all(self, event: Event) -> None:
        assert event.through_rank is not None
        became_read = [
            each
            for each in self.notifications.values()
            if each.folder is Folder.INBOX and each.rank <= event.through_rank and not each.read
        ]
        assert len(became_read) == event.count > 0
        for each in became_read:
            self.notifications[each.id] = replace(each, read_at=event.occurred_at)


def _changed(kind: Kind, before: Snapshot) -> Snapshot:
    """Return a notification after such an event; what only the event knows is left as it was."""
    match kind:
        case Kind.ARCHIVED:
            return replace(before, folder=Folder.ARCHIVE, snoozed_until=None)
        case Kind.UNARCHIVED:
            return replace(before, folder=Folder.INBOX)
        case Kind.SNOOZED:
            return replace(before, folder=Folder.SNOOZED)
        case Kind.RETURNED:
            return replace(before, folder=Folder.INBOX, snoozed_until=None, read_at=None)
        case Kind.PINNED | Kind.UNPINNED:
            return replace(before, pinned=kind is Kind.PINNED)
        case Kind.GROUPED:
            return replace(before, folder=Folder.GROUPED, pinned=False)
        case Kind.UNGROUPED:
            return replace(before, folder=Folder.INBOX)
        case Kind.ACTION:
            # Which action, only the event says.
            return before
        case _:
            raise AssertionError(kind)


def _erased(event: Event, read_at: datetime | None) -> Snapshot:
    """Return what is known of a notification that is deleted by a later event."""
    assert event.notification is None
    assert event.notification_id is not None
    assert event.notification_type is not None
    number, type = event.notification_id, event.notification_type
    return Snapshot(number, type, "", "", "", {}, event.occurred_at, read_at, None)


def _snapshot_of(event: Event) -> Snapshot:
    assert event.notification is not None
    assert event.notification_id == event.notification.id
    assert event.notification_type == event.notification.type
    return event.notification


def log_of(user_id: Any, *, after: int = 0) -> list[Event]:
    """Return the log as the hub reads it."""
    found: list[Event] = []
    while page := selectors.events([LogRange(str(user_id), after)], limit=PAGE)[0]:
        found += page
        after = page[-1].sequence
    return found
