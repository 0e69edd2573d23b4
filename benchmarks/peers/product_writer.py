"""The process that writes: a script that runs in a checkout of the product and sends with its services.

A line of JSON asks for something and is answered by one. A line of two numbers, the index of a user and the number of
an event, sends; nothing is answered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model

from benchmarks import content
from benchmarks.peers.product_filling import fill_all
from benchmarks.peers.product_modules import Inbox, doorbell, issue_token, services

FLUSH_EVERY = 4000
TTL_SECONDS = 3600.0


def _draft(sequence: int) -> dict[str, Any]:
    return {
        "title": content.title(sequence),
        "message": content.MESSAGE,
        "type": content.KIND,
        "link": content.LINK,
        "data": content.DATA,
    }


def _tokens(users: list[Any]) -> list[str]:
    return [issue_token(user, ttl_seconds=TTL_SECONDS) for user in users]


class Writer:
    """Carries out what it is asked for."""

    def __init__(self) -> None:
        self.users: list[Any] = []

    def make_users(self, *, count: int) -> dict[str, Any]:
        """Make users and return their keys and tokens. Each inbox has an event.

        A server reads the log at the first event of an inbox. It would read what `record` has written and not yet rung.
        """
        model = get_user_model()
        model.objects.bulk_create(model(username=f"user{number}") for number in range(count))
        users = list(model.objects.order_by("pk"))[-count:]
        self.users = [user.pk for user in users]
        services.send_many(recipient_ids=self.users, title="Welcome")
        return {"users": self.users, "tokens": _tokens(users)}

    def adopt(self, *, users: list[Any]) -> list[str]:
        """Take users that there are already, and return their tokens."""
        self.users = users
        found = get_user_model().objects.in_bulk(users)
        return _tokens([found[user] for user in users])

    def send(self, stream: int, sequence: int) -> None:
        """Send to one user."""
        services.send(recipient_id=self.users[stream], **_draft(sequence))

    def send_all(self, *, sequence: int) -> dict[str, Any]:
        """Send to all users at once."""
        sent = services.send_many(recipient_ids=self.users, **_draft(sequence))
        return {"sent": sent.sent}

    def positions(self) -> list[str]:
        """Return where each user's inbox is now."""
        inboxes = Inbox.objects.in_bulk(self.users)
        return [str(inboxes[user].position) for user in self.users]

    def record(self, *, users: list[Any], rounds: int) -> dict[str, Any]:
        """Write one event for each user in each round, ring a doorbell of its own for each; return whose they are."""
        streams = {str(user): stream for stream, user in enumerate(users)}
        rung: list[Mapping[str, Sequence[bytes]]] = []
        bell = doorbell()
        ring = bell.ring
        # With whatever else it is given: an earlier checkout gives less.
        bell.ring = lambda rings, **_: rung.append(rings)  # type: ignore[method-assign]
        order: list[int] = []
        for sequence in range(rounds):
            services.send_many(recipient_ids=users, **_draft(sequence))
            for inboxes in rung:
                for inbox, frames in inboxes.items():
                    ring({inbox: frames})
                    order.append(streams[inbox])
                    if len(order) % FLUSH_EVERY == 0:
                        bell.flush(60.0)
            rung.clear()
        bell.flush(60.0)
        return {"streams": order}


def main() -> None:
    """Obey until the input ends."""
    writer = Writer()
    verbs: dict[str, Callable[..., Any]] = {
        "users": writer.make_users,
        "fill": fill_all,
        "adopt": writer.adopt,
        "send_all": writer.send_all,
        "positions": writer.positions,
        "record": writer.record,
    }
    for line in sys.stdin:
        if line.startswith("{"):
            request = json.loads(line)
            print(json.dumps(verbs[request.pop("verb")](**request)), flush=True)
        else:
            stream, sequence = line.split()
            writer.send(int(stream), int(sequence))


if __name__ == "__main__":
    main()
