"""From an event to bytes, once for all sockets that have the same projection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import orjson

from backend.notifications.events import Event, Reset
from graphql_schema.projection.compilation import Fields
from graphql_schema.projection.sources import told_as
from graphql_schema.scalars import SCALARS

MAX_RENDERED_BYTES = 4_194_304
"""What is remembered of renderings, counted with what an entry holds beside its bytes."""

_ENTRY_BYTES = 1024
"""An event that nobody else holds any more, and the entry itself."""

_Key = tuple["Projection", int]
"""By identity: to compare events costs more than to render them."""

_Entry = tuple[Event | Reset, bytes]
"""The item is kept, so that no other can have its id for as long as the entry is there."""


class Renderings:
    """What was rendered lately, by all projections of a process, in two generations.

    A rendering is wanted again by the other sockets of the same user, at once or never. So nothing is moved when
    it is used: when the young generation is full, it becomes the old one, and the old one is forgotten.
    """

    def __init__(self, max_bytes: int = MAX_RENDERED_BYTES) -> None:
        self._max_young_bytes = max_bytes // 2
        self._young_bytes = 0
        self._young: dict[_Key, _Entry] = {}
        self._old: dict[_Key, _Entry] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def recall(self, projection: Projection, item: Event | Reset) -> bytes | None:
        """Return what this projection made of this very object, if it did so lately."""
        key = (projection, id(item))
        entry = self._young.get(key) or self._old.get(key)
        return None if entry is None else entry[1]

    def remember(self, projection: Projection, item: Event | Reset, rendered: bytes) -> None:
        """Note what a projection has made of an object that is not known here."""
        size = len(rendered) + _ENTRY_BYTES
        if size > self._max_young_bytes:
            return
        if self._young_bytes + size > self._max_young_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young[projection, id(item)] = (item, rendered)
        self._young_bytes += size


class Projection:
    """What one selection makes of events. For one event loop; two are equal only if they are the same."""

    __slots__ = ("_fields", "_head", "_renderings")

    def __init__(self, name: str, fields: Mapping[str, Fields], renderings: Renderings) -> None:
        self._head = b'{"data":{' + orjson.dumps(name) + b":"
        self._fields = fields
        self._renderings = renderings

    def render(self, item: Event | Reset) -> bytes:
        """Return the result of the operation for an event, as JSON: `{"data":{"notificationEvents":{...}}}`.

        Raises ValueError for an event of which graphql-core would tell errors, or that cannot be told at all.
        """
        rendered = self._renderings.recall(self, item)
        if rendered is None:
            rendered = self._head + _dumps(self._read(item)) + b"}}"
            self._renderings.remember(self, item, rendered)
        return rendered

    def _read(self, item: Event | Reset) -> dict[str, object]:
        try:
            return {name: read(item) for name, read in self._fields[told_as(item)]}
        except ValueError:
            raise
        except Exception as error:
            # As broad as graphql-core, for which an error of any kind in a field is one of that field.
            raise ValueError("the event is not what the schema promises") from error


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
