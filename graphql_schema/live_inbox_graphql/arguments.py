"""Arguments of several fields: positions and types, and their names in errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from strawberry.utils.str_converters import to_camel_case

from live_inbox.content import clean_type
from live_inbox.delivery.position import InvalidPosition, Position
from live_inbox.errors import InvalidInput
from live_inbox.selectors import MAX_TYPES


@contextmanager
def named_by_client(inside: str = "", **names: str) -> Iterator[None]:
    """Let InvalidInput name the field as the client did: in camelCase, below the input object `inside`.

    `names` gives the client's name for fields that a service calls differently.
    """
    try:
        yield
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


def parse_types(types: Sequence[str] | None, *, field: str) -> frozenset[str] | None:
    """Return the notification types of a filter; raise InvalidInput if one cannot be a type."""
    if types is None:
        return None
    if len(types) > MAX_TYPES:
        raise InvalidInput(f"A filter names {MAX_TYPES} types at most.", field=field)
    with named_by_client(type=field):
        return frozenset(clean_type(type) for type in types)
