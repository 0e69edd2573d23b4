"""Revokes tokens before they expire."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.models import TokenRevocation


@database.transactional
def revoke_tokens(*, user_id: str | int, now: datetime | None = None) -> datetime:
    """Revoke every token of this user that was issued before `now`, by default the database's time; return the moment
    in force.

    That moment never moves back. Every server closes the user's open sockets at its next check of them, after
    SESSION_CHECK_SECONDS at most; `account_signals.announce` brings that forward. Most issuers write `iat` in whole
    seconds, so a token that one of them issues within the same second is revoked as well. Raises the user model's
    DoesNotExist for an unknown user.
    """
    moment = now or database.now()
    user = database.queryset(get_user_model()).get(pk=user_id)
    revocations = database.queryset(TokenRevocation)
    revocations.bulk_create([TokenRevocation(user=user, not_before=moment)], ignore_conflicts=True)
    revocations.filter(user=user, not_before__lt=moment).update(not_before=moment)
    return revocations.get(user=user).not_before
