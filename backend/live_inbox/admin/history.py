"""The admin's history of notifications. It names them by number: their titles must go when they are deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from live_inbox.models import Notification


def log_notifications(
    user_id: Any, notifications: Iterable[Notification], flag: int, message: str | list[Any] = ""
) -> list[LogEntry]:
    """Record what a user of the admin has done to notifications; return an entry for each.

    `flag` is Django's ADDITION, CHANGE or DELETION. `message` is a text, or the list that Django makes of a form's
    changes.
    """
    kind = ContentType.objects.get_for_model(Notification)
    text = message if isinstance(message, str) else json.dumps(message)
    entries = [
        LogEntry(
            user_id=user_id,
            content_type=kind,
            object_id=str(each.pk),
            object_repr=f"Notification {each.pk}",
            action_flag=flag,
            change_message=text,
        )
        for each in notifications
    ]
    return LogEntry.objects.bulk_create(entries)
