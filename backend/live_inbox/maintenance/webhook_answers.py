"""What the answer of a webhook's receiver means, by Standard Webhooks 1.0."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from live_inbox.http_client import RequestFailed, Response

LONGEST_WAIT_SECONDS = 86_400.0
"""The longest wait that a receiver can ask for by `Retry-After`."""

_GONE = 410
_BUSY = frozenset({429, 502, 503, 504})
_ERROR_LENGTH = 200

Outcome = Response | RequestFailed


def is_gone(outcome: Outcome) -> bool:
    """Whether the receiver says that it will never take this message."""
    return isinstance(outcome, Response) and outcome.status == _GONE


def is_busy(outcome: Outcome) -> bool:
    """Whether the receiver, or a proxy in front of it, has too much to do: it should get no other message either."""
    return isinstance(outcome, Response) and outcome.status in _BUSY


def error_of(outcome: Outcome) -> str | None:
    """Return why it is no success, as printable ASCII: it may have what the receiver has sent. None for a success."""
    if isinstance(outcome, RequestFailed):
        text = str(outcome).encode("ascii", "backslashreplace").decode()
        return "".join(filter(str.isprintable, text))[:_ERROR_LENGTH]
    return None if outcome.is_success else f"HTTP status {outcome.status}"


def asked_seconds(outcome: Outcome, moment: datetime) -> float:
    """Return the seconds from a moment on that the receiver asks to wait (RFC 9110, section 10.2.3); 0 if it does not.

    Raises nothing: what cannot be read counts as nothing.
    """
    if not isinstance(outcome, Response):
        return 0.0
    text = (outcome.headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - moment).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
