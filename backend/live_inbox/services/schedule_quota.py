"""How much one caller of the APIs may have scheduled: the setting MAX_SCHEDULED_SENDS."""

from __future__ import annotations

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.errors import Conflict
from live_inbox.identity.callers import Caller
from live_inbox.identity.scopes import may_send_to_anyone
from live_inbox.models import ScheduledSend


@database.reading
def check_may_schedule(caller: Caller, *, count: int = 1) -> None:
    """Raise Conflict for a caller who would have too many scheduled sends. Services, which may send to anybody, may.

    Calls at the same time may go beyond it by what each of them has.
    """
    if may_send_to_anyone(caller.scopes):
        return
    most = inbox_settings().max_scheduled_sends
    # By the index of the senders, and no more than these rows.
    waiting = database.queryset(ScheduledSend).filter(sender=caller.user.pk)
    if waiting.order_by()[:most].count() + count > most:
        raise Conflict(f"At most {most} sends can be scheduled: cancel another one first.")
