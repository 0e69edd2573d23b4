"""Decodes untrusted JSON and encodes responses."""

from __future__ import annotations

import json
from typing import NoReturn

import orjson


def loads(text: str | bytes) -> object:
    """Return the value; raise ValueError for text that is not JSON or is nested too deeply.

    Not orjson, which silently converts integers of more than 64 bits to floats.
    """
    try:
        if isinstance(text, bytes) and text[:1] == b"{" and text[1:2] != b"\0":
            # Not UTF-16 or UTF-32, which `json` takes as well.
            text = text.decode(errors="surrogatepass")
        if isinstance(text, str) and text[:1] not in _LEFT_TO_JSON:
            return _decoder.decode(text)
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: object) -> bytes:
    """Return the value as JSON, in UTF-8.

    Error messages repeat client input, such as half a surrogate pair, which only the slower `json` can encode.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)
"""Created once: `json.loads` creates a decoder for each call, which costs as much as decoding a short message."""

_LEFT_TO_JSON = ("", "\ufeff")
