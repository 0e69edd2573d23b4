"""Preparing: turns a page of a source's rows into rows that can be written, and reports the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from live_inbox.content import CONTENT_FIELDS, clean_content, clean_key
from live_inbox.errors import InvalidInput
from live_inbox.importing.moments import clean_moment
from live_inbox.importing.rows import ImportRow, Problem, SourceRow
from live_inbox.importing.user_keys import UserField

_TRUNCATED = ("title", "message")
"""The fields that may be shortened. A shortened link leads elsewhere, and a shortened type is another one."""
_ELLIPSIS = "…"
_VALUE_LENGTH = 100


def prepare(
    rows: Sequence[SourceRow], *, users: UserField, now: datetime, truncate: bool
) -> tuple[list[ImportRow], list[Problem]]:
    """Return the rows that can be written, in the same order, and a problem for each other one.

    Makes one query, for the users. With `truncate`, titles and messages that are too long are shortened.
    """
    named = {user for row in rows for user in (row.recipient, row.sender) if _is_given(user)}
    found = users.find(named)
    prepared: list[ImportRow] = []
    problems: list[Problem] = []
    for row in rows:
        try:
            prepared.append(_prepare(row, found, now=now, truncate=truncate))
        except _NoUser as error:
            problems.append(Problem(row.place, error.field, error.message, error.value))
        except InvalidInput as error:
            problems.append(Problem(row.place, error.field, error.message))
    return prepared, problems


def _prepare(
    row: SourceRow, users: Mapping[object, Any], *, now: datetime, truncate: bool
) -> ImportRow:
    content = dict(row.content)
    if truncate:
        _shorten(content)
    if _is_given(content.get("expires_at")):
        content["expires_at"] = clean_moment(content["expires_at"], field="expires_at")
    content.setdefault("title", "")
    created_at = clean_moment(row.created_at, field="created_at") if row.created_at else now
    return ImportRow(
        place=row.place,
        key=clean_key(row.key) or "",
        recipient_id=_user(row.recipient, users, field="recipient"),
        sender_id=_user(row.sender, users, field="sender") if _is_given(row.sender) else None,
        created_at=created_at,
        read_at=_read_at(row.read, created_at),
        content=clean_content(now=now, **content),
    )


class _NoUser(InvalidInput):
    """Raised when a row names no user, or several."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__(f"There is no such {field}.", field=field)
        self.value = repr(value)[:_VALUE_LENGTH]


def _is_given(value: object) -> bool:
    return value is not None and value != ""


def _shorten(content: dict[str, Any]) -> None:
    for name in _TRUNCATED:
        text, longest = content.get(name), CONTENT_FIELDS[name].max_length
        if isinstance(text, str) and longest is not None and len(text) > longest:
            content[name] = text[: longest - len(_ELLIPSIS)] + _ELLIPSIS


def _user(value: object, users: Mapping[object, Any], *, field: str) -> Any:
    if not _is_given(value):
        raise InvalidInput(f"{field} is missing.", field=field)
    key = users.get(value)
    if key is None:
        raise _NoUser(field, value)
    return key


def _read_at(read: object, created_at: datetime) -> datetime | None:
    """Return when it was read: when it was created, if the source knows only that it was read."""
    if not read:
        return None
    return created_at if read is True else clean_moment(read, field="read_at")
