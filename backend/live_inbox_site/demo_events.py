"""Events by the hundred in the inbox of a demo user, to watch a page under load. On a developer's machine alone."""

from __future__ import annotations

from collections import deque
from threading import Lock

from live_inbox import services
from live_inbox.errors import NotFound
from live_inbox_site.demo_tokens import demo_users

ROUNDS = 125
"""What one call does so often: a notification is sent, read, marked as unread, and an earlier one is deleted."""

KEPT = 10
"""So many of the notifications of a call stay."""

_busy = Lock()


class StillBusy(Exception):
    """Raised while another call makes its events: there is one at a time in a process."""


def make_demo_events(username: str) -> int | None:
    """Make about 500 events in the inbox of a demo user, and return how many; None for other users.

    Raises StillBusy.
    """
    for user in demo_users():
        if user.get_username() == username:
            if not _busy.acquire(blocking=False):
                raise StillBusy
            try:
                return _make(user.pk)
            finally:
                _busy.release()
    return None


def _make(user_id: object) -> int:
    events = 0
    kept: deque[int] = deque()
    for number in range(1, ROUNDS + 1):
        sent = services.send(recipient_id=user_id, title=f"One of many ({number})").notification
        # Whoever does not want the type gets nothing.
        if sent is None:
            return events
        kept.append(sent.pk)
        events += 1
        try:
            services.mark_read(user_id=user_id, notification_id=sent.pk)
            services.mark_unread(user_id=user_id, notification_id=sent.pk)
            events += 2
            if len(kept) > KEPT:
                services.delete(user_id=user_id, notification_id=kept.popleft())
                events += 1
        except NotFound:
            # The user has deleted it meanwhile.
            continue
    return events
