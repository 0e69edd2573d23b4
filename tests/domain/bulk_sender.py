"""A process that sends to all users by one bulk send, and reports each commit on its standard output.

`python -m tests.domain.bulk_sender KEY`: it ends with the counts of the result.
"""

from __future__ import annotations

import os
import sys

import django


def main() -> None:
    """Send, with small transactions."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live_inbox_site.settings")
    django.setup()
    from django.contrib.auth.models import User

    import live_inbox
    from live_inbox.services import bulk_progress, bulk_sending

    bulk_sending.SEND_CHUNK = 20
    add = bulk_progress.BulkProgress.add

    def reporting_add(*args: object, **kwargs: object) -> None:
        add(*args, **kwargs)  # type: ignore[arg-type]
        print("committed", flush=True)

    bulk_progress.BulkProgress.add = reporting_add  # type: ignore[method-assign]
    keys = list(User.objects.values_list("pk", flat=True))
    print("ready", flush=True)
    print(live_inbox.send_many(recipients=keys, title="x", idempotency_key=sys.argv[1]))


if __name__ == "__main__":
    main()
