"""Fetches a JWKS document (RFC 7517) and reads its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from live_inbox.http_client import HttpClient, Request, RequestFailed, address_problem
from live_inbox.identity.errors import InvalidIdentityConfig

MAX_BYTES = 1_000_000
MAX_KEYS = 100
_HEADERS = {"Accept": "application/jwk-set+json, application/json"}

_client = HttpClient("jwks", most_requests=3)


class IssuerUnreachable(Exception):
    """Raised when the issuer does not answer in time, or not with a JWKS document."""


def check_address(url: str, *, over_http: bool) -> None:
    """Raise InvalidIdentityConfig unless keys may be fetched from there: whoever can change an answer on its way can
    sign tokens.
    """
    problem = address_problem(url, over_http=over_http)
    if problem is not None:
        advice = ": send them by JWT_JWKS_HEADERS" if "password" in problem else ""
        raise InvalidIdentityConfig(f"JWT_JWKS_URL {problem}{advice}.")


class IssuerClient:
    """Fetches the document at one address. Follows no redirections: the keys come from where the settings say."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float
    ) -> None:
        self.place = url.partition("?")[0]
        """The address without its query string, for messages."""
        self._request = Request(url, _HEADERS | dict(headers or {}), max_bytes=MAX_BYTES)
        self._timeout_seconds = timeout_seconds

    def fetch(self) -> Sequence[Mapping[str, Any]]:
        """Return the keys of the document, at most MAX_KEYS; raise IssuerUnreachable.

        Blocks for the timeout at most.
        """
        try:
            pending = _client.begin(self._request, timeout_seconds=self._timeout_seconds)
            response = pending.result()
        except RequestFailed as error:
            raise IssuerUnreachable(str(error)) from None
        if not response.is_success:
            raise IssuerUnreachable(f"HTTP status {response.status}")
        return _keys_in(response.body)


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
