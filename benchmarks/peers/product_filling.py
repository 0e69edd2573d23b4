"""Fills inboxes of the product, each by one statement; imported by scripts that run in a checkout of the product."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from benchmarks.content import DATA, KIND, LINK, MESSAGE
from benchmarks.inboxes import LAST_NAME, SENDERS, TITLE, UNREAD, sender_username, username
from benchmarks.peers.product_modules import Inbox, Notification, new_epoch

CONTENT = {
    "priority": "'normal'",
    "icon": "''",
    "format": "'plain'",
    "folder": "'inbox'",
    "pinned": "FALSE",
    "group_count": "1",
}
"""Columns that have no default in the database, as SQL. An earlier checkout does not have all of them."""


def _known(model: type[Model], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the columns that the checkout's model has."""
    names = {field.attname for field in model._meta.concrete_fields}
    return {name: value for name, value in values.items() if name in names}


def fill(user_id: Any, count: int, *, unread: int = UNREAD, first_sender: int | None = None) -> int:
    """Give an inbox its notifications, the newest unread, and an empty log. Return the id of the oldest.

    `first_sender`: the first of as many users as there are senders, with keys that follow one another; without it
    the notifications are of the system.
    """
    now = timezone.now()
    numbers = {
        "postgresql": "SELECT n FROM generate_series(1, %s) AS numbers(n)",
        "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
        "WHERE n < %s) SELECT n FROM numbers",
    }[connection.vendor]
    sender = "NULL" if first_sender is None else f"{first_sender} + n %% {len(SENDERS)}"
    table = Notification._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        counts = {"unread_count": unread, "unseen_count": unread, "total_count": count}
        Inbox.objects.create(
            user_id=user_id,
            epoch=new_epoch(),
            last_sequence=count,
            first_sequence=count + 1,
            **_known(Inbox, counts),
        )
        more = _known(Notification, CONTENT)
        cursor.execute(
            f"INSERT INTO {table} (recipient_id, sender_id, type, title, message, link, data,"
            f" created_at, read_at, added_sequence{''.join(f', {name}' for name in more)})"
            f" SELECT %s, {sender}, %s, %s, %s, %s, %s, %s,"
            f" CASE WHEN n > %s THEN NULL ELSE {_moment()} END, n"
            f"{''.join(f', {value}' for value in more.values())} FROM ({numbers}) AS counted",
            [
                *(user_id, KIND, TITLE, MESSAGE, LINK, json.dumps(DATA)),
                *(now, count - unread, now, count),
            ],
        )
        cursor.execute(f"SELECT min(id) FROM {table} WHERE recipient_id = %s", [user_id])
        return int(cursor.fetchone()[0])


def _moment() -> str:
    return "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"


def fill_all(*, sizes: Sequence[int], unread: int) -> dict[str, Any]:
    """Make the users, the senders and the inboxes; return what `benchmarks.inboxes.Filled` holds."""
    model = get_user_model()
    senders = [
        model.objects.create(username=sender_username(number), first_name=name, last_name=LAST_NAME)
        for number, name in enumerate(SENDERS)
    ]
    users = [model.objects.create(username=username(number)).pk for number in range(len(sizes))]
    first_ids = [
        fill(user, size, unread=min(unread, size), first_sender=senders[0].pk)
        for user, size in zip(users, sizes, strict=True)
    ]
    analyze()
    return {"users": users, "first_ids": first_ids}


def analyze() -> None:
    """Bring the statistics of the planner up to date, and leave nothing to be tidied up by those who read first."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
