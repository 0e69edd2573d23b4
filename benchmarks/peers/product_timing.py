"""Times the product's services inside one process: a script that runs in a checkout of the product.

One line of JSON is printed: figures by name, times in microseconds, each the median.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from benchmarks.content import DATA, KIND, LINK, MESSAGE
from benchmarks.peers.product_lists import lists, mark_all
from benchmarks.peers.product_modules import Inbox, InboxEvent, Notification, services
from benchmarks.peers.turns import take_turns

TURNS = 300


def _new_user(name: str) -> Any:
    return get_user_model().objects.create_user(username=name).pk


def bare_transaction(user_id: Any) -> None:
    """Write what `send` writes as plain Django code does: lock the inbox, count, add both rows, commit."""
    now = timezone.now()
    with transaction.atomic():
        inbox = Inbox.objects.select_for_update().get(pk=user_id)
        inbox.last_sequence += 1
        inbox.unread_count += 1
        inbox.total_count += 1
        inbox.save(update_fields=["last_sequence", "unread_count", "total_count"])
        notification = Notification(
            recipient_id=user_id,
            type=KIND,
            title="Invoice paid",
            message=MESSAGE,
            link=LINK,
            data=DATA,
            created_at=now,
            added_sequence=inbox.last_sequence,
        )
        notification.save_base(force_insert=True)
        InboxEvent.objects.create(
            inbox_id=user_id,
            sequence=inbox.last_sequence,
            kind="added",
            notification_id=notification.pk,
            payload=_payload(inbox, notification),
            created_at=now,
        )


def _payload(inbox: Inbox, notification: Notification) -> dict[str, Any]:
    return {
        "unread": inbox.unread_count,
        "total": inbox.total_count,
        "notification": {
            "id": notification.pk,
            "type": notification.type,
            "title": notification.title,
            "message": notification.message,
            "link": notification.link,
            "data": notification.data,
            "created_at": notification.created_at.isoformat(),
            "read_at": None,
            "sender": None,
        },
    }


def sending() -> dict[str, float]:
    """Compare `send` with the bare transaction."""
    served, bare = _new_user("served"), _new_user("bare")
    Inbox.objects.create(user_id=bare)

    def send() -> None:
        services.send(
            recipient_id=served,
            title="Invoice paid",
            message=MESSAGE,
            type=KIND,
            link=LINK,
            data=DATA,
        )

    figures = take_turns({"send": send, "bare": lambda: bare_transaction(bare)}, TURNS)
    return figures | {
        "ratio": figures["send_us"] / figures["bare_us"],
        "own_ratio": figures["send_own_us"] / figures["bare_own_us"],
    }


def main(verb: str) -> None:
    """Measure and print."""
    verbs: dict[str, Callable[[], dict[str, float]]] = {
        "send": sending,
        "lists": lambda: lists() | mark_all(),
    }
    print(json.dumps(verbs[verb]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
