"""What a client sends is read in time that grows with its length, and not with the square of its length.

Everything is tried with texts of two lengths, one eight times the other. Linear work takes about eight times as long,
quadratic work sixty-four times. Both sides of the comparison are processor time of this process, and the limit is far
from both, so a busy machine does not decide.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from http import cookies
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http.cookie import parse_cookie

from live_inbox.internals.cookie_unquoting import replace_quadratic_unquoting, unquote
from live_inbox.internals.uvicorn_requests import MAX_HEADER_BYTES
from live_inbox.log_redaction import LONGEST_MESSAGE, RedactTokens
from live_inbox.origins import AllowedOrigins
from live_inbox.sockets.handshakes import page_of
from tests.test_log_redaction import record

pytestmark = pytest.mark.stack("embedded")

FACTOR = 8
LIMIT = 24.0
UNMEASURABLE = 0.002
"""Seconds. What takes no longer for the long text is fast enough, whatever the ratio."""

PACKAGES = ("live_inbox", "live_inbox_graphql", "live_inbox_site")

FROM_THE_SOURCE = {"live_inbox_site.configuration_page"}
"""Modules whose patterns see the text of this project alone, and no client's."""


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of the fastest of three runs."""
    runs = []
    for _ in range(3):
        began = time.process_time()
        work()
        runs.append(time.process_time() - began)
    return min(runs)


def grows_linearly(work: Callable[[int], Callable[[], object]], short: int) -> bool:
    """Whether the work for a text of FACTOR times the length takes less than LIMIT times as long."""
    long = seconds(work(short * FACTOR))
    return long < UNMEASURABLE or long < LIMIT * seconds(work(short))


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield all patterns of this project with their names."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if module.name in FROM_THE_SOURCE or "pytest_plugin" in module.name:
                continue
            found = vars(importlib.import_module(module.name)).items()
            yield from (
                (f"{module.name}.{key}", value)
                for key, value in found
                if isinstance(value, re.Pattern)
            )


def pieces(pattern: re.Pattern[Any]) -> set[str]:
    """Return what a hostile text repeats: characters of every class, and the literals of the pattern."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    literals = set(re.findall(r"[A-Za-z0-9=:;,./&-]{1,12}", text))
    pairs = {first + second for first in "a0=.\"'\\" for second in "a0=.\"'\\"}
    return literals | pairs | set("aA0 _-=.:/&?\t\n\"'\\")


def test_every_pattern_is_linear() -> None:
    tried = dict(patterns())
    assert {"live_inbox.redaction._ASSIGNED", "live_inbox.delivery.position._POSITION"} <= set(
        tried
    )
    for name, pattern in tried.items():
        for piece in pieces(pattern):
            for end in ("", "\0"):

                def work(length: int) -> Callable[[], object]:
                    text = piece * (length // len(piece)) + end  # noqa: B023  # called in this turn
                    subject = text.encode() if isinstance(pattern.pattern, bytes) else text  # noqa: B023
                    return lambda: pattern.search(subject)  # noqa: B023

                assert grows_linearly(work, 1000), f"{name} is not linear for {piece!r} and {end!r}"


def test_the_measure_finds_a_quadratic_pattern() -> None:
    quadratic = re.compile(r"\w*token=")
    assert not grows_linearly(lambda length: lambda: quadratic.search("a" * length), 1000)


@pytest.mark.parametrize("piece", ["a", "token=", "token='", "x&token", "_token="])
def test_the_redaction_of_logs(piece: str) -> None:
    def work(length: int) -> Callable[[], object]:
        line = "/?token=x&" + piece * (length // len(piece))
        return lambda: RedactTokens().filter(record("GET %s", line))

    assert grows_linearly(work, LONGEST_MESSAGE // FACTOR)


HEADERS: dict[str, tuple[str, str, str]] = {
    "cookies": ("cookie", "a=b;", ""),
    "cookie of octal escapes": ("cookie", "\\101", '"'),
    "cookie of escapes": ("cookie", '\\"', '"'),
    "cookie of backslashes": ("cookie", "\\", '"'),
    "session": ("cookie", "sessionid=a", ""),
    "types of content": ("accept", "a/b,", ""),
    "parameters": ("accept", ";a=b", ""),
    "quotes": ("content-type", ';a="\\"', ""),
    "boundary": ("content-type", "multipart/form-data; boundary=", ""),
    "host": ("host", "a.", ""),
    "port": ("host", "1:", ""),
    "address": ("host", "[:", ""),
    "origin": ("origin", "http://a.", ""),
    "referer": ("referer", "https://a/", ""),
    "language": ("accept-language", "a-a,", ""),
    "tokens": ("authorization", "Bearer ", ""),
    "token": ("authorization", "a.", ""),
    "tags": ("if-none-match", '"a",', ""),
    "ranges": ("range", "bytes=1-2,", ""),
    "addresses": ("x-forwarded-for", "1.2.3.4,", ""),
}


@pytest.mark.parametrize("case", HEADERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_header_of_a_request(case: str, method: str) -> None:
    replace_quadratic_unquoting()
    name, piece, quote = HEADERS[case]

    def work(length: int) -> Callable[[], object]:
        start = f"a={quote}" if name == "cookie" else ""
        value = start + piece * ((length - len(start)) // len(piece)) + quote
        return lambda: asyncio.run(respond(method, {name: value}))

    assert grows_linearly(work, MAX_HEADER_BYTES // FACTOR)


async def respond(method: str, headers: dict[str, str]) -> int:
    """Let Django answer a request for GraphQL; return the status."""
    given = {"host": "localhost", "content-type": "application/json"} | headers
    scope = {
        "type": "http",
        "method": method,
        "path": "/graphql/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    body = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return body.pop() if body else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await ASGIHandler()(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize("piece", ["a", "a.", "http://", "[", ":", "@", "//", "1:"])
def test_the_origin_of_a_socket(piece: str) -> None:
    allowed = AllowedOrigins.parse(["https://app.example.com", "https://*.example.org"])

    def work(length: int) -> Callable[[], object]:
        origin = ("https://" + piece * (length // len(piece))).encode()
        return lambda: page_of({"headers": [(b"origin", origin), (b"host", origin)]}, allowed)

    assert grows_linearly(work, 1000)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('"a\\"b"', 'a"b'),
        ('"\\054\\073"', ",;"),
        ('"\\"', "\\"),
        ('"', '"'),
        ('""', ""),
        ("plain", "plain"),
        ("a\\054", "a\\054"),
        ('"\\400"', "400"),
        ('"\\101\\\\"', "A\\"),
        (None, None),
    ],
)
def test_cookies_have_the_values_that_python_gives_them(sent: str | None, read: str | None) -> None:
    assert unquote(sent) == read
    assert cookies._unquote(sent) == read


def test_the_site_reads_cookies_in_linear_time() -> None:
    importlib.import_module("live_inbox_site.asgi")

    def work(length: int) -> Callable[[], object]:
        cookie = 'a="' + "\\1" * (length // 2) + '"'
        return lambda: parse_cookie(cookie)

    assert grows_linearly(work, MAX_HEADER_BYTES // FACTOR)
