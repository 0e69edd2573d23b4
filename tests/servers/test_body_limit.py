"""Bodies that are too large, on servers that do not refuse them themselves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from live_inbox_site import body_limit
from live_inbox_site.asgi import http
from live_inbox_site.environment import site_settings

pytestmark = pytest.mark.stack("embedded")

MOST = site_settings().max_body_bytes


async def status(
    *chunks: bytes, length: int | None = None, is_complete: bool = True
) -> tuple[int, int]:
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
        return {"type": "http.request", "body": body, "more_body": bool(left) or not is_complete}

    async def send(message: Any) -> None:
        sent.append(message)

    await http(scope, receive, send)
    if sent[0]["status"] != 400:
        (error,) = json.loads(sent[1]["body"])["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
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


@pytest.mark.parametrize("length", [None, 1000])
async def test_a_body_that_does_not_arrive_is_refused(
    monkeypatch: pytest.MonkeyPatch, length: int | None
) -> None:
    monkeypatch.setattr(body_limit, "SECONDS", 0.05)
    assert await status(b"{", length=length, is_complete=False) == (408, 1)


async def test_a_slow_body_that_keeps_the_rate_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "SECONDS", 0.01)
    monkeypatch.setattr(body_limit, "RATE", 0)
    arriving = iter([b"{", b"}"])

    async def receive() -> Any:
        body = next(arriving, None)
        if body is None:
            # The client waits for its answer, which has no deadline here.
            return await asyncio.Event().wait()
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": body, "more_body": body == b"{"}

    body = body_limit._Body(receive, MOST)
    assert [(await body.receive())["body"] for _ in range(2)] == [b"{", b"}"]
    waiting = asyncio.ensure_future(body.receive())
    await asyncio.wait({waiting}, timeout=0.1)
    assert not waiting.done()
    waiting.cancel()
    assert body.refusal is None
