"""One call of each function that uses the database."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from django.contrib.auth.models import User

import live_inbox
from live_inbox import selectors
from live_inbox.delivery.log import LogRange
from live_inbox.identity.revocation import revoke_tokens
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
    change: Callable[..., Any]
    for change in (live_inbox.mark_read, live_inbox.mark_unread, live_inbox.delete):
        change(user=user, notification_id=sent.notification.pk)
    live_inbox.mark_all_read(user=users[1])
    live_inbox.set_preference(user=user, type="news", enabled=False)
    revoke_tokens(user_id=user.pk)
    selectors.page(user_id=user.pk, limit=5)
    selectors.heads([str(user.pk)])
    selectors.events([LogRange(str(user.pk), 0)], limit=5)
    expire_due()
    prune_events(keep_events=2)
    renew_epochs()
