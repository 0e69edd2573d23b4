"""Bodies that are too large, on servers that do not refuse them themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from live_inbox_site.asgi import http
from live_inbox_site.environment import site_settings

pytestmark = pytest.mark.stack("embedded")

MOST = site_settings().max_body_bytes


async def status(*chunks: bytes, length: int | None = None) -> tuple[int, int]:
    """Post a body to the site; return the status, and how many chunks were read."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql/",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 9),
    }
    left = list(chunks)
    sent: list[Any] = []

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    await http(scope, receive, send)
    return sent[0]["status"], len(chunks) - len(left)


async def test_a_length_that_is_too_large_is_refused_unread() -> None:
    assert await status(b"x", length=MOST + 1) == (413, 0)
    assert await status(b"x", length=10**30) == (413, 0)


async def test_chunks_are_read_as_far_as_they_may_go() -> None:
    chunk = b"x" * (MOST // 4)
    assert await status(*[chunk] * 1000) == (413, 5)


async def test_others_reach_the_site() -> None:
    assert (await status(b"{}", length=2))[0] == 400
    assert (await status(b"{", b"}"))[0] == 400
