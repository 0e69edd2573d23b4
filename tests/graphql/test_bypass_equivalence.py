"""The same requests past Django's middleware and through it: the same status, header and body.

Not here: lengths that are no number, which no server passes on, and the deletion of the cookies of ended sessions.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application

from live_inbox.asgi import requests_with_token
from live_inbox.sockets.asgi import Application, Message
from tests.changed_settings import changed_settings
from tests.graphql.http_client import bearer

pytestmark = pytest.mark.django_db(transaction=True)

VIEWER = b'{"query": "{ viewer { username } }"}'


def posted(**parameters: Any) -> bytes:
    return json.dumps({"query": "{ viewer { username } }"} | parameters).encode()


BODIES: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "number": b"5",
    "batch": b"[" + VIEWER + b"]",
    "no-json": b"query",
    "cut": VIEWER[:-3],
    "no-utf8": b'{"query": "\xff"}',
    "byte-order-mark": b"\xef\xbb\xbf" + VIEWER,
    "utf-16": VIEWER.decode().encode("utf-16"),
    "surrogate": b'{"query": "{ viewer { username } }", "operationName": "\\ud800"}',
    "nul": b'{"query": "{ viewer { username } }\\u0000"}',
    "deep": b"[" * 100_000,
    "twice": b'{"query": "{ no }", "query": "{ viewer { username } }"}',
    "nan": b'{"query": "{ viewer { username } }", "variables": {"a": NaN}}',
    "huge-number": b'{"query": "{ viewer { username } }", "variables": {"a": 1'
    + b"0" * 5000
    + b"}}",
    "query-null": posted(query=None),
    "query-empty": posted(query=""),
    "query-list": posted(query=[]),
    "variables-text": posted(variables="{}"),
    "variables-null": posted(variables=None),
    "variables-strange": posted(variables={"": {"": []}}),
    "operation-empty": posted(operationName=""),
    "operation-unknown": posted(operationName="other"),
    "several": posted(query="query a { viewer { id } } query b { viewer { username } }"),
    "one-of-several": posted(
        query="query a { viewer { id } } query b { viewer { username } }", operationName="b"
    ),
    "extensions-list": posted(extensions=[]),
    "persisted": posted(
        query=None, extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    ),
    "persisted-wrongly": posted(extensions={"persistedQuery": {"version": 1, "sha256Hash": "0"}}),
    "syntax": posted(query="{"),
    "unknown-field": posted(query="{ viewer { password } }"),
    "no-variable": posted(query="query($n: Int!) { notifications(first: $n) { totalCount } }"),
    "wrong-variable": posted(
        query="query($n: Int) { notifications(first: $n) { totalCount } }", variables={"n": "x"}
    ),
    "too-many": posted(query="{ notifications(first: 100000) { totalCount } }"),
    "none": posted(query="{ notifications(first: 0) { totalCount } }"),
    "bad-cursor": posted(query='{ notifications(after: "x") { totalCount } }'),
    "both-ends": posted(query="{ notifications(first: 1, last: 1) { totalCount } }"),
    "bad-type": posted(query='{ notifications(filter: {types: ["a b"]}) { totalCount } }'),
    "list": posted(query="{ notifications { nodes { id } pageInfo { endCursor } position } }"),
    "typename": posted(query="{ __typename }"),
    "introspection": posted(query="{ __schema { queryType { name } } }"),
    "mutation": posted(query="mutation { markAllRead { count } }"),
    "failing-mutation": posted(query='mutation { markRead(id: "x") { unreadCount } }'),
    "subscription": posted(query="subscription { notificationEvents { __typename } }"),
    "aliases": posted(query="{ a: viewer { id } b: viewer { id } c: __typename }"),
    "large": posted(variables={"a": "x" * 2_000_000}),
}

HEADERS: dict[str, dict[str, str]] = {
    "no-content-type": {"content-type": ""},
    "form": {"content-type": "application/x-www-form-urlencoded"},
    "multipart": {"content-type": "multipart/form-data; boundary=a"},
    "text": {"content-type": "text/plain"},
    "upper-case": {"content-type": "APPLICATION/JSON ; CHARSET=UTF-8"},
    "latin-1": {"content-type": "application/json; charset=latin-1"},
    "quoted": {"content-type": 'application/json; charset="utf-8"'},
    "no-charset": {"content-type": "application/json; charset=nonsense"},
    "graphql-json": {"accept": "application/graphql-response+json"},
    "accept-nothing": {"accept": ""},
    "accept-html": {"accept": "text/html"},
    "accept-weights": {"accept": "application/json;q=0, */*;q=0.1"},
    "accept-long": {"accept": "a/b, " * 300},
    "accept-stream": {"accept": "text/event-stream"},
    "lower-case-scheme": {"authorization": "bearer {token}"},
    "jwt-scheme": {"authorization": "JWT  {token}"},
    "no-scheme": {"authorization": "{token}"},
    "wrong-token": {"authorization": "Bearer a.b.c"},
    "cut-token": {"authorization": "Bearer {token}x"},
    "long-token": {"authorization": "Bearer " + "a" * 20_000},
    "strange-token": {"authorization": "Bearer \xe9\xff"},
    "length-negative": {"content-length": "-1"},
    "length-plus": {"content-length": "+5"},
    "length-beyond": {"content-length": "9" * 19},
    "length-zero": {"content-length": "0"},
    "override": {"x-http-method-override": "GET"},
    "origin": {"origin": "https://app.example.com"},
    "own-origin": {"origin": "http://testserver"},
    "other-origin": {"origin": "https://evil.example"},
    "null-origin": {"origin": "null"},
    "strange-origin": {"origin": "\xe9"},
    "host-port": {"host": "testserver:81"},
    "host-dot": {"host": "testserver."},
    "host-upper": {"host": "TESTSERVER"},
    "host-other": {"host": "evil.example"},
    "host-nonsense": {"host": "testserver/evil"},
    "forwarded": {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"},
    "language": {"accept-language": "de"},
    "if-match": {"if-none-match": "*"},
    "range": {"range": "bytes=0-1"},
    "encoding": {"accept-encoding": "gzip"},
}

SCOPES: dict[str, dict[str, Any]] = {
    "http-1.0": {"http_version": "1.0"},
    "http-2": {"http_version": "2"},
    "root-path": {"root_path": "/app", "path": "/app/graphql/"},
    "root-path-elsewhere": {"root_path": "/app", "path": "/graphql/"},
    "no-client": {"client": None},
    "query-string": {"query_string": b"query={__typename}&%ff"},
    "https": {"scheme": "https"},
    "no-slash": {"path": "/graphql"},
    "two-slashes": {"path": "//graphql/"},
    "percent": {"path": "/graphql/%2e"},
}


async def answer(
    application: Application, token: str, body: bytes, scope: dict[str, Any], fields: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []
    received: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    given = {
        "host": "testserver",
        "authorization": "Bearer {token}",
        "content-type": "application/json",
        "content-length": str(len(body)),
    } | fields
    headers = [
        (name.encode(), value.replace("{token}", token).encode("latin-1"))
        for name, value in given.items()
    ]

    async def receive() -> Message:
        if received:
            return received.pop()
        # The client stays.
        never: Message = await asyncio.get_running_loop().create_future()
        return never

    async def send(message: Message) -> None:
        sent.append(message)

    base: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql/",
        "root_path": "",
        "query_string": b"",
        "client": ("192.0.2.1", 5000),
        "server": ("127.0.0.1", 8000),
    }
    await application(base | scope | {"headers": headers}, receive, send)
    start, *parts = sent
    found = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    assert len(found) == len(start["headers"])
    return start["status"], found, b"".join(part.get("body", b"") for part in parts)


async def compare(
    user: User,
    body: bytes = VIEWER,
    scope: dict[str, Any] | None = None,
    fields: dict[str, str] | None = None,
) -> None:
    token = bearer(user).removeprefix("Bearer ")
    django: Any = get_asgi_application()
    with changed_settings(ALLOWED_ORIGINS=["https://app.example.com"], OPERATION_RATE="9999/s"):
        expected = await answer(django, token, body, scope or {}, fields or {})
        for _ in range(3):
            # First with a token that is not known.
            found = await answer(
                requests_with_token(django), token, body, scope or {}, fields or {}
            )
            assert found == expected


@pytest.mark.parametrize("name", BODIES)
async def test_bodies(alice: User, name: str) -> None:
    await compare(alice, BODIES[name])


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_for_clients_of_the_new_type(alice: User, name: str) -> None:
    await compare(alice, BODIES[name], fields={"accept": "application/graphql-response+json"})


@pytest.mark.parametrize("name", HEADERS)
async def test_headers(alice: User, name: str) -> None:
    await compare(alice, fields=HEADERS[name])


@pytest.mark.parametrize("size", [99, 100, 101])
async def test_the_limit_of_django(alice: User, settings: Any, size: int) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    for length in (str(size), ""):
        body = VIEWER + b" " * (size - len(VIEWER))
        await compare(alice, body, fields={"content-length": length})


@pytest.mark.parametrize("name", SCOPES)
async def test_scopes(alice: User, name: str) -> None:
    await compare(alice, scope=SCOPES[name])
