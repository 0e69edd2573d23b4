"""What a token may do: its scopes, and the rights that they give.

| scope | right |
|---|---|
| `notifications:read` | read the inbox, and follow it |
| `notifications:write` | mark and delete notifications, change preferences, and read: answers show what was marked |
| `notifications:send` | send to those whom the user may send to |
| `notifications:send-to-anyone` | send to anybody, for services |
| `notifications:admin` | all of these |

A token with scopes of ours has the rights of these alone. One without any has those of its user: tokens of the
original clients have no scopes, and sessions have none. What looks like a scope of ours and is none, such as
`Notifications:read` or `api://notifications:read`, gives no right, and takes those of the user away.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from live_inbox.errors import Forbidden

PREFIX = "notifications:"


class Right(StrEnum):
    """A right, by the name of the scope that gives it."""

    READ = "notifications:read"
    WRITE = "notifications:write"
    SEND = "notifications:send"
    SEND_TO_ANYONE = "notifications:send-to-anyone"


ADMIN_SCOPE = "notifications:admin"

_IMPLIED = {Right.SEND: (Right.SEND_TO_ANYONE,), Right.READ: (Right.WRITE,)}
"""The rights that include another one."""


def is_limited(scopes: Collection[str]) -> bool:
    """Whether a token has scopes of ours, or what looks like them, and so the rights of these alone."""
    return any(PREFIX in scope.lower() for scope in scopes)


def is_known(scope: str) -> bool:
    """Whether a scope gives a right."""
    return scope == ADMIN_SCOPE or scope in tuple(Right)


def allows(scopes: Collection[str], right: Right) -> bool:
    """Whether a token with these scopes has a right that every user has: to read, to write or to send."""
    return not is_limited(scopes) or _has(scopes, right)


def may_send_to_anyone(scopes: Collection[str]) -> bool:
    """Whether the scopes themselves allow to send to anybody, whatever the user may do."""
    return _has(scopes, Right.SEND_TO_ANYONE)


def require(scopes: Collection[str], right: Right) -> None:
    """Raise Forbidden unless a token with these scopes has the right."""
    if not allows(scopes, right):
        raise Forbidden(f"The token lacks the scope {right.value}.")


def _has(scopes: Collection[str], right: Right) -> bool:
    return ADMIN_SCOPE in scopes or any(
        each in scopes for each in (right, *_IMPLIED.get(right, ()))
    )
