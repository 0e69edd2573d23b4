"""Editing: changes the content of a notification that was sent, in its place and without making it unread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

from live_inbox.clock import clock
from live_inbox.content import EDITABLE, GivenFields, check_not_expired
from live_inbox.declared_types import declared_type
from live_inbox.errors import InvalidInput
from live_inbox.events import Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.changing import change_one
from live_inbox.services.given_content import read_given
from live_inbox.services.recipient_content import content_for
from live_inbox.services.results import Changed
from live_inbox.services.sent_notification import find_sent


def edit(
    *,
    notification_id: int | None = None,
    sender_id: Any = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
    authorize: Callable[[Notification], None] | None = None,
    **fields: Unpack[GivenFields],
) -> Changed:
    """Change the content of a notification, which is named by its number or by the key of its send.

    The fields are read as in a send. Those that are not given stay; with a context, the templates of the type make the
    title and the message anew, unless they are given. A type and a group cannot be changed. The notification keeps its
    place, its folder, and whether it is read; `edited_at` is the moment of the last edit. A call that changes nothing
    is no event.

    Raises NotFound, InvalidInput, and what `authorize` raises, which is called first with the notification.
    """
    sent = find_sent(
        notification_id=notification_id, sender_id=sender_id, idempotency_key=idempotency_key
    )
    if authorize is not None:
        authorize(sent)
    values = edited_values(sent, fields, now or clock.now())

    def change(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if all(getattr(notification, name) == value for name, value in values.items()):
            return None
        for name, value in values.items():
            setattr(notification, name, value)
        notification.edited_at = at
        return Kind.EDITED

    return change_one(sent.recipient_id, sent.pk, change, now)


def edited_values(sent: Notification, given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the validated values of the fields that an edit is given, or that templates make for it.

    They are made in the language and the time zone of the recipient, as those of a send are. Raises InvalidInput.
    """
    if given.get("type") is not None:
        raise InvalidInput("The type of a notification cannot be changed.", field="type")
    if given.get("group_key") is not None:
        raise InvalidInput("The group of a notification cannot be changed.", field="group_key")
    if given.get("deliver_at") is not None:
        raise InvalidInput("What was delivered cannot be delivered later.", field="deliver_at")
    changed = {name for name in EDITABLE if name in given}
    if given.get("context") is not None:
        changed |= {name for name in declared_type(sent.type).templates if name in EDITABLE}
    fields = {name: getattr(sent, name) for name in EDITABLE if name not in changed}
    fields |= {name: value for name, value in given.items() if name in changed}
    fields |= {"type": sent.type, "group_key": sent.group_key, "context": given.get("context")}
    read = read_given(fields, now=now)
    if not read.waits:
        # The retention of the type began with the send.
        read = replace(read, expires_at=None)
    content = content_for(sent.recipient_id, read)
    if "expires_at" in changed:
        check_not_expired(content, now)
    return {name: getattr(content, name) for name in changed}
