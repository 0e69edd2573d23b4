"""The records of an export: what each row becomes, as values of JSON.

A record has what is about the user, and of others no more than the user has seen or has sent: not what others have done
with what the user sent to them, and no text that others have got (GDPR, article 15, paragraph 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from msgspec.structs import asdict

from live_inbox.events import Snapshot
from live_inbox.models import (
    BulkSend,
    CampaignOrder,
    Inbox,
    InboxEvent,
    Notification,
    NotificationPreference,
    ScheduledSend,
    TokenRevocation,
    TopicSubscription,
    UndoStep,
    WebhookDelivery,
)
from live_inbox.personal_data.bulk_records import Outcome
from live_inbox.personal_data.subject import DataSubject
from live_inbox.snapshots import as_sent, snapshot

Record = dict[str, Any]
"""Values of JSON. `record` says what it is."""


def of_inbox(inbox: Inbox) -> Record:
    """Return the counts, and how far the user has seen their list."""
    return _columns(inbox, leaving=("user", "epoch", "fingerprint"))


def of_received(notification: Notification) -> Record:
    """Return a notification of the user's, in whichever folder, as their devices show it."""
    return _shown(snapshot(notification))


def of_sent(notification: Notification) -> Record:
    """Return what the user has sent, and to whom."""
    sent = _shown(as_sent(snapshot(notification)))
    key = notification.idempotency_key
    return {**sent, "recipient": str(notification.recipient_id), "idempotency_key": key}


def of_event(event: InboxEvent) -> Record:
    """Return an event of the user's log."""
    columns = _columns(event, leaving=("id", "inbox", "fingerprint", "previous_fingerprint"))
    payload = columns.pop("payload")
    return {**columns, **payload}


def of_undo_step(step: UndoStep) -> Record:
    """Return what is kept for seconds to undo a change. The digest of the token is a secret of the device's."""
    columns = _columns(step, leaving=("id", "inbox", "token_digest"))
    content = [
        {name: value for name, value in kept.items() if name != "given_digest"}
        if isinstance(kept, dict)
        else kept
        for kept in orjson.loads(step.content)
    ]
    return {**columns, "content": content}


def of_scheduled(row: ScheduledSend) -> Record:
    """Return a send that waits for its time: to the user, or by them."""
    return _columns(row, leaving=("given_digest",))


def of_bulk_send(row: BulkSend) -> Record:
    """Return a bulk send or a campaign of the user's, with what it sends and to whom."""
    columns = _columns(row, leaving=("given_digest", "last_recipient", "left"))
    order = CampaignOrder.objects.using(row._state.db).filter(pk=row.pk).first()
    if order is None:
        return columns
    keys = orjson.loads(order.recipient_keys)
    return {**columns, **_columns(order, leaving=("bulk_send",)), "recipient_keys": keys}


def of_outcome(outcome: Outcome) -> Record:
    """Return what became of a bulk send for the user, who is one of its recipients."""
    return {
        "bulk_send": outcome.chunk.bulk_send_id,
        "notification_id": outcome.notification_id,
    }


def of_campaign_naming(order: CampaignOrder, subject: DataSubject) -> Record:
    """Return that a campaign of somebody else's names the user, and as what."""
    is_recipient = any(map(subject.is_key, orjson.loads(order.recipient_keys)))
    return {
        "bulk_send": order.pk,
        "is_recipient": is_recipient,
        **_named_parts(order.content, subject),
    }


def of_progress(row: BulkSend) -> Record:
    """Return that the progress of a bulk send names the user as one of its recipients."""
    return {"bulk_send": row.pk}


def of_notification_naming(notification: Notification, subject: DataSubject) -> Record:
    """Return how a notification of somebody else's names the user: what it says is its recipient's."""
    parts = {name: getattr(notification, name) for name in ("actor", "target", "group_actors")}
    return {
        "notification_id": notification.pk,
        "type": notification.type,
        "created_at": _plain(notification.created_at),
        **_named_parts(parts, subject),
    }


def of_event_naming(event: InboxEvent, subject: DataSubject) -> Record:
    """Return how an event in the log of somebody else's names the user: likewise."""
    return {
        "notification_id": event.notification_id,
        "kind": event.kind,
        "created_at": _plain(event.created_at),
        **_named_parts(event.payload["notification"], subject),
    }


def of_undo_step_naming(step: UndoStep) -> Record:
    """Return that what somebody else may still undo names the user."""
    return {"kind": step.kind, "expires_at": _plain(step.expires_at)}


def of_scheduled_naming(row: ScheduledSend, subject: DataSubject) -> Record:
    """Return how a send that waits, of others to others, names the user."""
    moment = _plain(row.deliver_at)
    return {"scheduled": row.pk, "deliver_at": moment, **_named_parts(row.content, subject)}


def of_topic(row: TopicSubscription) -> Record:
    """Return a topic that the user is subscribed to."""
    return {"topic": row.topic}


def of_preference(row: NotificationPreference) -> Record:
    """Return a choice of the user's."""
    return _columns(row, leaving=("id", "user"))


def of_revocation(row: TokenRevocation) -> Record:
    """Return from when on tokens and sessions of the user are accepted, and which single tokens are refused."""
    return _columns(row, leaving=("user",))


def of_delivery(row: WebhookDelivery) -> Record:
    """Return an action that waits for the webhook, or could not be delivered."""
    return {**_columns(row), "body": orjson.loads(row.body)}


def _named_parts(parts: Mapping[str, Any], subject: DataSubject) -> Record:
    """Return the parts that name the user; of several actors, the user alone."""
    found = {name: parts[name] for name in subject.without_mentions(parts)}
    if "group_actors" in found:
        actors = found["group_actors"]
        found["group_actors"] = [each for each in actors if subject.is_key(each.get("user"))]
    return found


def _shown(notification: Snapshot) -> Record:
    # Not the snapshot itself: that leaves out what has its default.
    return {name: _plain(value) for name, value in asdict(notification).items()}


def _columns(row: Any, *, leaving: tuple[str, ...] = ()) -> Record:
    fields = [field for field in row._meta.concrete_fields if field.name not in leaving]
    return {field.name: _plain(getattr(row, field.attname)) for field in fields}


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)
