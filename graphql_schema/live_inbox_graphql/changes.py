"""What the mutations of an inbox do, in a database thread: for the resolvers and for compiled mutations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from live_inbox import services
from live_inbox.errors import NotFound
from live_inbox.events import Snapshot
from live_inbox.identity.account_rows import JoinedColumns
from live_inbox.identity.callers import Caller, InboxOwner
from live_inbox.identity.scopes import Right, allows
from live_inbox.models import Notification, ScheduledSend
from live_inbox.selectors import EVERYTHING, ListFilter
from live_inbox.services.bulk_changes import MOST
from live_inbox.services.cancel_for_caller import cancel_for_caller
from live_inbox.services.change_rate import take_change
from live_inbox.services.edit_for_caller import edit_for_caller
from live_inbox.services.joined_notification import joined_notification, objects_of
from live_inbox.services.marking import mark_found
from live_inbox.services.recall_for_caller import recall_for_caller
from live_inbox.services.send_for_caller import send_for_caller
from live_inbox.snapshots import as_sent
from live_inbox_graphql import ids
from live_inbox_graphql.arguments import named_by_client, parse_position
from live_inbox_graphql.sent_inputs import EditInput
from live_inbox_graphql.types import SendInput


@dataclass(frozen=True, slots=True)
class ShownSend:
    """The result of a send as its caller may see it."""

    notification: Snapshot | None
    suppressed: bool
    replayed: bool
    scheduled: ScheduledSend | None = None

    @classmethod
    def of(cls, sent: services.Sent, caller: Caller) -> ShownSend:
        """Return it for the result of a send by the caller.

        It shows the notification as it was sent, also if it has been read or moved since: unless it is the caller's
        own, and the token may read.
        """
        row = sent.notification
        snapshot = None if row is None else _shown(row, caller)
        return cls(snapshot, sent.suppressed, sent.replayed, sent.scheduled)


@dataclass(frozen=True, slots=True)
class ShownEdit:
    """The result of an edit as its caller may see it."""

    notification: Snapshot
    changed: bool


def _shown(row: Notification, caller: Caller) -> Snapshot:
    """Return a notification as whoever has sent it may see it: see `ShownSend.of`."""
    snapshot = services.snapshot(row)
    is_readable = row.recipient_id == caller.user.pk and allows(caller.scopes, Right.READ)
    return snapshot if is_readable else as_sent(snapshot)


def send(caller: Caller, input: SendInput, *, is_fresh: bool = False) -> ShownSend:
    """Send a notification. `is_fresh`: whether the caller's row has just been read."""
    recipient_id = ids.parse_user_id(input.recipient_id, field="input.recipientId")
    with named_by_client("input"):
        sent = send_for_caller(
            caller,
            recipient_id=recipient_id,
            is_fresh=is_fresh,
            idempotency_key=input.idempotency_key,
            **input.content(),
        )
    return ShownSend.of(sent, caller)


def edit(caller: Caller, input: EditInput) -> ShownEdit:
    """Change the content of what the caller has sent, or may change."""
    number = None if input.id is None else ids.parse_notification_id(input.id)
    with named_by_client("input", notification_id="id"):
        edited = edit_for_caller(
            caller,
            notification_id=number,
            idempotency_key=input.idempotency_key,
            **input.content(),
        )
    return ShownEdit(_shown(edited.notification, caller), edited.changed)


def recall(caller: Caller, id: str | None, idempotency_key: str | None) -> bool:
    """Delete what the caller has sent, or may change; return whether it was there."""
    with named_by_client(notification_id="id"):
        try:
            number = None if id is None else ids.parse_notification_id(id)
        except NotFound:
            number = 0
        return recall_for_caller(caller, notification_id=number, idempotency_key=idempotency_key)


def cancel_send(caller: Caller, id: str | None, idempotency_key: str | None) -> bool:
    """Cancel what the caller has scheduled, or may change; return whether that was in time."""
    with named_by_client(scheduled_id="id"):
        return cancel_for_caller(
            caller,
            scheduled_id=None if id is None else ids.parse_scheduled_id(id),
            idempotency_key=idempotency_key,
        )


def mark_read(caller: InboxOwner, id: str) -> services.Changed:
    """Mark a notification of the caller's as read."""
    return _change(services.mark_read, caller, id)


def mark_unread(caller: InboxOwner, id: str) -> services.Changed:
    """Mark a notification of the caller's as unread."""
    return _change(services.mark_unread, caller, id)


