"""Makes the users of a run, their first notifications and their tokens: `python -m tests.chaos.seeding COUNT`.

The first user may send to anybody. Prints `[[user, token], ...]` as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import django

FIRST_NOTIFICATIONS = 3
TITLE = "before the beginning"
HOUR = 3600.0


def main(count: int) -> None:
    """Make so many users and print them."""
    django.setup()
    from django.contrib.auth import get_user_model

    from live_inbox import services
    from live_inbox.identity.issuing import issue_token

    users = [
        get_user_model().objects.create_user(
            username=f"user-{n}", first_name="Jörg", last_name=f"Nr. {n}", is_superuser=n == 0
        )
        for n in range(count)
    ]
    for number in range(FIRST_NOTIFICATIONS):
        services.send_many(recipient_ids=[user.pk for user in users], title=f"{TITLE} {number}")
    # Issued in the past and good for long, so that clocks that jump by an hour do not matter.
    issued = time.time() - 4 * HOUR
    tokens = [issue_token(user, ttl_seconds=20 * HOUR, now=issued) for user in users]
    print(json.dumps([[user.pk, token] for user, token in zip(users, tokens, strict=True)]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
