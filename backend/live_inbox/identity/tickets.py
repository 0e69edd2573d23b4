"""Tickets: what a client may put into the URL of a socket in place of its token.

A ticket is signed, opens one socket of one API within 30 seconds, and only from the address that it was issued to. That
it is used once is in the database, so it holds for all processes. Synchronous.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import ObjectDoesNotExist

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.conf import inbox_settings
from live_inbox.errors import Forbidden, InvalidInput
from live_inbox.identity import revocation
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason

TICKET_SECONDS = 30
MAX_TICKET_LENGTH = 4096
_SALT = "live_inbox.identity.tickets"
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class PresentedTicket:
    """A ticket as a client presents it, and where. Nothing of it is verified."""

    ticket: str = field(repr=False)
    api: str
    """The API of the socket: `graphql` or `json`."""
    address: str
    """The address of the client, as the server knows it."""


def issue_ticket(caller: Caller, *, api: str, address: str) -> str:
    """Return a ticket with the rights of the caller's token, for one socket of that API.

    Raises Forbidden for the caller of a session: only a token can be traded. Raises InvalidInput for a token with so
    many scopes that the ticket would be too long.
    """
    if caller.password is not None:
        raise Forbidden(
            "A session is not traded for a ticket: sockets of the GraphQL API take its cookie, and the JSON API takes"
            " tokens only."
        )
    content = {
        "user": caller.user_id,
        "scopes": sorted(caller.scopes),
        "issued": caller.issued_at,
        "expires": caller.expires_at,
        "token": caller.token_id,
        "api": api,
        "address": _network(address),
        "until": clock.time() + TICKET_SECONDS,
        "id": secrets.token_urlsafe(12),
    }
    ticket = signing.dumps(content, salt=_SALT)
    if len(ticket) > MAX_TICKET_LENGTH:
        raise InvalidInput("The token has too many scopes for a ticket.", field="api")
    return ticket


def redeem_ticket(presented: PresentedTicket) -> Caller:
    """Return the caller of a ticket, which is used up by that; raise AuthenticationFailed."""
    content = _content(presented.ticket)
    is_meant = content["api"] == presented.api and (
        not inbox_settings().ticket_bound_to_address
        or content["address"] == _network(presented.address)
    )
    if not is_meant:
        raise AuthenticationFailed(Reason.TICKET)
    now = clock.time()
    if content["until"] <= now or (content["expires"] or now + 1) <= now:
        raise AuthenticationFailed(Reason.EXPIRED)
    return _redeem(content)


@database.transactional
def _redeem(content: Mapping[str, Any]) -> Caller:
    try:
        status = revocation.use_once(
            user_id=content["user"], ticket_id=content["id"], expires_at=content["until"]
        )
        user = database.queryset(get_user_model()).get(pk=content["user"])
    except ObjectDoesNotExist as error:
        raise AuthenticationFailed(Reason.UNKNOWN_USER) from error
    if status is None:
        raise AuthenticationFailed(Reason.TICKET)
    if not user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    issued_at = content["issued"]
    not_before = status.not_before and status.not_before.timestamp()
    if content["token"] in status.token_ids or (
        not_before is not None and (issued_at is None or issued_at < not_before)
    ):
        raise AuthenticationFailed(Reason.REVOKED)
    return Caller(
        user=user,
        scopes=frozenset(content["scopes"]),
        issued_at=issued_at,
        expires_at=content["expires"],
        token_id=content["token"],
    )


def _content(ticket: str) -> Mapping[str, Any]:
    if len(ticket) > MAX_TICKET_LENGTH:
        raise AuthenticationFailed(Reason.MALFORMED)
    try:
        content: Mapping[str, Any] = signing.loads(ticket, salt=_SALT)
    except signing.BadSignature as error:
        raise AuthenticationFailed(Reason.MALFORMED) from error
    return content


def _network(address: str) -> str:
    """Return the address; of an IPv6 address its network, within which devices change theirs."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)
