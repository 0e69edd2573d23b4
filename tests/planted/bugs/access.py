"""Bugs in tickets, in fresh tokens, and in the end of access."""

from tests.planted.planted_bug import PlantedBug

IDENTITY = "backend/live_inbox/identity"
GRAPHQL = "graphql_schema/live_inbox_graphql"
JSON = "backend/live_inbox/json_api"

BUGS = (
    PlantedBug(
        name="ticket-used-twice",
        breaks="A ticket opens any number of sockets.",
        file=f"{IDENTITY}/revocation.py",
        original="if id in kept or len(kept)",
        replacement="if len(kept)",
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
        name="refresh-by-another-user",
        breaks="A socket goes on with the token of another user.",
        file="backend/live_inbox/sockets/session.py",
        original="if caller.user_id != self.caller.user_id:",
        replacement="if not caller.user_id:",
        caught_by=(
            "tests/both_apis/test_token_refresh.py::test_other_tokens_are_refused_and_change_nothing",
        ),
    ),
    PlantedBug(
        name="refresh-without-the-right-to-read",
        breaks="Subscriptions go on with a token that may not read.",
        file="backend/live_inbox/sockets/session.py",
        original="            raise AuthenticationFailed(Reason.SCOPE)\n",
        replacement="            pass\n",
        caught_by=(
            "tests/both_apis/test_token_refresh.py::test_other_tokens_are_refused_and_change_nothing",
        ),
    ),
    PlantedBug(
        name="refresh-by-the-handshake",
        breaks="An authenticator that prefers a header takes that of the handshake, and not the fresh token.",
        file=f"{IDENTITY}/authenticators.py",
        original="if header[0] in _NO_CREDENTIALS",
        replacement='if header[0] not in (b"cookie",)',
        caught_by=(
            "tests/both_apis/test_token_refresh.py::test_the_fresh_token_counts_and_not_a_header_of_the_handshake",
        ),
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
        name="sessions-survive-a-revocation",
        breaks="Sessions from before a revocation are accepted.",
        file=f"{IDENTITY}/accounts.py",
        original="return not_before is not None and (signed_in_at is None or signed_in_at < not_before)",
        replacement="return not_before is not None and signed_in_at is None",
        caught_by=(
            "tests/both_apis/test_account_changes.py::test_who_signs_out_everywhere_has_to_sign_in_again_everywhere",
        ),
    ),
    PlantedBug(
        name="ended-sessions-not-found",
        breaks="The socket of a session stays when the session is no more.",
        file=f"{IDENTITY}/sessions.py",
        original='ended.difference_update(found.values_list("session_key", flat=True))',
        replacement="ended.difference_update(chunk)",
        caught_by=("tests/identity/test_sessions.py::test_a_deleted_session_has_ended",),
    ),
    PlantedBug(
        name="revocations-not-announced",
        breaks="The sockets of revoked tokens stay open until the next check.",
        file="backend/live_inbox/services/access.py",
        original="    announce(user_id)\n    return moment",
        replacement="    return moment",
        caught_by=("tests/both_apis/test_account_changes.py::test_sockets_are_closed_at_once",),
    ),
    PlantedBug(
        name="revoked-token-not-announced",
        breaks="The sockets of a token that is revoked by its id stay open until the next check.",
        file="backend/live_inbox/services/access.py",
        original="expires_at=expires_at)\n    announce(user_id)",
        replacement="expires_at=expires_at)",
        caught_by=("tests/both_apis/test_account_changes.py::test_a_single_token_is_revoked",),
    ),
    PlantedBug(
        name="deactivations-not-announced",
        breaks="The sockets of a deactivated user stay open until the next check.",
        file="backend/live_inbox/account_signals.py",
        original="return has_new_password or not vars(user)",
        replacement="return has_new_password and not vars(user)",
        caught_by=("tests/both_apis/test_account_changes.py::test_sockets_are_closed_at_once",),
    ),
    PlantedBug(
        name="requests-forged",
        breaks="Another site can have a browser change the inbox of its user.",
        file=f"{GRAPHQL}/authentication.py",
        original="if caller is not None and token is None and caller.checks_csrf:",
        replacement="if caller is not None and token is None and not caller.user_id:",
        caught_by=(
            "tests/graphql/test_view.py::TestSessions::test_without_the_csrf_token_it_is_refused",
        ),
    ),
)
