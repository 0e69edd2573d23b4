"""Where an import of a table has come to."""

from __future__ import annotations

import re

from django.db.models import BigIntegerField, Max
from django.db.models.functions import Cast, Substr

from live_inbox import database
from live_inbox.models import Notification


def last_imported(prefix: str) -> int | None:
    """Return the highest primary key of a source whose row is stored with the key `prefix` + primary key.

    Pages are stored in the order of primary keys, so every row up to it has been dealt with. Reads all notifications:
    no index has this order.
    """
    # Of 18 digits at most, which every database can hold: anybody who sends may have made up such a key.
    imported = database.queryset(Notification).filter(
        idempotency_key__regex=rf"^{re.escape(prefix)}[0-9]{{1,18}}$"
    )
    number = Cast(Substr("idempotency_key", len(prefix) + 1), BigIntegerField())
    last: int | None = imported.aggregate(last=Max(number))["last"]
    return last
