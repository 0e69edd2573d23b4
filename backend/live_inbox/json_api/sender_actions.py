"""The actions of a sender, beside `send_notification`, performed by the services. Synchronous: for a database thread.

Whose inbox such an action changes, only the service finds out. If it is the caller's own, its events come before the
answer, as those of a send do.
"""

from __future__ import annotations

from live_inbox import selectors
from live_inbox.campaigns import Campaign
from live_inbox.errors import InvalidInput
from live_inbox.identity.callers import Caller
from live_inbox.json_api import bulk_messages, sent_messages
from live_inbox.json_api.bulk_messages import (
    CampaignAnswer,
    CancelCampaign,
    GetCampaign,
    RecallCampaign,
    SendMany,
    StartCampaign,
)
from live_inbox.json_api.messages import Performed, SenderAction
from live_inbox.json_api.sent_messages import EditNotification, RecallNotification
from live_inbox.services import send_many_for_caller
from live_inbox.services.campaigns_for_caller import (
    campaign_for_caller,
    cancel_campaign_for_caller,
    recall_campaign_for_caller,
    start_campaign_for_caller,
)
from live_inbox.services.edit_for_caller import edit_for_caller
from live_inbox.services.recall_for_caller import recall_for_caller


def perform_for_sender(caller: Caller, action: SenderAction) -> Performed:
    """Do what a sender asked for; raise NotificationError when that cannot be done."""
    match action:
        case EditNotification():
            return _edit(caller, action)
        case RecallNotification():
            return _recall(caller, action)
        case SendMany():
            return _send_many(caller, action)
        case StartCampaign():
            return _campaign("campaign_started", _start(caller, action))
        case GetCampaign():
            found = campaign_for_caller(caller, campaign_id=action.campaign_id)
            return _campaign("campaign_progress", found)
        case CancelCampaign():
            cancelled = cancel_campaign_for_caller(caller, campaign_id=action.campaign_id)
            return _campaign("campaign_cancelled", cancelled)
        case RecallCampaign():
            recalled = recall_campaign_for_caller(caller, campaign_id=action.campaign_id)
            return _campaign("campaign_recalled", recalled)


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


def _send_many(caller: Caller, action: SendMany) -> Performed:
    results = send_many_for_caller(
        caller,
        recipient_ids=action.user_ids,
        recipient_refs=action.user_refs,
        idempotency_key=action.idempotency_key,
        **action.content,
    )
    answer = bulk_messages.notifications_sent(results, campaign_id=results.campaign_id)
    return answer, _head(caller) if answer["sent_count"] else None


def _start(caller: Caller, action: StartCampaign) -> Campaign:
    try:
        return start_campaign_for_caller(
            caller,
            topic=action.topic,
            segment=action.segment,
            everybody=action.everybody,
            idempotency_key=action.idempotency_key,
            **action.content,
        )
    except InvalidInput as error:
        if error.field != "recipient_ids":
            raise
        # This API names no recipients of campaigns.
        raise InvalidInput(error.message, field="topic") from error


def _campaign(name: CampaignAnswer, campaign: Campaign) -> Performed:
    reception = selectors.reception(campaign_id=campaign.id)
    return bulk_messages.campaign_message(name, campaign, reception), None


def _head(caller: Caller) -> int:
    """Return the sequence of the newest event of the caller's inbox: their own may have been changed."""
    return selectors.inbox_state(user_id=caller.user.pk).position.sequence
