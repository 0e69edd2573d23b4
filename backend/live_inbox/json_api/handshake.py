"""What the JSON API reads of a handshake."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from live_inbox.conf import inbox_settings
from live_inbox.sockets.asgi import Scope
from live_inbox.sockets.handshakes import credential_headers

_MAX_QUERY_FIELDS = 100


def headers_of(scope: Scope) -> Sequence[tuple[bytes, bytes]]:
    """Return the headers that may say who is calling: no cookies, and few of a page of another origin.

    Pages of any origin may open a socket of this API.
    """
    headers = credential_headers(scope, inbox_settings().origins)
    return [header for header in headers if header[0] != b"cookie"]


def wants_warning(query_string: bytes) -> bool:
    """Whether the client asks to be warned before its token expires: by `expiry_warning=true`."""
    try:
        fields = parse_qsl(query_string.decode("latin-1"), max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        return False
    return ("expiry_warning", "true") in fields
