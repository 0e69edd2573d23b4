"""The admin's history of what was sent. It names rows by number: their titles must go when they are deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils.text import capfirst


def log_by_number(
    user_id: Any,
    rows: Iterable[Model],
    flag: int,
    message: str | list[Any] = "",
) -> list[LogEntry]:
    """Record what a user of the admin has done to rows; return an entry for each.

    `flag` is Django's ADDITION, CHANGE or DELETION. `message` is a text, or the list that Django makes of a form's
    changes.
    """
    text = message if isinstance(message, str) else json.dumps(message)
    entries = [
        LogEntry(
            user_id=user_id,
            content_type=ContentType.objects.get_for_model(each),
            object_id=str(each.pk),
            object_repr=f"{capfirst(each._meta.verbose_name)} {each.pk}",
            action_flag=flag,
            change_message=text,
        )
        for each in rows
    ]
    return LogEntry.objects.bulk_create(entries)
