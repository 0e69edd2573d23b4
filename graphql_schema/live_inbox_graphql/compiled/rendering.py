"""From an event to bytes. `Batch.memoize` shares them between sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from live_inbox_graphql.events import Item, graphql_type_of
from live_inbox_graphql.scalars import SCALARS

Read = Callable[[Any], Mapping[str, object]]
"""Reads the selected fields of an object, by their names in the response and in that order."""


class CompiledSelection:
    """Encodes events for one selection. Compared by identity."""

    __slots__ = ("_name", "_readers")

    def __init__(self, name: str, readers: Mapping[str, Read]) -> None:
        self._name = name
        self._readers = readers

    def render(self, item: Item) -> bytes:
        """Return the result of the operation for an event, as JSON: `{"data":{"notificationEvents":{...}}}`.

        Raises ValueError for an event for which graphql-core would report errors, or that lacks its payload.
        """
        try:
            data = self._readers[graphql_type_of(item)](item)
        except ValueError:
            raise
        except Exception as error:
            # As broad as graphql-core, which turns any exception of a field into an error of that field.
            raise ValueError("the event is not what the schema promises") from error
        return dumps({"data": {self._name: data}})


@dataclass(frozen=True, slots=True)
class CompiledSubscription:
    """One request: its arguments, as graphql-core coerces them, and its compiled selection."""

    after: str | None
    types: list[str] | None
    selection: CompiledSelection


def dumps(value: object) -> bytes:
    """Return what `json_text.dumps` returns, for a value that may hold datetimes in UTC."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), default=_moment).encode()


def _moment(value: object) -> object:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is not JSON")
    serialize = SCALARS[datetime].serialize
    assert serialize is not None
    return serialize(value)
