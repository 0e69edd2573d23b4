"""Query strings and paths: of every page, and of the handshakes of both sockets."""

from __future__ import annotations

from random import Random
from typing import ClassVar
from urllib.parse import quote

from tests.fuzzing.door import Door
from tests.fuzzing.http_answers import check_served
from tests.fuzzing.http_connection import Connection
from tests.fuzzing.http_requests import CSRF, Request
from tests.fuzzing.soundness import WAIT_SECONDS, mute
from tests.fuzzing.target import Target

MODELS = ("notification", "notificationpreference", "inbox", "inboxevent", "bulksend")
# Not the groups, whose page is Django's own: it fails for an empty `_to_field` and for keys out of range.
LISTS = (
    *(f"/admin/live_inbox/{model}/" for model in MODELS),
    "/admin/auth/user/",
)
PAGES = (
    *("/", "/sign-in/", "/sign-out/", "/demo-token", "/healthz", "/readyz", "/metrics", "/admin/"),
    *("/admin/login/", "/admin/jsi18n/", "/admin/autocomplete/", "/admin/password_change/"),
    *(
        "/notification-inbox.js",
        "/notifications/preferences/",
        "/static/live_inbox/pages/pages.css",
    ),
    *("/admin/live_inbox/notification/send/", "/admin/r/1/1/", "/admin/live_inbox/"),
)
SOCKETS = ("/ws/notifications/", "/graphql/", "/ws/notifications", "/graphql")

GRAPHQL_NAMES = ("query", "variables", "operationName", "extensions", "query", "id", "documentId")
SOCKET_NAMES = ("token", "ticket", "expiry_warning", "first", "after", "access_token", "jwt")
ADMIN_NAMES = (
    *("q", "p", "o", "all", "_popup", "_to_field", "_changelist_filters", "e", "_facets", "user"),
    *("type", "type__exact", "type__in", "type__isnull", "read", "is_read", "state", "content"),
    *("recipient", "recipient__username", "recipient__password", "recipient__id__exact", "id__in"),
    *(
        "enabled__exact",
        "kind__exact",
        "user__password__startswith",
        "is_staff__exact",
        "groups__id",
    ),
    *(
        "sender__isnull",
        "created_at__gte",
        "created_at__year",
        "data__a__b",
        "pk",
        "id__exact",
        "next",
    ),
    *(
        "app_label",
        "model_name",
        "field_name",
        "term",
        "page",
        "_source_model",
        "inbox__user",
        "key",
    ),
)
VALUES = (
    *(
        "",
        "1",
        "0",
        "-1",
        "x",
        "true",
        "9" * 12,
        "9" * 30,
        "9" * 5000,
        "1.5",
        "1e999",
        "NaN",
        "-0",
        "٣",
    ),
    *(
        "\x00",
        "a\x00b",
        "é",
        "\ud800",
        "\ufffe",
        "'",
        '"',
        "%",
        "%%s",
        "{}",
        "[]",
        "null",
        "{",
        "[" * 200,
    ),
    *(
        "1,2,x",
        "1,,",
        "," * 900,
        "2026-01-31",
        "9999-99-99",
        "0000-00-00",
        "00:00",
        "-1.2.-3",
        "1.1.1",
    ),
    *(
        "a" * 3000,
        " ",
        "\r\n",
        "\t",
        "*",
        "//other.example",
        "javascript:x",
        "/admin/",
        "../..",
        "a.b.c",
    ),
    *(
        "eyJhbGciOiJub25lIn0.e30.",
        '{"a": 1}',
        "{ __typename }",
        "{ viewer { username } }",
        "mutation {x}",
    ),
    *(
        "subscription { notificationEvents { __typename } }",
        "x = 1&y",
        "?",
        "#",
        "(a)",
        "\\",
        "_",
        "__",
    ),
)
RAW = (
    *(
        "%",
        "%2",
        "%zz",
        "%00",
        "%ff%fe",
        "%c0%80",
        "%ed%a0%80",
        "%F0%9F%98%80",
        "%u1234",
        "+",
        "&&&",
    ),
    *(
        "=",
        "a",
        "a=b=c",
        ";a=b",
        "%26",
        "%3d",
        "&" * 900,
        "a=b&" * 1100,
        "a[]=1&a[x]=2",
        "%" * 500,
        "?",
    ),
)

CLOSE_FRAME = b"\x88\x80\x00\x00\x00\x00"


class QueriesDoor(Door):
    """Each attempt is one request for a page, or one handshake, that changes nothing."""

    name: ClassVar[str] = "queries"
    writes: ClassVar[bool] = False

    def attempt(self, random: Random) -> int:
        """Ask for one address."""
        is_socket = random.random() < 0.25
        path, names = _address(random, is_socket=is_socket)
        if random.random() < 0.1:
            path = _spoilt(random, path)
        query = _query(random, names, self.target)
        request = Request("GET", f"{path}?{query}" if query else path)
        request = _handshake(request) if is_socket else _browser(random, request, self.target)
        self.sent = bytes(request)
        connection = Connection(self.target.port, [bytes(request)], half_close=False)
        try:
            connection.wait_header(WAIT_SECONDS)
            if connection.received.startswith(b"HTTP/1.1 101 "):
                connection.send(CLOSE_FRAME)
            if not connection.wait_end(WAIT_SECONDS):
                raise mute(connection.sent)
            check_served(bytes(connection.received), connection.sent)
        finally:
            connection.close()
        return 1


def _address(random: Random, *, is_socket: bool) -> tuple[str, tuple[str, ...]]:
    """Return a path, and names of parameters that it knows."""
    if is_socket:
        return random.choice(SOCKETS), SOCKET_NAMES
    draw = random.random()
    if draw < 0.2:
        return "/graphql/", GRAPHQL_NAMES
    if draw < 0.6:
        return random.choice(LISTS), ADMIN_NAMES
    if draw < 0.8:
        key = quote(random.choice(VALUES)[:200].encode(errors="surrogatepass"), safe="")
        ends = ("change/", "history/", "delete/", "", "password/", "x/")
        return f"{random.choice(LISTS)}{key}/{random.choice(ends)}", ADMIN_NAMES
    return random.choice(PAGES), ADMIN_NAMES + SOCKET_NAMES


def _query(random: Random, names: tuple[str, ...], target: Target) -> str:
    values = (*VALUES, target.token, str(target.user_id))
    parts = []
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        draw = random.random()
        if draw < 0.1:
            parts.append(random.choice(RAW))
            continue
        value = quote(random.choice(values).encode(errors="surrogatepass"), safe="")
        name = random.choice(names)
        if draw < 0.2:
            name = f"{name}__{random.choice(names)}"
        parts += [f"{name}={value}"] * random.choice((1, 1, 1, 1, 2, 30))
    return "&".join(parts)


def _spoilt(random: Random, path: str) -> str:
    at = random.randrange(len(path) + 1)
    added = random.choice(
        (*RAW[:9], "/", "//", ".", "..", "%2f", "%2e%2e/", ";", "a" * 300, "\\", ":")
    )
    return random.choice((path[:at] + added + path[at:], path[:at], path + path, path.upper()))


def _browser(random: Random, request: Request, target: Target) -> Request:
    request = request.with_fields(("Connection", "close"))
    if random.random() < 0.8:
        request = request.with_fields(("Cookie", f"csrftoken={CSRF}; sessionid={target.session}"))
    accept = random.choice(("text/html,*/*;q=0.8", "application/json", "*/*"))
    return request.with_fields(("Accept", accept))


def _handshake(request: Request) -> Request:
    return request.with_fields(
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "graphql-transport-ws"),
    )
