"""How a doorbell's message travels over Redis.

A line of JSON, `["who", {"inbox": [length, ...], ...}]`, then the encoded entries themselves one after the other:
they are neither escaped nor copied into another format, whatever they contain. Most doorbells ring for one entry, and
then the line is `["who", "inbox"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

EventBatch = dict[str, list[bytes]]
"""Encoded entries by inbox."""


_head = msgspec.json.Decoder(tuple[str, str | dict[str, list[int]]])


class Unreadable(ValueError):
    """Raised for bytes that are no doorbell's message."""


def pack(message: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message. Raises KeyError, TypeError or ValueError for one that is no doorbell's."""
    inboxes: Mapping[str, list[bytes]] = message["inboxes"]
    lengths = {inbox: [len(frame) for frame in frames] for inbox, frames in inboxes.items()}
    entries = [frame for frames in inboxes.values() for frame in frames]
    is_for_one = len(lengths) == len(entries) == 1
    head = orjson.dumps((message["from"], next(iter(lengths)) if is_for_one else lengths))
    return b"".join((head, b"\n", *entries))


def unpack(payload: bytes) -> tuple[str, EventBatch]:
    """Return who rang and what was said. Raises Unreadable."""
    # JSON that orjson wrote has no line break.
    at = payload.find(b"\n") + 1
    try:
        who, lengths = _head.decode(payload[:at])
        if isinstance(lengths, str):
            return who, {lengths: [payload[at:]]}
        inboxes: EventBatch = {}
        for inbox, sizes in lengths.items():
            frames = inboxes[inbox] = []
            for size in sizes:
                end = at + size
                if size < 0 or end > len(payload):
                    raise Unreadable("a length is wrong")
                frames.append(payload[at:end])
                at = end
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from None
    if at != len(payload):
        raise Unreadable("it is longer than it says")
    return who, inboxes
