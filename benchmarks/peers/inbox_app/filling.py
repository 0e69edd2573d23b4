"""Makes the tables of the peers and fills them: a script. Prints users and first ids as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.inbox_app.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.content import DATA, KIND, LINK, MESSAGE  # noqa: E402
from benchmarks.inboxes import (  # noqa: E402
    LAST_NAME,
    SENDERS,
    TITLE,
    sender_username,
    username,
)
from benchmarks.peers.inbox_app.models import Inbox, Notification  # noqa: E402

FILL = f"""
INSERT INTO {Notification._meta.db_table}
  (recipient_id, sender_id, type, title, message, link, data, created_at, read_at)
SELECT %s, %s + n %% {len(SENDERS)}, %s, %s, %s, %s, %s, now(), CASE WHEN n > %s THEN NULL ELSE now() END
FROM generate_series(1, %s) AS numbers(n)
"""


def main(sizes: Sequence[int], unread: int) -> None:
    """Make users, senders and inboxes."""
    # The tables without migrations come first otherwise, and they refer to the users.
    call_command("migrate", "auth", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
    senders = [
        User.objects.create(username=sender_username(number), first_name=name, last_name=LAST_NAME)
        for number, name in enumerate(SENDERS)
    ]
    users = [User.objects.create(username=username(number)) for number in range(len(sizes))]
    first_ids = [
        fill(user, senders[0].pk, size, min(unread, size))
        for user, size in zip(users, sizes, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(json.dumps({"users": [user.pk for user in users], "first_ids": first_ids}))


def fill(user: User, first_sender: int, size: int, unread: int) -> int:
    """Give a user an inbox by one statement, the newest unread; return the id of the oldest."""
    Inbox.objects.create(user=user, unread_count=unread, total_count=size)
    content = (KIND, TITLE, MESSAGE, LINK, json.dumps(DATA))
    with connection.cursor() as cursor:
        cursor.execute(FILL, [user.pk, first_sender, *content, size - unread, size])
    oldest = Notification.objects.filter(recipient=user).order_by("id").first()
    assert oldest is not None
    return int(oldest.pk)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
