"""Revokes tokens and sessions before they expire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.models import TokenRevocation

MAX_TOKEN_IDS = 1_000
"""Single tokens of a user that are revoked and have not expired."""
MAX_TOKEN_ID_LENGTH = 255
_TICKET = "ticket:"
"""Stands before the ids of used tickets, which are kept beside those of tokens."""


class TooManyRevokedTokens(ValueError):
    """Raised when a user has MAX_TOKEN_IDS revoked tokens that have not expired: revoke all tokens of the user."""


@database.transactional
def revoke_tokens(*, user_id: str | int, now: datetime | None = None) -> datetime:
    """Revoke every token of this user that was issued, and every session that began, before `now`, by default the
    database's time; return the moment in force.

    That moment never moves back. Every server closes the user's open sockets at its next check of them, after
    SESSION_CHECK_SECONDS at most; `services.sign_out_everywhere` brings that forward. Most issuers write `iat` in whole
    seconds, so a token that one of them issues within the same second is revoked as well. Raises the user model's
    DoesNotExist for an unknown user.
    """
    moment = now or database.now()
    row = _locked(user_id)
    if row.not_before is None or row.not_before < moment:
        row.not_before = moment
        row.save(update_fields=["not_before"], using=database.alias())
    return row.not_before


@database.transactional
def revoke_token(*, user_id: str | int, token_id: str, expires_at: float | None = None) -> None:
    """Revoke the token of this user with this id, the claim `jti`.

    `expires_at` is when the token is refused anyway, in unix seconds; without it, the id is kept for ever. Raises the
    user model's DoesNotExist, ValueError for an empty or too long id, and TooManyRevokedTokens.
    """
    if not 0 < len(token_id) <= MAX_TOKEN_ID_LENGTH:
        raise ValueError(f"The id of a token has 1 to {MAX_TOKEN_ID_LENGTH} characters.")
    now = database.now().timestamp()
    row = _locked(user_id)
    kept = {id: expiry for id, expiry in row.token_ids.items() if expiry is None or expiry > now}
    kept[token_id] = expires_at
    if len(kept) - _tickets_in(kept) > MAX_TOKEN_IDS:
        raise TooManyRevokedTokens(f"{MAX_TOKEN_IDS} tokens of this user are revoked already.")
    row.token_ids = kept
    row.save(update_fields=["token_ids"], using=database.alias())


@database.transactional
def use_once(*, user_id: str | int, ticket_id: str, expires_at: float) -> TokenRevocation | None:
    """Take note that a ticket of this user is used, and return what was revoked of theirs; None if it was used before.

    At most MAX_TOKEN_IDS / 2 tickets that have not expired are used, however many tokens are revoked. Raises the user
    model's DoesNotExist.
    """
    row = _locked(user_id)
    now = database.now().timestamp()
    kept = {id: expiry for id, expiry in row.token_ids.items() if expiry is None or expiry > now}
    id = f"{_TICKET}{ticket_id}"
    if id in kept or _tickets_in(kept) >= MAX_TOKEN_IDS // 2:
        return None
    row.token_ids = {**kept, id: expires_at}
    # Not by `save`, whose signal has the accounts of all tokens checked again: this has revoked nothing.
    database.queryset(TokenRevocation).filter(pk=row.pk).update(token_ids=row.token_ids)
    return row


def _tickets_in(ids: Iterable[str]) -> int:
    return sum(id.startswith(_TICKET) for id in ids)


def _locked(user_id: Any) -> TokenRevocation:
    """Return the user's row, created if there is none, and locked until the transaction ends."""
    user = database.queryset(get_user_model()).get(pk=user_id)
    rows = database.queryset(TokenRevocation)
    rows.bulk_create([TokenRevocation(user=user)], ignore_conflicts=True)
    return rows.select_for_update().get(user=user)
