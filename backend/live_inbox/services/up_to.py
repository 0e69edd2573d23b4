"""Positions that bound a change: what arrives after the list that the user is looking at stays as it is."""

from __future__ import annotations

from django.db.models import BigIntegerField
from django.db.models.functions import Coalesce

from live_inbox import database
from live_inbox.delivery.position import Position, is_other_event
from live_inbox.errors import InvalidInput
from live_inbox.models import Inbox, InboxEvent


def arrival() -> Coalesce:
    """Return the expression of the sequence at which a notification last came to the top of the list."""
    return Coalesce("returned_sequence", "added_sequence", output_field=BigIntegerField())


def check_up_to(inbox: Inbox | None, up_to: Position | None) -> None:
    """Raise InvalidInput for a position that is not of this inbox."""
    if up_to is None or up_to.is_origin:
        return
    if (
        inbox is None
        or up_to.epoch != inbox.epoch
        or up_to.sequence > inbox.last_sequence
        or (up_to.fingerprint and is_other_event(up_to.fingerprint, _fingerprint_at(inbox, up_to)))
    ):
        raise InvalidInput("This is not a position of your inbox.", field="up_to")


def _fingerprint_at(inbox: Inbox, up_to: Position) -> int:
    """Return the fingerprint that the inbox's own event of that sequence has; 0 if it is known no more."""
    if up_to.sequence == inbox.last_sequence:
        return inbox.fingerprint
    # Asked of the event that follows, which is retained longer.
    following = database.queryset(InboxEvent).filter(inbox=inbox, sequence=up_to.sequence + 1)
    return following.values_list("previous_fingerprint", flat=True).first() or 0
