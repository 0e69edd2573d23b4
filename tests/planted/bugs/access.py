"""Bugs in fresh tokens, in the end of access, and in requests that other sites forge."""

from tests.planted.planted_bug import PlantedBug

IDENTITY = "backend/live_inbox/identity"
GRAPHQL = "graphql_schema/live_inbox_graphql"

BUGS = (
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
        original="if header[0] in _PLAIN_HEADERS",
        replacement='if header[0] not in (b"cookie",)',
        caught_by=(
            "tests/both_apis/test_token_refresh.py::test_the_fresh_token_counts_and_not_a_header_of_the_handshake",
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
    PlantedBug(
        name="refreshed-socket-ends-with-its-session",
        breaks="A socket that a session opened and a token extended is closed with the session.",
        file=f"{IDENTITY}/admissions.py",
        original="        self.session_key = caller.session_key\n",
        replacement="        self.session_key = getattr(self, 'session_key', caller.session_key)\n",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_socket_that_a_token_has_renewed_outlives_its_session",
        ),
    ),
    PlantedBug(
        name="refreshed-socket-is-as-old-as-its-first-token",
        breaks="A socket that was extended is closed when its first token is revoked.",
        file=f"{IDENTITY}/admissions.py",
        original="self.issued_at = caller.issued_at if is_token else now",
        replacement="self.issued_at = getattr(self, 'issued_at', caller.issued_at if is_token else now)",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_renewed_socket_lives_as_long_as_its_new_token",
        ),
    ),
    PlantedBug(
        name="session-sockets-without-end",
        breaks="The socket of a session stays open for ever.",
        file=f"{IDENTITY}/admissions.py",
        original="ends.append(now + self._max_age_seconds)",
        replacement="ends.append(None)",
        caught_by=("tests/identity/test_admissions.py::test_max_age_bounds_every_socket",),
    ),
    PlantedBug(
        name="password-change-ignored",
        breaks="The socket of a session stays open after a change of the password.",
        file=f"{IDENTITY}/admissions.py",
        original="if admission.password is not None and admission.password != status.password:",
        replacement="if admission.password is not None and not status.password:",
        caught_by=("tests/identity/test_admissions.py::test_a_session_ends_with_the_password",),
    ),
    PlantedBug(
        name="sign-out-outrun",
        breaks="A client that reconnects while its user signs out keeps the socket.",
        file=f"{IDENTITY}/admissions.py",
        original="            self._end_sessions_later(user_id.removeprefix(SIGNED_OUT))\n",
        replacement="",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_session_that_reconnects_before_its_sign_out_is_done_is_ended_later",
        ),
    ),
    PlantedBug(
        name="expired-sessions-not-found",
        breaks="The socket of a session stays when the session has expired.",
        file=f"{IDENTITY}/sessions.py",
        original=".filter(expire_date__gt=timezone.now())",
        replacement=".all()",
        caught_by=("tests/identity/test_sessions.py::test_an_expired_session_has_ended",),
    ),
    PlantedBug(
        name="deactivated-user-own-authenticator",
        breaks="Where the project has an authenticator, a deactivated user is admitted.",
        file=f"{IDENTITY}/authenticators.py",
        original="    if not caller.user.is_active:\n        raise AuthenticationFailed(Reason.INACTIVE)\n",
        replacement="",
        caught_by=(
            "tests/identity/test_authenticators.py::test_an_inactive_user_is_refused_whatever_the_authenticator_says",
        ),
    ),
    PlantedBug(
        name="token-id-ignored-own-authenticator",
        breaks="Where the project has an authenticator, a token that is revoked by its id is accepted.",
        file=f"{IDENTITY}/authenticators.py",
        original="if status is not None and caller.token_id in status.token_ids:",
        replacement="if status is not None and caller.token_id == status.token_ids:",
        caught_by=(
            "tests/identity/test_authenticators.py::test_a_token_of_the_project_is_revoked_by_its_id",
        ),
    ),
    PlantedBug(
        name="deactivated-user-sends",
        breaks="A deactivated user sends over a socket that is open.",
        file=f"{IDENTITY}/callers.py",
        original="    if not user.is_active:\n        raise AuthenticationFailed(Reason.INACTIVE)\n    return replace",
        replacement="    return replace",
        caught_by=("tests/domain/test_send_for_caller.py::test_what_a_caller_may_is_read_anew",),
    ),
    PlantedBug(
        name="mutation-by-link",
        breaks="A link changes the inbox of whoever follows it.",
        file=f"{GRAPHQL}/http_operations.py",
        original='    "GET": {OperationType.QUERY},',
        replacement='    "GET": {OperationType.QUERY, OperationType.MUTATION},',
        caught_by=("tests/graphql/test_view.py::TestGet::test_a_mutation_is_refused",),
    ),
    PlantedBug(
        name="plain-text-requests",
        breaks="A page of another site sends requests as plain text, which browsers do not ask about.",
        file=f"{GRAPHQL}/media_types.py",
        original='is_json = (given.main_type, given.sub_type) == ("application", "json")',
        replacement='is_json = given.sub_type in ("json", "plain")',
        caught_by=(
            "tests/graphql/test_view.py::TestRequests::test_content_types_without_a_cors_preflight_are_a_415",
        ),
    ),
    PlantedBug(
        name="any-origin-own-consumer",
        breaks="On Strawberry's consumers, any page acts for a session.",
        file=f"{GRAPHQL}/callers.py",
        original="        self._check_origin()\n        session",
        replacement="        session",
        caught_by=(
            "tests/graphql/test_project_schema.py::TestStrawberrysConsumers::test_a_session_of_a_strange_page_is_refused",
        ),
    ),
    PlantedBug(
        name="cookies-of-own-consumer",
        breaks="On Strawberry's consumers, which check no origin, the authenticator of the project sees cookies.",
        file=f"{GRAPHQL}/callers.py",
        original='if header[0] != b"cookie"]',
        replacement="if header[0]]",
        caught_by=(
            "tests/graphql/test_project_schema.py::test_the_authenticator_of_the_project_sees_no_cookies_of_other_consumers",
        ),
    ),
)
