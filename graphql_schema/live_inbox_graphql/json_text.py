"""JSON as it comes from strangers and goes to clients."""

from __future__ import annotations

import json
from typing import NoReturn

import orjson


def loads(text: str | bytes) -> object:
    """Return the value; raise ValueError for whatever is not JSON or cannot be taken in.

    Not orjson, which turns whole numbers of more than 64 bits into others without a word.
    """
    try:
        if isinstance(text, str) and text[:1] not in _LEFT_TO_JSON:
            return _decoder.decode(text)
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: object) -> bytes:
    """Return the value as JSON, in UTF-8.

    Errors repeat what clients wrote, such as half a surrogate pair, which only the slow way can write.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)
"""`json.loads` makes a decoder for each call, which takes as long as the decoding of a short message."""

_LEFT_TO_JSON = ("", "\ufeff")
