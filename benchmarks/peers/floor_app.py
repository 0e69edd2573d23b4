"""A bare ASGI application: reads a request and always answers the same. Imports nothing, so that it is alone."""

from __future__ import annotations

import json
from typing import Any

ANSWER = b'{"data":{"__typename":"Query"}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Read the body as JSON and answer."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    json.loads(b"".join(parts))
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
