"""Requests to every address of the site, as its clients send them, and the parts to spoil them with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from random import Random

from tests.fuzzing.target import Target

CSRF = "a" * 64
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

GRAPHQL = json.dumps({"query": "query ($n: Int) { notifications(first: $n) { nodes { id } } }"})
BODIES: tuple[tuple[str, bytes], ...] = (
    (JSON, GRAPHQL.encode()),
    (JSON, b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]'),
    (JSON, b'{"query": "mutation { markAllAsRead { unreadCount } }", "variables": {}}'),
    ("application/graphql", b"{ __typename }"),
    (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--\r\n'),
    (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx'),
    (FORM, f"csrfmiddlewaretoken={CSRF}&username=%00&password=x&next=//example.org".encode()),
    (FORM, b"query=%7B__typename%7D&a[]=1&" + b"a=b&" * 2000),
)
GETS = (
    *("/", "/sign-in/?next=/", "/graphql/", "/graphql", "/graphql/?query=%7B__typename%7D"),
    *("/ws/notifications/", "/notification-inbox.js", "/notifications/preferences/"),
    *("/healthz", "/readyz", "/metrics", "/demo-token?user=alice", "/nowhere", "//", "/static/"),
    *("/static/live_inbox/pages/pages.css", "/static/admin/css/base.css", "/static/../manage.py"),
    *("/admin/", "/admin/login/?next=/admin/", "/admin/live_inbox/notification/?q=for&p=1"),
    *("/admin/live_inbox/inbox/", "/admin/auth/user/", "/admin/jsi18n/", "/admin/password_change/"),
)
POSTS = ("/graphql/", "/graphql", "/sign-in/", "/admin/login/", "/sign-out/", "/", "/healthz")
SOCKETS = ("/graphql/", "/ws/notifications/", "/ws/notifications/?token=x", "/nowhere")

METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI"),
    *("get", "G\x00T", "", "GET ", "M-SEARCH", "PROPFIND", "QUERY", "X" * 9000, "É", "DESCRIBE"),
)
TARGETS = (
    *(
        "*",
        "",
        "x",
        "/../..",
        "/%",
        "/%2",
        "/%zz",
        "/%00",
        "/%ff%fe",
        "/\x00",
        "/\xff",
        "/ /",
        "/#f",
    ),
    *("http://localhost/healthz", "http://other.example/healthz", "HTTP://[::1/", "localhost:80"),
    *("http://", "https://localhost:99999999/", "/?" + "a=b&" * 2000, "/" + "a" * 20_000, "/é"),
    *(
        "/healthz;x",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/%2e%2e/%2e%2e/manage.py",
        "/\\..\\..",
        "?",
    ),
)
VERSIONS = (
    *(
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/2.0",
        "HTTP/1.9",
        "HTTP/1.1 ",
        "HTTP/1.",
        "http/1.1",
        "",
        "HTTP/11",
    ),
    *("HTTP/1.1\r", "HTTP/ 1.1", "ICE/1.0", "RTSP/1.0"),
)
FIELDS: tuple[tuple[str, str], ...] = (
    *(("Host", value) for value in ("", "a", "localhost", "other.example", "[::1", "a b", "\x00")),
    *(
        ("Host", value)
        for value in ("localhost:x", "localhost:99999999", "@", "a,b", "É", "a" * 999)
    ),
    *(("Content-Length", value) for value in ("0", "5", "-1", "+5", "5, 5", "0x5", "5 5", "", "x")),
    *(("Content-Length", value) for value in ("9" * 18, "9" * 30, "1_0", "007", "5\x00", "٥")),
    *(
        ("Transfer-Encoding", value)
        for value in ("chunked", "identity", "gzip", "chunked, identity")
    ),
    *(("Transfer-Encoding", value) for value in ("xchunked", "chunked, chunked", "\tchunked", "")),
    *(
        ("Transfer-Encoding", value)
        for value in ("Chunked", "chunked;q=1", "gzip, chunked", "\x0bchunked")
    ),
    ("Transfer-Encoding ", "chunked"),
    ("Content-Length ", "5"),
    ("Transfer_Encoding", "chunked"),
    *(("Expect", value) for value in ("100-continue", "200-ok", "", "100-continue, 100-continue")),
    *(("Connection", value) for value in ("close", "keep-alive", "upgrade", "close, upgrade", ",")),
    *(
        ("Upgrade", value)
        for value in ("websocket", "h2c", "WebSocket, h2c", "", "\xff", "TLS/1.0")
    ),
    *(("Sec-WebSocket-Version", value) for value in ("13", "8", "99", "x", "13, 8", "")),
    *(("Sec-WebSocket-Key", value) for value in ("", "x", "A" * 24, "dGhlIHNhbXBsZSBub25jZQ==")),
    *(
        ("Sec-WebSocket-Protocol", value)
        for value in ("graphql-ws", ",", "x, x", "", "bearer.x", "\x7f")
    ),
    *(("Sec-WebSocket-Extensions", value) for value in ("permessage-deflate", ";", 'x;y="', ",,")),
    *(("Accept", value) for value in ("*/*", "text/html", "application/graphql-response+json")),
    *(("Accept", value) for value in ("", ";", "a/b;q=x", "*/*;q=", ",,,", "/", "text/html;q=nan")),
    *(("Accept", value) for value in ("a/b;" * 900, "*/*;q=1e999", '*/*;charset="', "\xff/\xff")),
    *(
        ("Accept-Encoding", value)
        for value in ("gzip", "br", "gzip;q=0", "", "*;q=0", ";", "gzip" * 99)
    ),
    *(
        ("Accept-Language", value)
        for value in ("de", "x" * 600, "de;q=9", ",", "zh-" * 200, "\x00")
    ),
    *(("Range", value) for value in ("bytes=0-1", "bytes=-1", "bytes=5-1", "bytes=-", "bytes=a-b")),
    *(
        ("Range", value)
        for value in ("bytes=0-0,2-3", "lines=1-2", "bytes=" + "0-1," * 900, "=", "bytes=--1")
    ),
    *(
        ("Range", value)
        for value in ("bytes=99999999999999999999-", "bytes=0-" + "9" * 5000, "bytes=٥-٦")
    ),
    *(("If-None-Match", value) for value in ("*", '"x"', 'W/"x"', ",", '"', '"a",' * 900)),
    *(("If-Match", value) for value in ("*", '"x"', "")),
    *(("If-Modified-Since", value) for value in ("x", "Sat, 01 Jan 2000 00:00:00 GMT", "0", "")),
    *(
        ("If-Modified-Since", value)
        for value in ("Sat, 99 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 99999 00:00:00 GMT")
    ),
    *(("If-Modified-Since", value) for value in ("Sat, 01 Jan 0000 00:00:00 GMT", "٥" * 30)),
    *(("If-Range", value) for value in ('"x"', "Sat, 01 Jan 2000 00:00:00 GMT", "x")),
    *(
        ("Cookie", value)
        for value in ("", "=", ";", "a", "sessionid=", 'sessionid="\\', "csrftoken=\xff")
    ),
    *(
        ("Cookie", value)
        for value in ("a=" + "\\" * 9000, "sessionid=" + "x" * 500, "messages=x:y:z")
    ),
    *(
        ("Cookie", value)
        for value in ('messages="[[\\"__json_message\\"]]"', "csrftoken=" + "a" * 64)
    ),
    *(
        ("Authorization", value)
        for value in ("", "Bearer", "Bearer ", "Basic x", "Bearer a.b.c", "\xff")
    ),
    *(
        ("Authorization", value)
        for value in ("Bearer x y", "bearer é", "Bearer " + "a" * 9000, "Bearer ..")
    ),
    *(
        ("Content-Type", value)
        for value in ("", JSON, "application/json; charset=utf-16", "/", ";")
    ),
    *(
        ("Content-Type", value)
        for value in ("multipart/form-data", "multipart/form-data; boundary=")
    ),
    *(
        ("Content-Type", value)
        for value in ("multipart/form-data; boundary=é", 'multipart/form-data; boundary="')
    ),
    *(
        ("Content-Type", value)
        for value in (MULTIPART, FORM, FORM + "; charset=x", FORM + "; charset=utf-7")
    ),
    *(
        ("Content-Type", value)
        for value in ("application/json; charset=" + "x" * 999, "a/b;" * 900, "\xff")
    ),
    *(("Content-Encoding", value) for value in ("gzip", "deflate", "x")),
    *(
        ("Origin", value)
        for value in ("", "null", "http://", "http://[", "http://other.example", "x" * 999)
    ),
    *(("Referer", value) for value in ("", "http://[::1", "https://localhost/", "//\x00")),
    *(
        ("X-Forwarded-For", value)
        for value in ("1.2.3.4", "x", ",", "::1%x", "1.2.3.4:5", "9" * 999)
    ),
    *(("X-Forwarded-Proto", value) for value in ("https", "https,http", "")),
    *(("X-Forwarded-Host", value) for value in ("other.example",)),
    *(("X-CSRFToken", value) for value in ("", "a" * 64, "\xff", "a" * 9000)),
    *(("Access-Control-Request-Method", value) for value in ("POST", "", "x y")),
    *(
        (name, "x")
        for name in ("", " ", "a b", "\x00", "é", "a" * 20_000, "(", "Host:", "\tX", "__proto__")
    ),
    *(
        ("X", value)
        for value in ("\x00", "\x01", "\x7f", "\r", "\n", "a\rb", "\xff" * 9, "v" * 17_000)
    ),
    *(
        ("X", value)
        for value in ("a\r\n folded", "a\r\n\tfolded", "a\nY: b", "a\r\n\r\nGET /healthz HTTP/1.1")
    ),
)
ENDS = ("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r", "")
SIZES: tuple[str, ...] = (
    "0",
    "00",
    "5",
    "-1",
    "+5",
    "0x5",
    "5_0",
    " 5",
    "5 ",
    "ffffffffffffffff",
    "f" * 17,
    "",
    "x",
    "5;a=b",
)
SIZES += ('5;a="', "5;" + "a" * 9000, "5\r", "5;a\n", "1" * 30, "5;a=\r", "5\x00", "A", "0;" * 900)
TRAILERS = (
    "",
    "",
    "X: y\r\n",
    "Content-Length: 5\r\n",
    "Host: x\r\n",
    "x\r\n",
    ": y\r\n",
    "X: y",
    "X: y\n",
)


@dataclass(frozen=True)
class Request:
    """One request, in parts that can be spoilt one by one. Text is Latin-1, as it is on the wire."""

    method: str
    target: str
    version: str = "HTTP/1.1"
    fields: tuple[tuple[str, str], ...] = (("Host", "localhost"),)
    body: bytes = b""
    ends: tuple[str, str, str, str] = field(default=("\r\n", ": ", "\r\n", "\r\n"))
    """After the request line, after the names, after the values, and after the header."""

    def __bytes__(self) -> bytes:
        line, name, value, last = self.ends
        lines = "".join(f"{key}{name}{each}{value}" for key, each in self.fields)
        text = f"{self.method} {self.target} {self.version}{line}{lines}{last}"
        return (
            text.encode("utf-8" if any(ord(each) > 255 for each in text) else "latin-1") + self.body
        )

    def with_fields(self, *added: tuple[str, str]) -> Request:
        """Return it with more fields in the header."""
        return replace(self, fields=(*self.fields, *added))


PROBE = bytes(Request("GET", "/healthz").with_fields(("Connection", "close")))
"""After it, the server ends the connection, unless it has taken it for something else."""


def right_request(random: Random, target: Target) -> Request:
    """Return a request as clients send it."""
    kind = random.random()
    if kind < 0.1:
        return _handshake(random, target)
    if kind < 0.55:
        request = Request(random.choice(("GET", "GET", "GET", "HEAD")), random.choice(GETS))
    else:
        request = _posted(random)
    if random.random() < 0.5:
        request = request.with_fields(("Cookie", f"csrftoken={CSRF}; sessionid={target.session}"))
    if random.random() < 0.3:
        request = request.with_fields(("Authorization", f"Bearer {target.token}"))
    if random.random() < 0.3:
        request = request.with_fields(
            ("Accept", "text/html,*/*;q=0.8"), ("Accept-Encoding", "gzip, br")
        )
    return request


def _posted(random: Random) -> Request:
    kind, body = random.choice(BODIES)
    request = Request("POST", random.choice(POSTS)).with_fields(("Content-Type", kind))
    if random.random() < 0.5:
        return replace(request.with_fields(("Content-Length", str(len(body)))), body=body)
    return replace(
        request.with_fields(("Transfer-Encoding", "chunked")), body=chunked(random, body)
    )


def _handshake(random: Random, target: Target) -> Request:
    fields = [
        ("Host", "localhost"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "graphql-transport-ws"),
    ]
    for _ in range(random.choice((0, 0, 1, 2))):
        fields.pop(random.randrange(len(fields)))
    address = random.choice((*SOCKETS, f"/ws/notifications/?token={target.token}"))
    return Request("GET", address, fields=tuple(fields))


def chunked(random: Random, body: bytes) -> bytes:
    """Return a body in chunks."""
    chunks = []
    while body:
        size = random.randrange(1, len(body) + 1)
        chunks.append(b"%x\r\n%b\r\n" % (size, body[:size]))
        body = body[size:]
    return b"".join(chunks) + b"0\r\n\r\n"


def spoilt(random: Random, request: Request) -> Request:
    """Return a request with one part replaced or added."""
    match random.randrange(12):
        case 0:
            return replace(request, method=random.choice(METHODS))
        case 1:
            return replace(request, target=random.choice(TARGETS))
        case 2:
            return replace(request, version=random.choice(VERSIONS))
        case 3:
            ends = list(request.ends)
            ends[random.randrange(4)] = random.choice((*ENDS, ":", " : ", ":\t"))
            return replace(request, ends=(ends[0], ends[1], ends[2], ends[3]))
        case 4:
            fields = list(request.fields)
            random.shuffle(fields)
            return replace(request, fields=tuple(fields[: random.randrange(len(fields) + 1)]))
        case 5:
            name, value = random.choice(FIELDS)
            return request.with_fields(*[(name, value)] * random.choice((2, 2, 5, 200)))
        case 6:
            return replace(request, body=_spoilt_chunks(random))
        case 7:
            return replace(request, body=request.body[: random.randrange(len(request.body) + 1)])
        case _:
            given = random.choice(FIELDS)
            kept = tuple(each for each in request.fields if each[0] != given[0])
            return replace(request, fields=random.choice((kept, request.fields))).with_fields(given)


def _spoilt_chunks(random: Random) -> bytes:
    size, end = random.choice(SIZES), random.choice(ENDS)
    text = f"3\r\nabc\r\n{size}{end}hello{random.choice(ENDS)}0\r\n{random.choice(TRAILERS)}\r\n"
    return text.encode("latin-1")


def spoilt_bytes(random: Random, sent: bytes) -> bytes:
    """Return bytes of which some are removed, doubled, replaced or added."""
    at = random.randrange(len(sent) + 1)
    end = min(len(sent), at + random.choice((1, 1, 2, 8, 100)))
    match random.randrange(4):
        case 0:
            return sent[:at] + sent[end:]
        case 1:
            return sent[:end] + sent[at:end] * random.choice((1, 2, 50)) + sent[end:]
        case 2:
            return sent[:at] + random.randbytes(end - at) + sent[end:]
        case _:
            added = random.choice(
                (b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"\xff", b"\r\n\r\n")
            )
            return sent[:at] + added + sent[at:]
