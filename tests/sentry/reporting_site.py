"""The site with Sentry's SDK in it, and what happens to its clients. Prints the events that Sentry would get, as JSON.

Run by `test_sentry.py`, in a process of its own: Sentry's integrations replace functions of Django and of others.
Arguments: the primary key of a user, and options of `sentry_sdk.init` as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

EVENTS: list[dict[str, Any]] = []


class Collecting(Transport):
    """Keeps the events instead of sending them."""

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep the events of an envelope."""
        EVENTS.extend(json.loads(item.get_bytes()) for item in envelope if item.type == "event")


def policy_with_a_bug(caller: object, recipient_id: str, scopes: frozenset[str]) -> bool:
    """Stand for a SEND_POLICY of a project that fails for one recipient."""
    if recipient_id.endswith("0000"):
        raise ZeroDivisionError("a bug in the policy of the project")
    return True


def receiver_with_a_bug(**kwargs: Any) -> None:
    """Stand for a receiver of a project that fails."""
    raise LookupError("a bug in the receiver of the project")


def main(user_id: int, options: dict[str, Any]) -> None:
    """Let every kind of thing happen once."""
    if options.pop("before_send", False):
        from live_inbox.error_reports import before_send

        options["before_send"] = before_send
    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=Collecting, **options)
    import django

    django.setup()
    from live_inbox_site.asgi import application
    from tests.both_apis.server_thread import ServerThread
    from tests.sentry.happenings import HAPPENINGS

    found: dict[str, list[dict[str, Any]]] = {}
    with ServerThread(application) as server:
        happenings: dict[str, Callable[..., None]] = HAPPENINGS
        for name, happen in happenings.items():
            happen(server, user_id)
            found[name], EVENTS[:] = list(EVENTS), []
    found["the end of the server"] = list(EVENTS)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
