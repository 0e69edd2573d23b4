"""Ends a user's access at once, in every process: the tokens and sessions so far, or a single token.

Or closes a single socket, which ends no access: whoever had it may open another one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.account_signals import announce
from live_inbox.identity import revocation
from live_inbox.identity.admissions import DISCONNECT


@database.transactional
def sign_out_everywhere(*, user_id: Any) -> datetime:
    """Revoke all tokens and sessions of a user, and close their sockets after the commit; return the moment in force.

    Tokens that are issued, and sessions that begin, after that moment are accepted. Raises the user model's
    DoesNotExist.
    """
    moment = revocation.revoke_tokens(user_id=user_id)
    announce(user_id)
    return moment


@database.transactional
def revoke_token(*, user_id: Any, token_id: str, expires_at: float | None = None) -> None:
    """Revoke one token of a user by its id (`jti`), and close its sockets after the commit.

    Raises what `identity.revocation.revoke_token` raises.
    """
    revocation.revoke_token(user_id=user_id, token_id=token_id, expires_at=expires_at)
    announce(user_id)


def disconnect(*, user_id: Any, socket_id: str) -> None:
    """Close one socket of a user, after the commit, in whichever process has it; the client may reconnect.

    `socket_id` is the id of an `OpenSocket`. The request goes over the doorbell alone: if that is lost, the socket
    stays open. For a socket that has closed, does nothing.
    """
    announce(f"{DISCONNECT}{socket_id}.{user_id}")
