"""HTTP requests of this server to others. Each has one deadline, and no redirection is followed.

A socket's own timeout begins anew with each byte, and none ends name resolution. So a request is made in a daemon
thread. At the deadline, which includes name resolution, connecting, TLS and the body, its connection is shut down and
it is left alone.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from importlib import metadata
from ipaddress import ip_address
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

_DISTRIBUTION = "django-live-inbox"
_PART = 65_536


def _version() -> str:
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:  # the sources alone
        return "0"


USER_AGENT = f"{_DISTRIBUTION}/{_version()}"
"""Common content delivery networks refuse the name of Python's library."""


class RequestFailed(Exception):
    """Raised when there is no complete response within the deadline."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, or a POST if it has a body."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    max_bytes: int | None = None
    """The most that the body of a success may have. None: it is not read. Other bodies never are."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a server has answered, whatever the status is."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Their names are compared without regard to case."""
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300


def address_problem(url: str, *, over_http: bool) -> str | None:
    """Return what is wrong with an address that requests go to, to be read after its name; None if nothing is.

    Whoever is on the way reads and changes what goes over http, so the address is https; or http, to this machine or
    with `over_http`. Credentials within it would be in logs.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return "is not an http(s) address"
    if not re.fullmatch("[!-~]+", url):
        # A request with it would fail, and its error would show the address.
        return "has characters that an address cannot have"
    if "@" in parts.netloc:
        return "has a name and a password in it"
    if parts.scheme == "http" and not (over_http or _is_this_machine(host)):
        return "must be an https address in production"
    return None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class HttpClient:
    """Makes at most so many requests at a time, each in a thread of its own.

    Not of a shared pool: threads that wait for a server would be missing there.
    """

    def __init__(self, name: str, *, most_requests: int) -> None:
        self._name = name
        self._threads = threading.BoundedSemaphore(most_requests)

    def begin(
        self, request: Request, *, timeout_seconds: float, since: float | None = None
    ) -> PendingResponse:
        """Begin a request. It fails at once if too many are under way, such as earlier ones that still hang.

        `since` is when its time began to run, by `time.monotonic`: by default it does now.
        """
        pending = PendingResponse(request, timeout_seconds, since)
        if not self._threads.acquire(blocking=False):
            pending.fail("earlier requests still hang")
            return pending
        try:
            threading.Thread(
                target=self._run, args=(pending,), name=f"{self._name}-request", daemon=True
            ).start()
        except RuntimeError:  # the system has no thread left
            self._threads.release()
            pending.fail("no thread can be started")
        return pending

    def _run(self, pending: PendingResponse) -> None:
        try:
            pending.make()
        finally:
            self._threads.release()


class PendingResponse:
    """A request that is under way."""

    def __init__(self, request: Request, timeout_seconds: float, since: float | None) -> None:
        self._request = request
        self._timeout_seconds = timeout_seconds
        self._deadline = (time.monotonic() if since is None else since) + timeout_seconds
        self._opened: list[socket.socket] = []
        self._response: Future[Response] = Future()

    def result(self) -> Response:
        """Return the response. Blocks until the deadline at most, and then raises RequestFailed."""
        try:
            return self._response.result(max(self._deadline - time.monotonic(), 0.0))
        except TimeoutError:
            for connection in tuple(self._opened):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            raise self._too_late() from None

    def _too_late(self) -> RequestFailed:
        return RequestFailed(f"no answer within {self._timeout_seconds:.3g} s")

    def fail(self, reason: str) -> None:
        """Fail without having made the request."""
        self._response.set_exception(RequestFailed(reason))

    def make(self) -> None:
        """Make the request in this thread."""
        try:
            self._response.set_result(self._read())
        except RequestFailed as error:
            self._response.set_exception(error)
        except TimeoutError:
            # Of the socket, at the same moment as that of whoever waits.
            self._response.set_exception(self._too_late())
        except Exception as error:  # of the network, of TLS, of HTTP
            self._response.set_exception(RequestFailed(f"{type(error).__name__}: {error}"))
        finally:
            for connection in self._opened:
                connection.close()

    def _read(self) -> Response:
        given = self._request
        headers = {"User-Agent": USER_AGENT} | dict(given.headers)
        request = urllib.request.Request(given.url, data=given.body, headers=headers)  # noqa: S310  # the settings require https
        tracking = _Tracking(self._opened, self._deadline)
        opener = urllib.request.build_opener(
            _NoRedirects, _TrackedHTTPHandler(tracking), _TrackedHTTPSHandler(tracking)
        )
        try:
            opened = opener.open(request, timeout=self._timeout_seconds)
        except HTTPError as error:
            # A response as well: urllib raises those that are no success.
            opened = error
        with opened:
            response = Response(opened.status, opened.headers)
            if given.max_bytes is None or not response.is_success:
                return response
            return replace(response, body=self._body(opened, given.max_bytes))

    def _body(self, response: Any, max_bytes: int) -> bytes:
        body = bytearray()
        while part := response.read1(_PART):
            body += part
            if len(body) > max_bytes:
                raise RequestFailed(f"the answer has more than {max_bytes} bytes")
            if time.monotonic() > self._deadline:
                raise RequestFailed("the answer comes too slowly")
        return bytes(body)


@dataclass(frozen=True, slots=True)
class _Tracking:
    """The connections of a request, so that another thread can shut them down, and until when they may be used."""

    opened: list[socket.socket]
    deadline: float


class _Tracked(HTTPConnection):
    """A connection that can be shut down by another thread while a request waits."""

    tracking: _Tracking

    def connect(self) -> None:
        super().connect()
        # A second descriptor: TLS detaches the socket that is here now.
        self.tracking.opened.append(self.sock.dup())
        if time.monotonic() > self.tracking.deadline:
            # Nobody waits any more, and has shut down nothing. What is to be sent might arrive long after.
            raise TimeoutError("connected too late")


class _TrackedTLS(HTTPSConnection, _Tracked):
    """The same with TLS."""


def _connection(
    kind: type[_Tracked], tracking: _Tracking, host: str, **options: Any
) -> HTTPConnection:
    connection = kind(host, **options)
    connection.tracking = tracking
    return connection


class _TrackedHTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, tracking: _Tracking) -> None:
        super().__init__()
        self._tracking = tracking

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, _Tracked, self._tracking), req)


class _TrackedHTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, tracking: _Tracking) -> None:
        super().__init__()
        self._tracking = tracking

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(partial(_connection, _TrackedTLS, self._tracking), req, context=context)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for the answer."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPResponse | Any,
        newurl: str,
    ) -> None:
        """Return no other request."""
