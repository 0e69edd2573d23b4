"""What is kept for a short time to undo a bulk change or a deletion: a row for each transaction, found by a token.

The database has a hash of the token only. Of what was deleted, these rows have the content, and nothing else has it: it
is removed from the notifications and from the log as by any deletion, and from here by housekeeping.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db.models import QuerySet

from live_inbox import database
from live_inbox.events import Kind
from live_inbox.models import Inbox, Notification, UndoStep

UNDO_SECONDS = 30
"""How long a change can be undone."""


def digest_of(token: str) -> str:
    """Return what the database knows of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


@dataclass(slots=True)
class Undo:
    """The steps of one change that is under way."""

    token: str

    @classmethod
    def new(cls) -> Undo:
        """Return one with a token that nobody can guess."""
        return cls(secrets.token_urlsafe(24))

    def add(
        self,
        inbox: Inbox,
        kind: Kind,
        ids: Sequence[int],
        deleted: QuerySet[Notification] | None,
        moment: datetime,
    ) -> None:
        """Note what the next event of a locked inbox changes; of what is deleted, the rows."""
        content: Any = ids if deleted is None else [_columns_of(row) for row in deleted]
        sequence = inbox.last_sequence + 1
        UndoStep.objects.using(database.alias()).create(
            inbox=inbox,
            token_digest=digest_of(self.token),
            kind=kind.value,
            sequence=sequence,
            changed_at=moment,
            expires_at=moment + timedelta(seconds=UNDO_SECONDS),
            content=orjson.dumps(content).decode(),
        )

    def keep(self, user_id: Any, moment: datetime) -> None:
        """Let the time to undo all steps begin at this moment."""
        steps_of(user_id, self.token).update(expires_at=moment + timedelta(seconds=UNDO_SECONDS))


def steps_of(user_id: Any, token: str) -> QuerySet[UndoStep]:
    """Return the steps of a change of the user's that are left."""
    return database.queryset(UndoStep).filter(inbox=user_id, token_digest=digest_of(token))


def _columns_of(row: Notification) -> dict[str, Any]:
    return {
        field.attname: field.value_to_string(row)
        if field.get_internal_type() == "DateTimeField" and getattr(row, field.attname) is not None
        else _plain(getattr(row, field.attname))
        for field in Notification._meta.concrete_fields
    }


def _plain(value: Any) -> Any:
    return (
        value if value is None or isinstance(value, str | int | bool | dict | list) else str(value)
    )


def row_of(columns: dict[str, Any]) -> Notification:
    """Return the notification of which these columns were kept; not saved."""
    values = {
        field.attname: field.to_python(columns[field.attname])
        for field in Notification._meta.concrete_fields
        if field.attname in columns
    }
    return Notification(**values)
