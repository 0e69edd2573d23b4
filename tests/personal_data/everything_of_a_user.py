"""A user who is in every table of the inbox, in each column that may name one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from live_inbox import services
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.listing.filters import ListFilter
from live_inbox.models import BulkSend, Notification, WebhookDelivery
from live_inbox.services.campaign_running import run_campaign
from tests.changed_settings import changed_settings
from tests.domain.webhook_receiver import SECRETS

KEY = 471_147_114
"""Of the user: digits that are nowhere else."""

NAME = "Jabberwocky"
LATER = timedelta(days=30)
ACTIONS = [{"label": "Approve", "id": "approve"}]


def make_user() -> User:
    """Create the user."""
    return User.objects.create_user(NAME.lower(), pk=KEY, first_name=NAME)


def fill(user: User, other: User, third: User) -> None:
    """Put the user into everything. What others do, they do with the user or with each other."""
    _receive(user, other)
    _send(user, other, third)
    _be_named(user, other, third)
    services.subscribe(user_id=KEY, topic="news")
    services.set_preference(user_id=KEY, type="weekly", enabled=False)
    revoke_tokens(user_id=KEY)
    # What could be undone of other changes has been undone, or its time has passed.
    services.delete_all(user_id=KEY, filter=ListFilter(types=frozenset({"gone"})), undoable=True)


def _receive(user: User, other: User) -> None:
    kept = [_sent(KEY, f"received {number}", other) for number in range(4)]
    services.mark_read(user_id=KEY, notification_id=kept[0])
    services.archive(user_id=KEY, notification_id=kept[1])
    services.snooze(user_id=KEY, notification_id=kept[2], until=timezone.now() + LATER)
    services.pin(user_id=KEY, notification_id=kept[3])
    _sent(KEY, "to be deleted", other, type="gone")
    _sent(KEY, "from myself", user)
    for number in range(3):
        _sent(KEY, f"folded {number}", other, group_key="thread")
    services.send(recipient_id=KEY, sender_id=other.pk, title="waits for me", deliver_at=LATER)
    with changed_settings(ACTION_WEBHOOK_URL="http://x/", ACTION_WEBHOOK_SECRETS=list(SECRETS)):
        for title in ("decided", "decided in vain"):
            question = _sent(KEY, title, other, actions=ACTIONS)
            services.perform_action(user_id=KEY, notification_id=question, action_id="approve")
    last = WebhookDelivery.objects.order_by("-pk")[:1].values_list("pk", flat=True)
    WebhookDelivery.objects.filter(pk=last[0]).update(
        failed_at=timezone.now(), next_attempt_at=None
    )


def _send(user: User, other: User, third: User) -> None:
    first = _sent(other.pk, "with a key", user, idempotency_key=f"of {NAME}")
    services.mark_read(user_id=other.pk, notification_id=first)
    services.edit(notification_id=first, title="edited")
    _sent(third.pk, "without a key", user)
    services.send(recipient_id=other.pk, sender_id=KEY, title="waits", deliver_at=LATER)
    done = services.start_campaign(
        audience=services.audience_of(recipients=[other.pk, third.pk]),
        sender_id=KEY,
        title="to all",
    )
    run_campaign(campaign_id=done.id)
    services.start_campaign(
        audience=services.audience_of(everybody=True),
        sender_id=KEY,
        title="never",
        deliver_at=LATER,
    )
    # Somebody has deleted what the user had sent, and can undo that.
    _sent(third.pk, "deleted by its recipient", user, type="gone")
    services.delete_all(
        user_id=third.pk, filter=ListFilter(types=frozenset({"gone"})), undoable=True
    )


def _be_named(user: User, other: User, third: User) -> None:
    target = {"type": "auth.user", "id": str(KEY)}
    _sent(third.pk, "has joined", None, target=target)
    for actor in (user, other, third):
        _sent(third.pk, "likes it", None, actor=actor, group_key="likes")
    services.send(recipient_id=third.pk, title="later", actor=user, deliver_at=LATER)
    services.send_many(
        recipient_ids=[KEY, third.pk], sender_id=other.pk, title="x", idempotency_key="by other"
    )
    campaign = services.start_campaign(
        audience=services.audience_of(recipients=[third.pk, KEY]),
        sender_id=other.pk,
        title="named",
        actor=user,
    )
    # Both as they are in the middle of a campaign; it has been cancelled then.
    BulkSend.objects.filter(pk=campaign.id).update(
        left=f"[{KEY}]", last_recipient=str(KEY), state="cancelled"
    )


def _sent(recipient: int, title: str, sender: User | None, **content: Any) -> int:
    sent = services.send(
        recipient_id=recipient,
        sender_id=None if sender is None else sender.pk,
        title=title,
        **content,
    )
    assert sent.notification is not None
    return sent.notification.pk


def places_of(*texts: str) -> set[str]:
    """Return the columns of the tables of the inbox in which one of these texts occurs."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if not table.startswith("live_inbox_"):
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    if any(text in str(value) for text in texts):
                        found.add(f"{table.removeprefix('live_inbox_')}.{name}")
    return found


def shown_to(user: User) -> dict[str, tuple[Any, Any]]:
    """Return the sender and the actor of what a user has, by its title."""
    rows = Notification.objects.filter(recipient=user).order_by("pk")
    return {row.title: (row.sender_id, row.actor) for row in rows}
