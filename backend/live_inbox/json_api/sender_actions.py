"""The actions of a sender on what was sent, performed by the services. Synchronous: for a database thread.

Whose inbox such an action changes, only the service finds out. If it is the caller's own, its events come before the
answer, as those of a send do.
"""

from __future__ import annotations

from live_inbox import selectors
from live_inbox.identity.callers import Caller
from live_inbox.json_api import sent_messages
from live_inbox.json_api.messages import Performed, SenderAction
from live_inbox.json_api.sent_messages import EditNotification, RecallNotification
from live_inbox.services.edit_for_caller import edit_for_caller
from live_inbox.services.recall_for_caller import recall_for_caller


def perform_for_sender(caller: Caller, action: SenderAction) -> Performed:
    """Do what a sender asked for; raise NotificationError when that cannot be done."""
    match action:
        case EditNotification():
            return _edit(caller, action)
        case RecallNotification():
            return _recall(caller, action)


def _edit(caller: Caller, action: EditNotification) -> Performed:
    edited = edit_for_caller(
        caller,
        notification_id=action.notification_id,
        idempotency_key=action.idempotency_key,
        **action.content,
    )
    row = edited.notification
    answer = sent_messages.notification_edited(row.pk, changed=edited.changed)
    is_own = edited.changed and row.recipient_id == caller.user.pk
    return answer, edited.position.sequence if is_own else None


def _recall(caller: Caller, action: RecallNotification) -> Performed:
    recalled = recall_for_caller(
        caller,
        notification_id=action.notification_id,
        idempotency_key=action.idempotency_key,
    )
    answer = sent_messages.notification_recalled(action.notification_id, recalled=recalled)
    return answer, _head(caller) if recalled else None


def _head(caller: Caller) -> int:
    """Return the sequence of the newest event of the caller's inbox: their own may have been changed."""
    return selectors.inbox_state(user_id=caller.user.pk).position.sequence
