"""Revokes tokens before they expire."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from live_inbox.models import TokenRevocation


def revoke_tokens(*, user_id: str | int, now: datetime | None = None) -> datetime:
    """Revoke every token of this user that was issued before `now`, and return the moment in force.

    That moment never moves back. Every server closes the user's open sockets at its next session check. Most
    issuers write `iat` in whole seconds, so a token that one of them issues within the same second is revoked
    as well. Raises the user model's DoesNotExist for an unknown user.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        user = get_user_model()._default_manager.get(pk=user_id)
        revocation, created = TokenRevocation.objects.get_or_create(
            user=user, defaults={"not_before": moment}
        )
        if not created:
            earlier = TokenRevocation.objects.filter(user=user, not_before__lt=moment)
            earlier.update(not_before=moment)
            revocation.refresh_from_db()
    return revocation.not_before
