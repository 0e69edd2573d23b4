"""Finding what was sent, for its sender's side: by its number, or by the idempotency key of the send."""

from __future__ import annotations

from typing import Any

from live_inbox import database
from live_inbox.content import clean_key
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.models import Notification
from live_inbox.services.users import user_key
from live_inbox.storable import is_storable_integer


def read_name(
    number: int | None, sender_id: Any, idempotency_key: str | None, *, field: str
) -> tuple[str | None, Any]:
    """Return the key by which a send is named, and its sender; no key for one that is named by its number.

    Raises InvalidInput, with `field`, unless either is given.
    """
    key = clean_key(idempotency_key)
    if (key is None) == (number is None):
        raise InvalidInput("Either the number or the idempotency key is needed.", field=field)
    return key, None if sender_id is None else user_key(sender_id, field="sender_id")


@database.reading
def find_sent(
    *, notification_id: int | None, sender_id: Any, idempotency_key: str | None
) -> Notification:
    """Return the notification of any recipient, with its sender; the key is one of `send` by this sender.

    Raises NotFound if there is none, and InvalidInput unless either the number or the key is given.
    """
    key, sender_key = read_name(
        notification_id, sender_id, idempotency_key, field="notification_id"
    )
    rows = database.queryset(Notification).select_related("sender")
    if key is not None:
        found = rows.filter(sender=sender_key, idempotency_key=key).first()
    else:
        assert notification_id is not None
        number = notification_id if is_storable_integer(notification_id) else 0
        found = rows.filter(pk=number).first()
    if found is None:
        raise NotFound("There is no such notification.")
    return found
