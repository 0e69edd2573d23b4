"""Inboxes that are as hard as they can be for a planner, filled by the database itself.

What a filter asks for lies together at the far end or is spread thin, two folders are small beside the third, and
other users have newer notifications.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection

from live_inbox.events import Folder
from live_inbox.models import Inbox, Notification, rank
from tests.domain.large_inbox import analyze, fill, series, without_triggers

PINNED = 100
"""Notifications that are pinned, spread over all folders: as many as may be."""
FOLDERS = (Folder.INBOX, Folder.ARCHIVE, Folder.SNOOZED)
OTHERS = 20
ROWS_OF_OTHERS = 2000
TENTHS = 10

# The newest of twenty is snoozed, three more are archived. The oldest sixty are rare, urgent and a needle.
_INSERT = """
    INSERT INTO live_inbox_notification
        (recipient_id, type, title, message, link, data, created_at, read_at, added_sequence, priority, icon, format,
         folder, snoozed_until, pinned, returned_rank, group_count)
    SELECT {user},
        CASE WHEN n <= 60 THEN 'rare' WHEN n % 10 = 7 THEN 'news' ELSE 'general' END,
        CASE WHEN n <= 60 THEN 'a needle' ELSE 'a title' END, 'a message', '', '{{}}', CURRENT_TIMESTAMP,
        CASE WHEN n <= {size} / 10 OR n % 51 = 0 THEN NULL ELSE CURRENT_TIMESTAMP END, n,
        CASE WHEN n <= 60 THEN 'urgent' WHEN n % 7 = 0 THEN 'high' WHEN n % 1001 = 0 THEN 'low' ELSE 'normal' END,
        '', 'plain',
        CASE WHEN n % 20 = 0 THEN 'snoozed' WHEN n % 20 < 4 THEN 'archive' ELSE 'inbox' END,
        CASE WHEN n % 20 = 0 THEN CURRENT_TIMESTAMP END,
        n % {pinned_each} = 3, NULL, 1
    FROM {series}
"""


@dataclass(frozen=True)
class MeasuredInbox:
    """An inbox of a size, and the ranks of the tenths of each of its folders, the oldest first."""

    size: int
    user_id: int
    tenths: dict[Folder, list[int]]


def measured_inboxes(sizes: list[int]) -> list[MeasuredInbox]:
    """Fill an inbox for each size, within one table, and have the database look at it."""
    users = [User.objects.create_user(f"user{n}") for n in range(len(sizes))]
    with without_triggers():
        for user, size in zip(users, sizes, strict=True):
            _fill(user, size)
        for n in range(OTHERS):
            fill(User.objects.create_user(f"other{n}"), ROWS_OF_OTHERS)
    found = [_measured(user, size) for user, size in zip(users, sizes, strict=True)]
    analyze()
    return found


def _fill(user: User, size: int) -> None:
    text = _INSERT.format(
        user=user.pk,
        size=size,
        # An odd distance, so that they are in all folders.
        pinned_each=max(size // PINNED, 4) | 1,
        series=series(size),
    )
    with connection.cursor() as cursor:
        cursor.execute(text)


def _measured(user: User, size: int) -> MeasuredInbox:
    tenths = {}
    for folder in FOLDERS:
        rows = Notification.objects.filter(recipient=user.pk, folder=folder.value)
        ranks = list(rows.order_by("id").values_list(rank(), flat=True))
        tenths[folder] = [ranks[len(ranks) * n // TENTHS] for n in range(TENTHS)]
    # The older half has been seen.
    Inbox.objects.create(
        user=user, last_sequence=size, total_count=size, seen_through=tenths[Folder.INBOX][5]
    )
    return MeasuredInbox(size, user.pk, tenths)
