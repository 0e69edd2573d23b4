"""The statements of lists: the rows of a stretch, each found by an index, at the cost of so many rows.

Written out, and not by the ORM: it takes longer to compose such a statement than a database to carry it out. The texts
depend only on the form of a list, so there are few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from live_inbox.events import Folder
from live_inbox.models import Notification

_FAR = 2**62

TABLE = f'"{Notification._meta.db_table}"'

_UNREAD, _READ = ' AND "read_at" IS NULL', ' AND "read_at" IS NOT NULL'

_OF_USER = '"recipient_id" = %s'

_RANK = 'COALESCE("returned_rank", "id")'


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which notifications of a user a list has. The ranks that bound it are exclusive."""

    user_key: Any
    """The primary key of the user, as the database takes it."""
    types: Sequence[str] | None = None
    read: bool | None = None
    older_than: int | None = None
    newer_than: int | None = None
    from_oldest: bool = False
    folder: Folder = Folder.INBOX
    pinned: bool = False
    """Only those that are pinned, with True."""

    def rows(self, columns: str, limit: int) -> tuple[str, list[Any]]:
        """Return the statement for the first rows, from one end or the other, and its parameters."""
        types = None if self.types is None else sorted(set(self.types))
        text = _rows_text(
            columns,
            None if types is None else len(types),
            self.read,
            self.older_than is not None,
            self.newer_than is not None,
            self.from_oldest,
            self.folder,
            self.pinned,
        )
        begin = [self.user_key]
        if self.older_than is not None:
            begin.append(_within(self.older_than))
        if self.newer_than is not None:
            begin.append(_within(self.newer_than))
        if types is None:
            return text, [*begin, limit]
        if self.pinned:
            return text, [*begin, *types, limit]
        states = len(_states(self.read))
        parts = [each for type in types for each in [*begin, type, limit] * states]
        return text, [*parts, limit]


def newest_of_inbox(columns: str, read: bool | None) -> str:
    """Return the statement for the first rows of the inbox that it is joined with; its parameter is how many."""
    text = _rows_text(columns, None, read, False, False, False, Folder.INBOX, False)
    return text.replace(_OF_USER, '"recipient_id" = inbox."user_id"', 1)


def _within(bound: int) -> int:
    """Return a bound that the database can compare with. No rank is anywhere near the ends."""
    return max(-_FAR, min(bound, _FAR))


def _states(read: bool | None) -> Sequence[str]:
    if read is None:
        return (_READ, _UNREAD)
    return (_READ,) if read else (_UNREAD,)


@lru_cache(maxsize=512)
def _rows_text(
    columns: str,
    types: int | None,
    read: bool | None,
    has_upper_bound: bool,
    has_lower_bound: bool,
    from_oldest: bool,
    folder: Folder,
    pinned: bool,
) -> str:
    """Return the text of a statement.

    A list of types is made of parts, of each of which an index gives the first rows. They are merged by their ranks: to
    sort the whole list would cost what the inbox holds of it. Pinned ones are few, and one index has them.
    """
    order, bound = _order(within_type=types is not None, pinned=pinned)
    where = f"{_OF_USER}{_in_folder(folder)}"
    if has_upper_bound:
        where += f" AND {order} > {bound}"
    if has_lower_bound:
        where += f" AND {order} < {bound}"
    end = f" ORDER BY {order} {'DESC' if from_oldest else 'ASC'} LIMIT %s"
    state = "" if read is None else _states(read)[0]
    if types is None or pinned:
        if pinned:
            where += ' AND "pinned"' + ("" if types is None else _of_types(types))
        return f"SELECT {columns} FROM {TABLE} WHERE {where}{state}{end}"
    if not types:
        return f"SELECT {columns} FROM {TABLE} WHERE 1 = 0 LIMIT %s"
    parts = [
        f'SELECT "id" FROM (SELECT "id" FROM {TABLE} WHERE {where} AND "type" = %s{state}{end}) AS part'
        for _ in range(types)
        for state in _states(read)
    ]
    return f'SELECT {columns} FROM {TABLE} WHERE "id" IN ({" UNION ALL ".join(parts)}){end}'


def _in_folder(folder: Folder) -> str:
    """Return the condition of a folder: a constant, for the planner has to know which of the few it is."""
    return f" AND \"folder\" = '{folder.value}'"


def _order(*, within_type: bool, pinned: bool) -> tuple[str, str]:
    """Return the expression that a list is sorted by, and that of a bound.

    The same order, written in three ways: so that each is the order of one kind of indexes only. See `NegatedRank`.
    """
    if pinned:
        return f"(1 - {_RANK})", "(1 - %s)"
    if within_type:
        return f"(0 - {_RANK})", "(0 - %s)"
    return f"(-{_RANK})", "(-%s)"


def _of_types(count: int) -> str:
    return f' AND "type" IN ({", ".join(["%s"] * count)})' if count else " AND 1 = 0"
