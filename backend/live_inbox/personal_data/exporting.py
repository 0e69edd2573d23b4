"""Exporting what the inbox holds about a user."""

from __future__ import annotations

from collections.abc import Iterator

from live_inbox import database
from live_inbox.personal_data.holdings import HOLDINGS
from live_inbox.personal_data.records import Record
from live_inbox.personal_data.subject import DataSubject
from live_inbox.services.users import load_by_key
from live_inbox.snapshots import person

FORMAT = 1
"""Changes when a record changes its meaning. New records and fields may come at any time."""


def export_user(subject: DataSubject) -> Iterator[Record]:
    """Yield the records, the first of which names the user. Pages are read as they are taken: see `paged`."""
    yield _header(subject)
    for holding in HOLDINGS:
        yield from holding.export(subject)


def _header(subject: DataSubject) -> Record:
    user = load_by_key([subject.key]).get(subject.key)
    shown = None if user is None else person(user)
    return {
        "record": "user",
        "format": FORMAT,
        "exported_at": database.now().isoformat(),
        "id": subject.text,
        "username": "" if shown is None else shown.username,
        "name": "" if shown is None else shown.name,
    }
