"""Asks GraphQL over HTTP, through all of Django or past its middleware."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import AsyncClient

from live_inbox.asgi import requests_with_token
from live_inbox.identity.issuing import issue_token
from live_inbox.sockets.asgi import Message, Receive, Scope, Send


def bearer(user: User, *scopes: str) -> str:
    """Return the value of an Authorization header."""
    return f"Bearer {issue_token(user, ttl_seconds=600, scopes=scopes)}"


class Ask:
    """Asks questions and returns the bodies of the answers: past Django's middleware where that may be."""

    def __init__(self, door: str = "bypass") -> None:
        self._door = door

    async def __call__(
        self, query: str, user: User | None, variables: dict[str, Any] | None = None, *scopes: str
    ) -> dict[str, Any]:
        """Ask as that user, with a token of these scopes, or as nobody."""
        headers = {} if user is None else {"Authorization": bearer(user, *scopes)}
        with door(self._door):
            answer = await post({"query": query, "variables": variables}, **headers)
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = json.loads(answer.content)
        return body

    async def data(
        self, query: str, user: User | None, variables: dict[str, Any] | None = None, *scopes: str
    ) -> Any:
        """Ask what must succeed, and return the value of the only field."""
        body = await self(query, user, variables, *scopes)
        assert "errors" not in body, body
        (value,) = body["data"].values()
        return value

    async def error(
        self, query: str, user: User | None, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask what must fail, and return the only error without its place in the document."""
        body = await self(query, user, variables)
        (error,) = body["errors"]
        del error["locations"]
        return dict(error)


@dataclass(frozen=True)
class PlainResponse:
    """A response that no Django has made."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name.lower()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.headers


class Unanswered(Exception):
    """Raised when nothing was sent."""


Response = HttpResponse | PlainResponse


async def post(body: object, **headers: str) -> Response:
    """Send a body as JSON and return the response."""
    return await send(json.dumps(body), **headers)


async def send(
    content: str | bytes, content_type: str = "application/json", **headers: str
) -> Response:
    """Send a body and return the response: of the door that `door` has opened."""
    if _bypasses.get():
        sent = {"Host": "testserver", "Content-Type": content_type} | headers
        response = await past_middleware(content, headers=sent)
        if response is not None:
            return response
    answer = await AsyncClient().post(
        "/graphql/", content, content_type=content_type, headers=headers
    )
    assert isinstance(answer, HttpResponse)
    return answer


_bypasses = ContextVar("bypasses", default=False)


@contextmanager
def door(name: str) -> Iterator[None]:
    """Send requests through all of Django ("django"), or past it where that may be ("bypass")."""
    token = _bypasses.set(name == "bypass")
    try:
        yield
    finally:
        _bypasses.reset(token)


async def past_middleware(
    content: str | bytes,
    *,
    method: str = "POST",
    path: str = "/graphql/",
    scheme: str = "http",
    client: str = "192.0.2.1",
    headers: Mapping[str, str],
    chunks: int = 1,
    is_cut: bool = False,
) -> PlainResponse | None:
    """Send a request to the application that serves those with a token; return None if it has passed it on.

    With `is_cut` the client goes before the body has ended. Raises Unanswered.
    """
    text = content.encode() if isinstance(content, str) else content
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    if not any(name == b"content-length" for name, _ in fields):
        fields.append((b"content-length", b"%d" % len(text)))
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "query_string": b"",
        "headers": fields,
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8000),
    }
    size = -(-len(text) // chunks) or 1
    parts = [text[start : start + size] for start in range(0, len(text), size)] or [b""]
    received: list[Message] = [
        {"type": "http.request", "body": part, "more_body": is_cut or number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]
    sent: list[Message] = []
    is_passed_on = False

    async def receive() -> Message:
        return received.pop(0) if received else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal is_passed_on
        is_passed_on = True

    await requests_with_token(pass_on)(scope, receive, send)
    if is_passed_on:
        return None
    if not sent:
        raise Unanswered
    start, end = sent
    found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    assert len(found) == len(start["headers"])
    assert found["content-length"] == str(len(end["body"]))
    return PlainResponse(start["status"], found, end["body"])
