"""Fetches a JWKS document (RFC 7517) and reads its keys.

The deadline of a request includes name resolution, connecting, TLS and the body.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from importlib import metadata
from ipaddress import ip_address
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import jwt

from live_inbox.identity.errors import InvalidIdentityConfig

_DISTRIBUTION = "django-live-inbox"


def _version() -> str:
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:  # the sources alone
        return "0"


MAX_BYTES = 1_000_000
MAX_KEYS = 100
_MOST_THREADS = 3
_PART = 65_536
_HEADERS = {
    # Common content delivery networks refuse the name of Python's library.
    "User-Agent": f"{_DISTRIBUTION}/{_version()}",
    "Accept": "application/jwk-set+json, application/json",
}

_threads = threading.BoundedSemaphore(_MOST_THREADS)


class IssuerUnreachable(Exception):
    """Raised when the issuer does not answer in time, or not with a JWKS document."""


def check_address(url: str, *, over_http: bool) -> None:
    """Raise InvalidIdentityConfig unless keys may be fetched from there.

    Whoever can change an answer on its way can sign tokens, so the address is https; or http, to this machine or with
    `over_http`.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise InvalidIdentityConfig("JWT_JWKS_URL is not an http(s) address.")
    if "@" in parts.netloc:
        raise InvalidIdentityConfig(
            "JWT_JWKS_URL has a name and a password in it: send them by JWT_JWKS_HEADERS."
        )
    if parts.scheme == "http" and not (over_http or _is_this_machine(host)):
        raise InvalidIdentityConfig("JWT_JWKS_URL must be an https address in production.")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class IssuerClient:
    """Fetches the document at one address. Follows no redirections: the keys come from where the settings say."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float
    ) -> None:
        self.place = url.partition("?")[0]
        """The address without its query string, for messages."""
        self._url = url
        self._headers = _HEADERS | dict(headers or {})
        self._timeout_seconds = timeout_seconds

    def fetch(self) -> Sequence[Mapping[str, Any]]:
        """Return the keys of the document, at most MAX_KEYS; raise IssuerUnreachable.

        Blocks for the timeout at most. A socket's own timeout begins anew with each byte, and none ends name
        resolution. So the request is made in a daemon thread. At the deadline its connection is shut down and it is
        left alone.
        """
        if not _threads.acquire(blocking=False):
            raise IssuerUnreachable("earlier requests to the issuer still hang")
        opened: list[socket.socket] = []
        answer: Future[bytes] = Future()
        # Not of a shared pool: threads that wait for an issuer would be missing there.
        threading.Thread(
            target=self._answer, args=(answer, opened), name="jwks-request", daemon=True
        ).start()
        try:
            body = answer.result(self._timeout_seconds)
        except TimeoutError:
            for connection in tuple(opened):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            raise IssuerUnreachable(
                f"the issuer did not answer within {self._timeout_seconds:.3g} s"
            ) from None
        return _keys_in(body)

    def _answer(self, answer: Future[bytes], opened: list[socket.socket]) -> None:
        try:
            answer.set_result(self._body(opened))
        except IssuerUnreachable as error:
            answer.set_exception(error)
        except HTTPError as error:
            error.close()
            answer.set_exception(IssuerUnreachable(f"HTTP status {error.code}"))
        except Exception as error:  # of the network, of TLS, of HTTP
            answer.set_exception(IssuerUnreachable(f"{type(error).__name__}: {error}"))
        finally:
            for connection in opened:
                connection.close()
            _threads.release()

    def _body(self, opened: list[socket.socket]) -> bytes:
        deadline = time.monotonic() + self._timeout_seconds
        request = urllib.request.Request(self._url, headers=self._headers)  # noqa: S310  # the settings require https
        opener = urllib.request.build_opener(
            _NoRedirects, _TrackedHTTPHandler(opened), _TrackedHTTPSHandler(opened)
        )
        body = bytearray()
        with opener.open(request, timeout=self._timeout_seconds) as response:
            while part := response.read1(_PART):
                body += part
                if len(body) > MAX_BYTES:
                    raise IssuerUnreachable(f"the document has more than {MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise IssuerUnreachable("the issuer answers too slowly")
        return bytes(body)


def _keys_in(body: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise IssuerUnreachable("the document is not JSON") from None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise IssuerUnreachable("the document has no list of keys")
    if len(keys) > MAX_KEYS:
        raise IssuerUnreachable(f"the document has more than {MAX_KEYS} keys")
    return [key for key in keys if isinstance(key, dict)]


def public_key(key: Mapping[str, Any], algorithms: Sequence[str]) -> jwt.PyJWK | None:
    """Return a key that verifies signatures by one of these algorithms; None for any other, and for what is no key.

    A key has one algorithm: the one in its `alg`. Without it, a key on a curve has that of the curve, and an RSA key
    the first of `algorithms` for RSA.
    """
    algorithm = key.get("alg")
    if algorithm is None and key.get("kty") == "RSA":
        algorithm = next((name for name in algorithms if name[:2] in ("RS", "PS")), None)
        if algorithm is None:
            return None
    operations = key.get("key_ops", ["verify"])
    is_for_signatures = isinstance(operations, list) and "verify" in operations
    if not is_for_signatures or key.get("use") not in (None, "sig"):
        return None
    try:
        parsed = jwt.PyJWK(dict(key), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return parsed if parsed.algorithm_name in algorithms else None


class _Tracked(HTTPConnection):
    """A connection that can be shut down by another thread while a request waits."""

    opened: list[socket.socket]

    def connect(self) -> None:
        super().connect()
        # A second descriptor: TLS detaches the socket that is here now.
        self.opened.append(self.sock.dup())


class _TrackedTLS(HTTPSConnection, _Tracked):
    """The same with TLS."""


def _connection(
    kind: type[_Tracked], opened: list[socket.socket], host: str, **options: Any
) -> HTTPConnection:
    connection = kind(host, **options)
    connection.opened = opened
    return connection


class _TrackedHTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, opened: list[socket.socket]) -> None:
        super().__init__()
        self._opened = opened

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, _Tracked, self._opened), req)


class _TrackedHTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, opened: list[socket.socket]) -> None:
        super().__init__()
        self._opened = opened

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(partial(_connection, _TrackedTLS, self._opened), req, context=context)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for a failure."""

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
