"""Who may send to whom: one function, replaceable by the setting SEND_POLICY."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from live_inbox.conf import inbox_settings
from live_inbox.errors import Forbidden
from live_inbox.identity.scopes import Right, allows, may_send_to_anyone, require

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser

SEND_SCOPE = Right.SEND_TO_ANYONE.value
"""The scope of a service token that may send to anybody."""

Policy = Callable[["AbstractUser", str, frozenset[str]], bool]
"""Takes the caller, the primary key of the recipient as text, and the scopes of the caller's token."""


def default_policy(caller: AbstractUser, recipient_id: str, scopes: frozenset[str]) -> bool:
    """Everybody may send to themselves; to others with the permission or with the scope."""
    if str(caller.pk) == recipient_id or may_send_to_anyone(scopes):
        return True
    return has_permission(caller, "live_inbox.send_notification")


def has_permission(user: object, permission: str) -> bool:
    """Whether a user has a permission. Django does not require permissions of a custom user model."""
    has_perm = getattr(user, "has_perm", None)
    return has_perm is not None and bool(has_perm(permission))


@lru_cache(maxsize=4)
def _policy(path: str) -> Policy:
    policy: Policy = import_string(path)
    return policy


def may_send(
    caller: AbstractUser, *, recipient_id: str, scopes: frozenset[str] = frozenset()
) -> bool:
    """Whether the scopes and the policy let this caller send to that user. May query the database."""
    return allows(scopes, Right.SEND) and _policy(inbox_settings().send_policy)(
        caller, recipient_id, scopes
    )


def check_may_send(
    caller: AbstractUser, *, recipient_id: str, scopes: frozenset[str] = frozenset()
) -> None:
    """Raise Forbidden unless the scopes and the policy let this caller send to that user. May query the database."""
    require(scopes, Right.SEND)
    if not may_send(caller, recipient_id=recipient_id, scopes=scopes):
        raise Forbidden("You may not send notifications to this user.")
