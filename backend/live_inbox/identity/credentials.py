"""Extracts the token from headers, query strings and `connection_init` payloads.

Pure functions: bytes or parsed JSON in, the token or None out. None means that no usable value was given.
The value is returned unchanged; the verifier checks its form and length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

# `Token` is that of Django REST framework.
_SCHEMES = frozenset({"bearer", "jwt", "token"})
_AUTHORIZATION = b"authorization"
_LENGTH = len(_AUTHORIZATION)
_PAYLOAD_KEYS = ("Authorization", "authorization", "token", "authToken")
_MAX_QUERY_FIELDS = 100


def token_from_headers(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the token of the first usable `Authorization` header of an ASGI scope."""
    for name, value in headers:
        # The length first: it leaves hardly anything to be compared.
        if len(name) == _LENGTH and name.lower() == _AUTHORIZATION:
            token = _token(value.decode("latin-1"))
            if token:
                return token
    return None


def token_from_query(query_string: bytes) -> str | None:
    """Return the first non-empty `token` of a query string."""
    try:
        fields = parse_qsl(query_string.decode("latin-1"), max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        return None
    tokens = (_token(value) for name, value in fields if name == "token")
    return next((token for token in tokens if token), None)


def token_from_subprotocols(offered: Iterable[str]) -> str | None:
    """Return the token of the first subprotocol `bearer.<token>`: the only header that browsers let pages set."""
    names = (name.partition(".") for name in offered)
    return next((rest for scheme, _, rest in names if scheme == "bearer" and rest), None)


def ticket_from_query(query_string: bytes) -> str | None:
    """Return the first non-empty `ticket` of a query string."""
    try:
        fields = parse_qsl(query_string.decode("latin-1"), max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        return None
    return next((value for name, value in fields if name == "ticket"), None)


def token_from_payload(payload: object) -> str | None:
    """Return the token in a `connection_init` payload, at its top or in its `headers`."""
    if not isinstance(payload, Mapping):
        return None
    return _token_in(payload) or _token_in(payload.get("headers"))


def _token_in(values: object) -> str | None:
    if not isinstance(values, Mapping):
        return None
    tokens = (_token(values.get(key)) for key in _PAYLOAD_KEYS)
    return next((token for token in tokens if token), None)


def _token(value: object) -> str | None:
    """Return what follows the scheme; a single word is a token without one."""
    words = value.split(maxsplit=2) if isinstance(value, str) else []
    if len(words) == 2 and words[0].lower() in _SCHEMES:
        return words[1]
    if len(words) == 1 and words[0].lower() not in _SCHEMES:
        return words[0]
    return None
