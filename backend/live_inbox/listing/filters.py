"""Filters of lists: which of a user's notifications a list has, and a bulk change is about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self, TypedDict, Unpack

from live_inbox.content import PRIORITIES, clean_type
from live_inbox.declared_types import declared_types
from live_inbox.errors import InvalidInput
from live_inbox.events import Folder
from live_inbox.listing.text_search import words_of

MAX_TYPES = 20
"""Types, or categories, that one filter may name."""


class Conditions(TypedDict, total=False):
    """The conditions of a filter, as callers name them."""

    types: Collection[str] | None
    categories: Collection[str] | None
    priorities: Collection[str] | None
    read: bool | None
    seen: bool | None
    folder: Folder
    group_of: int | None
    pinned: bool
    text: str | None


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What a list has: all conditions hold of each notification. None is no condition, an empty set fits none.

    `group_of` is the id of a notification: a list of what is folded under it. `categories` are those of declared types.
    `seen` is whether it had come when the user last opened the list, or is read. `text` are words, each of which is in
    the title or in the message, in upper or lower case.
    """

    types: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    priorities: frozenset[str] | None = None
    read: bool | None = None
    seen: bool | None = None
    folder: Folder = Folder.INBOX
    """Where `group_of` is given, it is the folder `grouped`."""
    group_of: int | None = None
    pinned: bool = False
    """Only those that are pinned, with True."""
    text: str | None = None

    @classmethod
    def of(cls, **conditions: Unpack[Conditions]) -> Self:
        """Return the filter with these conditions, not checked."""
        given: dict[str, Any] = dict(conditions)
        for name in ("types", "categories", "priorities"):
            if given.get(name) is not None:
                given[name] = frozenset(given[name])
        if given.get("group_of") is not None:
            given["folder"] = Folder.GROUPED
        return cls(**given)

    @property
    def is_newest(self) -> bool:
        """Whether it has all of the inbox, or all that is read or unread."""
        return self == _NEWEST[self.read]

    def check(self) -> None:
        """Raise InvalidInput for conditions that nothing can fulfil: too many, or malformed."""
        for name, values in (("types", self.types), ("categories", self.categories)):
            if values is not None and len(values) > MAX_TYPES:
                raise InvalidInput(f"A filter names {MAX_TYPES} {name} at most.", field=name)
            for value in values or ():
                clean_type(value, field=name)
        for priority in self.priorities or ():
            if priority not in PRIORITIES:
                raise InvalidInput(
                    f"priorities must be among {', '.join(PRIORITIES)}.", field="priorities"
                )
        if self.text is not None:
            words_of(self.text)

    @property
    def listed_types(self) -> frozenset[str] | None:
        """The types that it has: those that it names, as far as they are of the categories that it names."""
        if self.categories is None:
            return self.types
        of_categories = frozenset(
            slug for slug, type in declared_types().items() if type.category in self.categories
        )
        return of_categories if self.types is None else of_categories & self.types


EVERYTHING = ListFilter()
"""All of the inbox."""

_NEWEST = {read: ListFilter(read=read) for read in (None, True, False)}