def mark_joined(
    caller: InboxOwner, id: str, row: Sequence[Any] | None, *, read: bool
) -> services.Changed:
    """Do one of these with the columns of `joined_notification`; None if they were not read."""
    if row is None:
        return (mark_read if read else mark_unread)(caller, id)
    take_change(caller)
    return mark_found(objects_of(row), read=read)


def joined_with(id: str) -> JoinedColumns | None:
    """Return what `mark_joined` needs of a notification; None for what cannot be the id of one, too."""
    number = ids.known_notification_id(id)
    return joined_notification(number) if number else None


def archive(caller: InboxOwner, id: str) -> services.Changed:
    """Move a notification of the caller's to the archive."""
    return _change(services.archive, caller, id)


def unarchive(caller: InboxOwner, id: str) -> services.Changed:
    """Move a notification of the caller's back from the archive."""
    return _change(services.unarchive, caller, id)


def snooze(caller: InboxOwner, id: str, until: datetime) -> services.Changed:
    """Take a notification out of the caller's inbox until a moment."""
    return _change(services.snooze, caller, id, until=until)


def unsnooze(caller: InboxOwner, id: str) -> services.Changed:
    """Return a snoozed notification of the caller's now."""
    return _change(services.unsnooze, caller, id)


def pin(caller: InboxOwner, id: str) -> services.Changed:
    """Pin a notification of the caller's."""
    return _change(services.pin, caller, id)


def unpin(caller: InboxOwner, id: str) -> services.Changed:
    """Unpin a notification of the caller's."""
    return _change(services.unpin, caller, id)


def perform_action(caller: InboxOwner, id: str, action_id: str) -> services.Changed:
    """Record that the caller has chosen an action of a notification."""
    with named_by_client():
        return _change(services.perform_action, caller, id, action_id=action_id)


def _change(
    service: Callable[..., services.Changed], caller: InboxOwner, id: str, **arguments: Any
) -> services.Changed:
    take_change(caller)
    number = ids.parse_notification_id(id)
    return service(user_id=caller.user_id, notification_id=number, **arguments)


def mark_all_read(
    caller: InboxOwner, up_to: str | None = None, filter: ListFilter | None = None
) -> services.AllRead | services.BulkChanged:
    """Mark what a filter has, or all of the inbox, as read; with a position, only what had arrived at it."""
    if filter is not None and filter != EVERYTHING:
        return _change_all(services.mark_all_read_of, caller, filter, up_to)
    take_change(caller)
    position = parse_position(up_to, field="upTo")
    with named_by_client():
        return services.mark_all_read(user_id=caller.user_id, up_to=position, undoable=True)


def archive_all(
    caller: InboxOwner, filter: ListFilter | None, up_to: str | None
) -> services.BulkChanged:
    """Archive what a filter has, likewise."""
    return _change_all(services.archive_all, caller, filter, up_to)


def delete_all(
    caller: InboxOwner, filter: ListFilter | None, up_to: str | None
) -> services.BulkChanged:
    """Delete what a filter has, likewise."""
    return _change_all(services.delete_all, caller, filter, up_to)


def _change_all(
    service: Callable[..., services.BulkChanged],
    caller: InboxOwner,
    filter: ListFilter | None,
    up_to: str | None,
) -> services.BulkChanged:
    take_change(caller)
    position = parse_position(up_to, field="upTo")
    with named_by_client(up_to="upTo", folder="filter.folder"):
        return service(
            user_id=caller.user_id,
            filter=EVERYTHING if filter is None else filter,
            up_to=position,
            most=MOST,
            undoable=True,
        )


def undo(caller: InboxOwner, token: str) -> services.BulkChanged:
    """Undo a bulk change of the caller's."""
    take_change(caller)
    return services.undo(user_id=caller.user_id, token=token)


def mark_seen(caller: InboxOwner, up_to: str | None = None) -> services.Seen:
    """Note that the caller has opened their list, or what of it had arrived at a position."""
    take_change(caller)
    position = parse_position(up_to, field="upTo")
    with named_by_client():
        return services.mark_seen(user_id=caller.user_id, up_to=position)


def delete(caller: InboxOwner, id: str, undoable: bool = False) -> services.Deleted:
    """Delete a notification of the caller's."""
    take_change(caller)
    number = ids.parse_notification_id(id)
    return services.delete(user_id=caller.user_id, notification_id=number, undoable=undoable)
