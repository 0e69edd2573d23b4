"""The demo users of a developer's machine, whom the pages show without a sign-in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from live_inbox.identity.issuing import issue_token
from live_inbox.identity.scopes import Right
from live_inbox_site.environment import site_settings

USERNAMES = ("alice", "bob")
LONGEST_SECONDS = 3600


def demo_users() -> list[Any]:
    """Return the demo users that exist; none outside of development, whatever users are called.

    None either where only the file `.env` says that this is development: `make run` says so to its server as well.
    """
    settings = site_settings()
    if not settings.is_development or settings.is_development_by_file:
        return []
    users = get_user_model()._default_manager.filter(username__in=USERNAMES, is_active=True)
    return sorted(users, key=lambda user: user.get_username())


def demo_token(username: str, seconds: int) -> str | None:
    """Return a token of a demo user that may send to all users; None for other users. `seconds` is its lifetime."""
    for user in demo_users():
        if user.get_username() == username:
            scopes = [Right.READ, Right.WRITE, Right.SEND_TO_ANYONE]
            return issue_token(user, ttl_seconds=seconds, scopes=scopes)
    return None
