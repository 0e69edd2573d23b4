"""The statements of lists: the rows of a stretch, each found by an index, at the cost of so many rows.

Written out, and not by the ORM: it takes longer to compose such a statement than a database to carry it out. The texts
depend only on the form of a list, so there are few of them.

No index gives the rows that have some words, or a type together with a priority. For such a filter, a list looks at the
newest EXAMINED rows of what an index gives, and no further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from live_inbox.content import PRIORITIES
from live_inbox.events import Folder
from live_inbox.listing.filters import ListFilter
from live_inbox.listing.text_search import has_words, pattern_of, words_of
from live_inbox.models import Inbox, Notification

EXAMINED = 1000
"""Rows that one list looks at, where it has to look at rows that it may not have."""

_FAR = 2**62

TABLE = f'"{Notification._meta.db_table}"'

_OF_USER = '"recipient_id" = %s'

_RANK = 'COALESCE("returned_rank", "id")'

_NORMAL = "normal"


class _Order(NamedTuple):
    """The expression that a list is sorted by, in which `{}` is a rank.

    The same order, written in several ways: so that each is the order of one kind of indexes only. See `NegatedRank`.
    """

    text: str

    def of(self, rank: str) -> str:
        return self.text.format(rank)


_PLAIN, _WITHIN_TYPE = _Order("(-{})"), _Order("(0 - {})")
_OF_PINNED, _WITHIN_PRIORITY = _Order("(1 - {})"), _Order("(2 - {})")
_OF_UNREAD, _OF_READ = _Order("(3 - {})"), _Order("(4 - {})")
_WITHIN_GROUP = _Order("(5 - {})")
"""That of no index: a group is small, and sorted. An index of a folder would be searched for it from its beginning."""

_EXTREMES = {"postgresql": ("LEAST", "GREATEST"), "sqlite": ("MIN", "MAX")}
"""What the smallest and the largest of several values are called."""

_GROUP = (
    f' AND "group_root" = (SELECT "group_root" FROM {TABLE} AS shown'
    ' WHERE shown."id" = %s AND shown."recipient_id" = %s)'
)

_SEEN_THROUGH = f'(SELECT "seen_through" FROM "{Inbox._meta.db_table}" WHERE "user_id" = %s)'


class _State(NamedTuple):
    """Which of the read and unread rows a part of a list has."""

    condition: str
    order: _Order
    """Of the index that has them, if they are not found by anything else."""
    above_seen: bool = False
    """Only ranks above the last one that was seen."""
    up_to_seen: bool = False
    """Only ranks up to the last one that was seen."""


_ANY = _State("", _PLAIN)
_READ = _State(' AND "read_at" IS NOT NULL', _OF_READ)
_UNREAD = _State(' AND "read_at" IS NULL', _OF_UNREAD)
_UNSEEN = _UNREAD._replace(above_seen=True)
_SEEN_UNREAD = _UNREAD._replace(up_to_seen=True)

_STATES: dict[tuple[bool | None, bool | None], tuple[_State, ...]] = {
    (None, None): (_READ, _UNREAD),
    (True, None): (_READ,),
    (False, None): (_UNREAD,),
    (None, True): (_READ, _SEEN_UNREAD),
    (None, False): (_UNSEEN,),
    (True, True): (_READ,),
    (True, False): (),
    (False, True): (_SEEN_UNREAD,),
    (False, False): (_UNSEEN,),
}
"""By what a filter says of read and seen. What is read counts as seen."""


@dataclass(frozen=True, eq=False)
class _Form:
    """What the text of a statement depends on, beside the columns. There is one object of each: see `_form`."""

    vendor: str
    folder: Folder
    is_of_group: bool
    pinned: bool
    states: tuple[_State, ...]
    types: int | None
    priorities: tuple[str, ...] | None
    words: int
    has_upper_bound: bool
    has_lower_bound: bool
    from_oldest: bool

    @cached_property
    def is_small(self) -> bool:
        """Whether its rows are few, however many the inbox has, and found by one index."""
        return self.pinned or self.is_of_group

    @cached_property
    def is_by_type(self) -> bool:
        return self.types is not None and not self.is_small

    @cached_property
    def is_by_priority(self) -> bool:
        """Whether an index has the rows by their priority: those that are normal are in none."""
        rare = self.priorities is not None and _NORMAL not in self.priorities
        return rare and not self.is_small and self.types is None

    def order_of(self, state: _State) -> _Order:
        """Return the order of a part: that of the index which has its rows."""
        if self.is_of_group:
            return _WITHIN_GROUP
        if self.pinned:
            return _OF_PINNED
        if self.is_by_type:
            return _WITHIN_TYPE
        return _WITHIN_PRIORITY if self.is_by_priority else state.order

    @cached_property
    def direction(self) -> str:
        return "DESC" if self.from_oldest else "ASC"

    @cached_property
    def part_states(self) -> tuple[_State, ...]:
        """The states of each part: rows of any state have one index, unless they are found by more than that."""
        is_any = self.states == _STATES[None, None]
        return (_ANY,) if is_any and not (self.is_by_type or self.is_by_priority) else self.states

    @cached_property
    def keys(self) -> Sequence[str]:
        """A condition for each key of the index: for each type, or each priority."""
        if self.is_by_type:
            return [' AND "type" = %s'] * (self.types or 0)
        if self.is_by_priority:
            # A constant: a planner has to know that it is not normal. SQLite does not conclude that from another value;
            # PostgreSQL does, and would take two conditions for fewer rows than there are.
            not_normal = f" AND NOT (\"priority\" = '{_NORMAL}')" * (self.vendor == "sqlite")
            return [f" AND \"priority\" = '{each}'{not_normal}" for each in self.priorities or ()]
        return [_GROUP] if self.is_of_group else [""]

    @cached_property
    def is_examined(self) -> bool:
        """Whether the parts have rows that the list does not."""
        if self.is_small:
            return False
        return bool(self.words) or (self.priorities is not None and not self.is_by_priority)

    @cached_property
    def is_fenced(self) -> bool:
        """Whether the rows that a list looks at are found first, and then those of them that it has.

        To find both at once, PostgreSQL guesses how many have the words. If it guesses that few do, it may rather read
        the whole table than look at a few along the index.
        """
        return self.is_examined and self.vendor == "postgresql"

    @cached_property
    def parts(self) -> int:
        return len(self.keys) * len(self.part_states)


@lru_cache(maxsize=512)
def _form(
    vendor: str,
    folder: Folder,
    is_of_group: bool,
    pinned: bool,
    read: bool | None,
    seen: bool | None,
    types: int | None,
    priorities: frozenset[str] | None,
    words: int,
    has_upper_bound: bool,
    has_lower_bound: bool,
    from_oldest: bool,
) -> _Form:
    is_all = priorities is None or priorities >= set(PRIORITIES)
    return _Form(
        vendor,
        folder,
        is_of_group,
        pinned,
        _STATES[read, seen],
        types,
        None if is_all else tuple(each for each in PRIORITIES if each in (priorities or ())),
        words,
        has_upper_bound,
        has_lower_bound,
        from_oldest,
    )


@dataclass
class Stretch:
    """Which notifications of a user a list has. The ranks that bound it are exclusive."""

    user_key: Any
    """The primary key of the user, as the database takes it."""
    filter: ListFilter
    vendor: str
    older_than: int | None = None
    newer_than: int | None = None
    from_oldest: bool = False

    def __post_init__(self) -> None:
        filter = self.filter
        types = filter.listed_types
        self._types = None if types is None else sorted(types)
        self._words = () if filter.text is None else words_of(filter.text)
        self._form = _form(
            self.vendor,
            filter.folder,
            filter.group_of is not None,
            filter.pinned,
            filter.read,
            filter.seen,
            None if types is None else len(types),
            filter.priorities,
            len(self._words),
            self.older_than is not None,
            self.newer_than is not None,
            self.from_oldest,
        )

    @property
    def is_examined(self) -> bool:
        """Whether the list has to look at rows that it may not have: then `last_examined` has to bound it."""
        return self._form.is_examined and self._form.parts > 0

    def rows(self, columns: str, limit: int) -> tuple[str, list[Any]]:
        """Return the statement for the first rows, from one end or the other, and its parameters."""
        return _rows_text(columns, self._form, limit, EXAMINED), self._parameters(with_rest=True)

    def last_examined(self) -> tuple[str, list[Any]]:
        """Return the statement for the rank of the last row that a list may look at, null if there are fewer."""
        return _last_text(self._form, EXAMINED), self._parameters(with_rest=False)

    def _parameters(self, *, with_rest: bool) -> list[Any]:
        form = self._form
        rest: list[Any] = []
        if with_rest:
            if form.types is not None and not form.is_by_type:
                rest += self._types or []
            rest += [pattern for word in self._words for pattern in [pattern_of(word)] * 2]
        found: list[Any] = []
        for key in (self._types or []) if form.is_by_type else form.keys:
            for state in form.part_states:
                found += self._bounds(state)
                if form.is_by_type:
                    found.append(key)
                if form.is_of_group:
                    found += [self.filter.group_of, self.user_key]
                found += rest
        return found

    def _bounds(self, state: _State) -> list[Any]:
        found = [self.user_key]
        if self.older_than is not None:
            found.append(_within(self.older_than))
        if state.up_to_seen:
            found.append(self.user_key)
        if self.newer_than is not None:
            found.append(_within(self.newer_than))
        if state.above_seen:
            found.append(self.user_key)
        return found


def newest_of_inbox(columns: str, read: bool | None, vendor: str, limit: int) -> str:
    """Return the statement for the first rows of the inbox that it is joined with; it has no parameters."""
    form = _form(vendor, Folder.INBOX, False, False, read, None, None, None, 0, False, False, False)
    text = _rows_text(columns, form, limit, EXAMINED)
    return text.replace(_OF_USER, '"recipient_id" = inbox."user_id"', 1)


def _within(bound: int) -> int:
    """Return a bound that the database can compare with. No rank is anywhere near the ends."""
    return max(-_FAR, min(bound, _FAR))


@lru_cache(maxsize=512)
def _rows_text(columns: str, form: _Form, limit: int, examined: int) -> str:
    """Return the text of a statement.

    Limits are constants: where they are parameters, the plan of a prepared statement is one for a tenth of all rows.

    A list of types, and others, is made of parts, of each of which an index gives the first rows. They are merged by
    their ranks: to sort the whole list would cost what the inbox holds of it.
    """
    if not form.parts:
        return f"SELECT {columns} FROM {TABLE} LIMIT 0"
    if form.parts == 1:
        (part,) = _parts(form)
        return _part_text(columns, form, part, limit, examined)
    ids = [_part_text('"id"', form, part, limit, examined) for part in _parts(form)]
    parts = [f'SELECT "id" FROM ({each}) AS part' for each in ids]
    end = f" ORDER BY {_PLAIN.of(_RANK)} {form.direction} LIMIT {limit}"
    return f'SELECT {columns} FROM {TABLE} WHERE "id" IN ({" UNION ALL ".join(parts)}){end}'


def _part_text(columns: str, form: _Form, part: _Part, limit: int, examined: int) -> str:
    """Return the text for the first rows of a part that the list has."""
    rest = _rest(form)
    order = f" ORDER BY {part.order.of(_RANK)} {form.direction}"
    if not form.is_fenced:
        return f"SELECT {columns} FROM {TABLE} WHERE {part.condition}{rest}{order} LIMIT {limit}"
    # There are as many up to the last one, and what has arrived since that was found: one transaction of ours adds
    # fewer than as many again.
    looked_at = (
        f"SELECT *, {part.order.of(_RANK)} AS place FROM {TABLE}"
        f" WHERE {part.condition}{order} LIMIT {2 * examined}"
    )
    return (
        f"SELECT {columns} FROM ({looked_at}) AS looked_at WHERE TRUE{rest}"
        f" ORDER BY place {form.direction} LIMIT {limit}"
    )


@lru_cache(maxsize=512)
def _last_text(form: _Form, examined: int) -> str:
    nearest = "MIN" if form.from_oldest else "MAX"
    offset = max(examined // form.parts, 1) - 1
    parts = [
        f"SELECT place FROM (SELECT {_RANK} AS place FROM {TABLE} WHERE {part.condition}"
        f" ORDER BY {part.order.of(_RANK)} {form.direction} LIMIT 1 OFFSET {offset}) AS part"
        for part in _parts(form)
    ]
    return f"SELECT {nearest}(place) FROM ({' UNION ALL '.join(parts)}) AS lasts"


class _Part(NamedTuple):
    """What an index has, in its order."""

    condition: str
    order: _Order


def _parts(form: _Form) -> list[_Part]:
    # A constant, for the planner has to know which of the few folders it is.
    where = f"{_OF_USER} AND \"folder\" = '{form.folder.value}'"
    pinned = ' AND "pinned"' if form.pinned else ""
    return [
        _Part(
            f"{where}{_bounds_text(form, state)}{pinned}{key}{state.condition}",
            form.order_of(state),
        )
        for key in form.keys
        for state in form.part_states
    ]


def _bounds_text(form: _Form, state: _State) -> str:
    """Return the conditions of ranks: one from above and one from below, for SQLite looks up no more than these."""
    order, least, greatest = form.order_of(state), *_EXTREMES[form.vendor]
    above = ["%s"] * form.has_upper_bound + [f"({_SEEN_THROUGH} + 1)"] * state.up_to_seen
    below = ["%s"] * form.has_lower_bound + [_SEEN_THROUGH] * state.above_seen
    text = ""
    if above:
        bound = above[0] if len(above) == 1 else f"{least}({', '.join(above)})"
        text += f" AND {order.of(_RANK)} > {order.of(bound)}"
    if below:
        bound = below[0] if len(below) == 1 else f"{greatest}({', '.join(below)})"
        text += f" AND {order.of(_RANK)} < {order.of(bound)}"
    return text


def _rest(form: _Form) -> str:
    """Return the conditions that no index answers."""
    rest = ""
    if form.types is not None and not form.is_by_type:
        rest += f' AND "type" IN ({", ".join(["%s"] * form.types)})' if form.types else " AND 1 = 0"
    if form.priorities is not None and not form.is_by_priority:
        named = ", ".join(f"'{each}'" for each in form.priorities)
        rest += f' AND "priority" IN ({named})' if named else " AND 1 = 0"
    return rest + has_words(form.words, form.vendor)
