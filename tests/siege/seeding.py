"""Makes the users of a siege: `python -m tests.siege.seeding NOTIFICATIONS NAME...`.

Prints `{name: [id, [ids of notifications]]}` as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import django

MESSAGE = "The invoice of November has been paid in full. " * 20
DATA = {"text": "x" * 4000}


def main(notifications: int, names: Sequence[str]) -> None:
    """Make users of these names, with so many large notifications each, and print them."""
    django.setup()
    print(json.dumps(seed(notifications, names)))


def seed(notifications: int, names: Sequence[str]) -> dict[str, tuple[int, list[int]]]:
    """Make them, and return their ids and those of their notifications."""
    from django.contrib.auth import get_user_model

    from live_inbox import services
    from live_inbox.models import Notification

    users = [get_user_model().objects.create_user(username=name) for name in names]
    for number in range(notifications):
        services.send_many(
            recipient_ids=[user.pk for user in users],
            title=f"Invoice {number}",
            message=MESSAGE,
            data=DATA,
        )
    made: dict[str, tuple[int, list[int]]] = {user.username: (user.pk, []) for user in users}
    rows = Notification.objects.values_list("recipient__username", "pk")
    for name, number in rows.filter(recipient__username__in=names):
        made[name][1].append(number)
    return made


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
