"""Arguments of several fields: positions, types and filters, and their names in errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from strawberry.utils.str_converters import to_camel_case

from live_inbox.content import clean_type
from live_inbox.delivery.position import InvalidPosition, Position
from live_inbox.errors import InvalidInput
from live_inbox.events import Folder
from live_inbox.selectors import MAX_TYPES, ListFilter
from live_inbox.services import SenderDeleted
from live_inbox_graphql.ids import known_notification_id


@contextmanager
def named_by_client(inside: str = "", **names: str) -> Iterator[None]:
    """Let InvalidInput name the field as the client did: in camelCase, below the input object `inside`.

    `names` gives the client's name for fields that a service calls differently.
    """
    try:
        yield
    except SenderDeleted:
        # It says how far the call came, which is worth more than a name that the client does not know.
        raise
    except InvalidInput as error:
        name = names.get(error.field, to_camel_case(error.field))
        message = error.message.replace(error.field, name) if "_" in error.field else error.message
        field = f"{inside}.{name}" if inside else name
        raise InvalidInput(message, field=field) from error


def parse_position(text: str | None, *, field: str) -> Position | None:
    """Return a client's position; raise InvalidInput for text that is not a position."""
    if text is None:
        return None
    try:
        return Position.parse(text)
    except InvalidPosition:
        message = "This is not a position. Positions come from `position` fields, unchanged."
        raise InvalidInput(message, field=field) from None


def parse_types(
    types: Sequence[str] | None, *, field: str, what: str = "types"
) -> frozenset[str] | None:
    """Return the notification types of a filter, or its categories; raise InvalidInput if one cannot be such."""
    if types is None:
        return None
    if len(types) > MAX_TYPES:
        raise InvalidInput(f"A filter names {MAX_TYPES} {what} at most.", field=field)
    with named_by_client(type=field):
        return frozenset(clean_type(type) for type in types)


def list_filter(
    *,
    types: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    priorities: Sequence[Enum] | None = None,
    read: bool | None = None,
    seen: bool | None = None,
    folder: Enum | None = None,
    group_of: str | None = None,
    pinned_only: bool = False,
    text: str | None = None,
) -> ListFilter:
    """Return the filter that a client's `filter` stands for; raise InvalidInput for one that cannot be fulfilled."""
    filter = ListFilter.of(
        types=parse_types(types, field="filter.types"),
        categories=parse_types(categories, field="filter.categories", what="categories"),
        priorities=None if priorities is None else [str(each.value) for each in priorities],
        read=read,
        seen=seen,
        folder=Folder.INBOX if folder is None else Folder(str(folder.value)),
        group_of=None if group_of is None else known_notification_id(group_of),
        pinned=pinned_only,
        text=text,
    )
    with named_by_client("filter"):
        filter.check()
    return filter
