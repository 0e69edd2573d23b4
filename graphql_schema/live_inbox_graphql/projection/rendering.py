"""From an event to bytes. Who shares them with other sockets is the portion's to say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from live_inbox.events import Event, Reset
from live_inbox_graphql.events import graphql_type_of
from live_inbox_graphql.scalars import SCALARS

Read = Callable[[Any], Mapping[str, object]]
"""Makes what is selected of an object, by the names in the response and in their order, of the object's source."""


class Projection:
    """What one selection makes of events. Two are equal only if they are the same."""

    __slots__ = ("_name", "_readers")

    def __init__(self, name: str, readers: Mapping[str, Read]) -> None:
        self._name = name
        self._readers = readers

    def render(self, item: Event | Reset) -> bytes:
        """Return the result of the operation for an event, as JSON: `{"data":{"notificationEvents":{...}}}`.

        Raises ValueError for an event of which graphql-core would tell errors, or that cannot be told at all.
        """
        try:
            told = self._readers[graphql_type_of(item)](item)
        except ValueError:
            raise
        except Exception as error:
            # As broad as graphql-core, for which an error of any kind in a field is one of that field.
            raise ValueError("the event is not what the schema promises") from error
        return _dumps({"data": {self._name: told}})


@dataclass(frozen=True, slots=True)
class CompiledSubscription:
    """What one request asks for: the arguments, as graphql-core understands them, and the projection."""

    after: str | None
    types: list[str] | None
    projection: Projection


def _dumps(value: object) -> bytes:
    """Return what `json_text.dumps` returns, of a value in which moments in UTC are still to be written."""
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
