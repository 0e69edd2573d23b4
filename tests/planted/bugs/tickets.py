"""Bugs in tickets, and in tokens beside them in handshakes."""

from tests.planted.planted_bug import PlantedBug

IDENTITY = "backend/live_inbox/identity"
JSON = "backend/live_inbox/json_api"

BUGS = (
    PlantedBug(
        name="ticket-used-twice",
        breaks="A ticket opens any number of sockets.",
        file=f"{IDENTITY}/revocation.py",
        original="if id in kept or _tickets_in(kept)",
        replacement="if _tickets_in(kept)",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_of_those_who_use_a_ticket_at_once_one_is_admitted",
        ),
    ),
    PlantedBug(
        name="ticket-of-any-api",
        breaks="A ticket for one API opens a socket of the other one.",
        file=f"{IDENTITY}/tickets.py",
        original='content["api"] == presented.api and (',
        replacement='bool(content["api"]) and (',
        caught_by=("tests/both_apis/test_tickets.py::test_a_ticket_of_the_other_api_opens_none",),
    ),
    PlantedBug(
        name="ticket-of-any-address",
        breaks="A ticket opens a socket from any address.",
        file=f"{IDENTITY}/tickets.py",
        original='or content["address"] == _network(presented.address)',
        replacement='or bool(content["address"])',
        caught_by=("tests/both_apis/test_tickets.py::test_a_ticket_is_for_one_address",),
    ),
    PlantedBug(
        name="ticket-of-one-ipv6-address",
        breaks="A device that changes its IPv6 address within its network cannot use its ticket.",
        file=f"{IDENTITY}/tickets.py",
        original="_IPV6_PREFIX = 64",
        replacement="_IPV6_PREFIX = 128",
        caught_by=("tests/both_apis/test_tickets.py::test_a_ticket_is_for_one_address",),
    ),
    PlantedBug(
        name="ticket-without-end",
        breaks="A ticket can be used as long as its token.",
        file=f"{IDENTITY}/tickets.py",
        original='if content["until"] <= now or (',
        replacement="if (",
        caught_by=("tests/both_apis/test_tickets.py::test_a_ticket_expires",),
    ),
    PlantedBug(
        name="ticket-survives-its-token",
        breaks="A ticket is accepted after its token was revoked by its id.",
        file=f"{IDENTITY}/tickets.py",
        original='if content["token"] in status.token_ids or (',
        replacement="if (",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_a_ticket_has_the_rights_of_its_token_and_ends_with_it",
        ),
    ),
    PlantedBug(
        name="ticket-without-scopes",
        breaks="A socket that a ticket has opened has all rights of the user, whatever the scopes of the token.",
        file=f"{IDENTITY}/tickets.py",
        original='scopes=frozenset(content["scopes"])',
        replacement="scopes=frozenset()",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_a_ticket_has_the_scopes_and_the_expiry_of_its_token",
        ),
    ),
    PlantedBug(
        name="ticket-without-expiry",
        breaks="A socket that a ticket has opened outlives the token.",
        file=f"{IDENTITY}/tickets.py",
        original='expires_at=content["expires"]',
        replacement="expires_at=None",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_a_ticket_has_the_scopes_and_the_expiry_of_its_token",
        ),
    ),
    PlantedBug(
        name="ticket-of-a-session",
        breaks="A session is traded for a ticket, which outlives its sign-out.",
        file=f"{IDENTITY}/tickets.py",
        original="    if caller.password is not None:\n",
        replacement="    if not caller.user_id:\n",
        caught_by=("tests/both_apis/test_tickets.py::test_a_session_cannot_be_traded",),
    ),
    PlantedBug(
        name="token-in-the-query-always",
        breaks="TOKEN_IN_QUERY turns nothing off.",
        file=f"{JSON}/consumer.py",
        original="if token is None and self._takes_query_tokens:",
        replacement="if token is None:",
        caught_by=("tests/both_apis/test_tickets.py::test_a_token_in_the_query_can_be_turned_off",),
    ),
    PlantedBug(
        name="token-in-the-subprotocol-repeated",
        breaks="The answer to a handshake repeats the token of the subprotocol.",
        file=f"{JSON}/consumer.py",
        original="SUBPROTOCOL if is_offered else None",
        replacement="next(iter(_offered(scope)), None)",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_the_subprotocol_with_the_token_is_not_repeated",
        ),
    ),
    PlantedBug(
        name="tickets-fill-the-revocations",
        breaks="Who uses tickets in a loop has the list of them grow without end.",
        file=f"{IDENTITY}/revocation.py",
        original="or _tickets_in(kept) >= MAX_TOKEN_IDS // 2",
        replacement="or _tickets_in(kept) >= 9 * MAX_TOKEN_IDS",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_used_tickets_and_revoked_tokens_have_bounds_of_their_own",
        ),
    ),
    PlantedBug(
        name="revocations-without-bound",
        breaks="The list of revoked tokens of a user grows for ever.",
        file=f"{IDENTITY}/revocation.py",
        original="    if len(kept) - _tickets_in(kept) > MAX_TOKEN_IDS:",
        replacement="    if len(kept) - _tickets_in(kept) > 9 * MAX_TOKEN_IDS:",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_used_tickets_and_revoked_tokens_have_bounds_of_their_own",
        ),
    ),
    PlantedBug(
        name="ticket-survives-a-revocation",
        breaks="A ticket is accepted after all tokens of the user were revoked.",
        file=f"{IDENTITY}/tickets.py",
        original="not_before is not None and (issued_at is None or issued_at < not_before)",
        replacement="not_before is not None and issued_at is None",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_a_ticket_from_before_all_tokens_were_revoked_is_refused",
        ),
    ),
    PlantedBug(
        name="ticket-of-an-unknown-time-survives",
        breaks="A ticket of a token without a time of issue survives the revocation of all tokens.",
        file=f"{IDENTITY}/tickets.py",
        original="not_before is not None and (issued_at is None or issued_at < not_before)",
        replacement="not_before is not None and (issued_at is not None and issued_at < not_before)",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_a_ticket_from_before_all_tokens_were_revoked_is_refused",
        ),
    ),
    PlantedBug(
        name="ticket-of-a-deactivated-user",
        breaks="A ticket admits a user who was deactivated since.",
        file=f"{IDENTITY}/tickets.py",
        original="    if not user.is_active:\n        raise AuthenticationFailed(Reason.INACTIVE)\n    issued",
        replacement="    issued",
        caught_by=(
            "tests/both_apis/test_tickets.py::test_a_ticket_of_a_user_who_was_deactivated_or_deleted",
        ),
    ),
)
