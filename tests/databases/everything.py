"""One call of each function that uses the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import User

import live_inbox
from live_inbox import selectors
from live_inbox.delivery.log import LogRange
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.pruning import prune_events
from live_inbox.maintenance.repair import renew_epochs

_names = count()


def call_everything(users: list[User]) -> None:
    """Change and read the inboxes of these users. May be called by many threads at once."""
    user = users[0]
    live_inbox.send_many(recipients=users, title="x")
    sent = live_inbox.send(recipient=user, title="x", idempotency_key=f"k{next(_names)}")
    assert sent.notification is not None
    live_inbox.edit(notification_id=sent.notification, title="y")
    taken = live_inbox.send(recipient=user, title="x").notification
    live_inbox.recall(notification_id=taken)
    for wait in (timedelta(seconds=1), timedelta(microseconds=1)):
        key = f"k{next(_names)}"
        many = live_inbox.send_many(
            recipients=users, title="x", idempotency_key=key, deliver_at=wait
        )
        later = live_inbox.send(recipient=user, title="x", idempotency_key=key, deliver_at=wait)
        if later.scheduled is not None:
            live_inbox.cancel(scheduled_id=later.scheduled)
        if many.campaign_id is not None:
            live_inbox.cancel_campaign(many.campaign_id)
    deliver_due()
    campaign = live_inbox.start_campaign(recipients=users, title="x")
    live_inbox.run_campaign(campaign.id)
    live_inbox.recall_campaign(campaign.id)
    live_inbox.run_campaign(campaign.id)
    prune_bulk_sends()
    change: Callable[..., Any]
    for change in (live_inbox.mark_read, live_inbox.mark_unread, live_inbox.delete):
        change(user=user, notification_id=sent.notification.pk)
    live_inbox.mark_all_read(user=users[1])
    live_inbox.set_preference(user=user, type="news", enabled=False)
    live_inbox.who_wants(users=users, type="news")
    revoke_tokens(user_id=user.pk)
    selectors.page(user_id=user.pk, limit=5)
    selectors.heads([str(user.pk)])
    selectors.events([LogRange(str(user.pk), 0)], limit=5)
    expire_due()
    prune_events(keep_events=2)
    renew_epochs()
