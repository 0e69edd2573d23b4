"""Bugs in who is who: callers, permissions, and the end of access."""

from tests.planted.planted_bug import PlantedBug

IDENTITY = "backend/live_inbox/identity"

BUGS = (
    PlantedBug(
        name="inbox-of-another-user-graphql",
        breaks="A GraphQL socket gets the events of another user.",
        file="graphql_schema/live_inbox_graphql/operations.py",
        original="config.feed.follow(caller.user_id, after)",
        replacement="config.feed.follow(str(int(caller.user_id) - 1), after)",
        caught_by=(
            "tests/both_apis/test_both_apis.py::test_what_a_service_sends_appears_on_every_device",
        ),
    ),
    PlantedBug(
        name="inbox-of-another-user-json",
        breaks="A JSON socket gets the events of another user.",
        file="backend/live_inbox/json_api/consumer.py",
        original="self._feed.follow(session.caller.user_id)",
        replacement="self._feed.follow(str(int(session.caller.user_id) - 1))",
        caught_by=(
            "tests/both_apis/test_both_apis.py::test_what_a_service_sends_appears_on_every_device",
        ),
    ),
    PlantedBug(
        name="callers-of-a-batch-mixed-up",
        breaks="Of callers whose tokens are looked up together, each gets the account of another.",
        file=f"{IDENTITY}/accounts.py",
        original="return [account_result(token, users.get(token.user_ref)) for token in tokens]",
        replacement="return [account_result(token, users.get(token.user_ref)) for token in reversed(tokens)]",
        caught_by=(
            "tests/identity/test_callers.py::test_a_thousand_concurrent_callers_cost_a_few_queries",
        ),
    ),
    PlantedBug(
        name="change-of-anothers-notification",
        breaks="A user can mark and delete any notification by its id.",
        file="backend/live_inbox/services/inbox_rows.py",
        original="query.filter(recipient=user_id, pk=notification_id)",
        replacement="query.filter(pk=notification_id)",
        caught_by=(
            "tests/domain/test_marking.py::test_a_notification_that_the_user_does_not_have_is_not_found",
        ),
    ),
    PlantedBug(
        name="everybody-may-send",
        breaks="The policy of who may send to whom is not asked.",
        file="backend/live_inbox/services/send_for_caller.py",
        original="    check_may_send(user,",
        replacement="    (lambda *_, **__: None)(user,",
        caught_by=(
            "tests/domain/test_send_for_caller.py::test_who_may_not_send_to_others_sends_nothing",
        ),
    ),
    PlantedBug(
        name="sender-is-the-recipient",
        breaks="A send over an API is in the name of its recipient.",
        file="backend/live_inbox/services/send_for_caller.py",
        original="sender_id=user.pk",
        replacement="sender_id=recipient_id",
        caught_by=(
            "tests/domain/test_send_for_caller.py::test_what_is_sent_to_others_is_in_the_callers_name",
        ),
    ),
    PlantedBug(
        name="no-send-rate",
        breaks="A caller may send as fast as they like.",
        file="backend/live_inbox/services/send_for_caller.py",
        original="    take_sends(caller)",
        replacement="    caller",
        caught_by=(
            "tests/domain/test_send_for_caller.py::test_who_sends_too_fast_learns_when_to_go_on",
        ),
    ),
    PlantedBug(
        name="sign-out-ignored",
        breaks="A sign-out leaves the sockets of the session open.",
        file="backend/live_inbox/account_signals.py",
        original='announce(f"{SIGNED_OUT}{user.pk}")',
        replacement='f"{SIGNED_OUT}{user.pk}"',
        caught_by=(
            "tests/both_apis/test_account_changes.py::test_a_sign_out_closes_the_sockets_of_sessions_and_no_others",
        ),
    ),
    PlantedBug(
        name="sign-out-ends-tokens",
        breaks="A sign-out in the browser closes the sockets of services, too.",
        file=f"{IDENTITY}/admissions.py",
        original="            if admission.password is not None:\n",
        replacement="            if admission.user_id:\n",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_sign_out_ends_the_sessions_of_the_user",
        ),
    ),
    PlantedBug(
        name="revoked-token-stays",
        breaks="Sockets of revoked tokens stay open.",
        file=f"{IDENTITY}/admissions.py",
        original="if admission.issued_at is None or admission.issued_at < status.not_before:",
        replacement="if admission.issued_at is None:",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_check_closes_the_sockets_of_users_without_access",
        ),
    ),
    PlantedBug(
        name="revoked-token-admitted",
        breaks="A token that was issued before its user's revocation is accepted.",
        file=f"{IDENTITY}/accounts.py",
        original="token.issued_at < not_before):",
        replacement="token.issued_at < not_before - 3600):",
        caught_by=(
            "tests/identity/test_accounts.py::test_tokens_issued_before_a_revocation_are_refused",
        ),
    ),
    PlantedBug(
        name="deactivated-user-admitted",
        breaks="A deactivated user can sign in with a token.",
        file=f"{IDENTITY}/accounts.py",
        original="    if not user.is_active:\n        return Reason.INACTIVE\n    not_before",
        replacement="    not_before",
        caught_by=("tests/identity/test_accounts.py::test_an_inactive_user",),
    ),
    PlantedBug(
        name="deleted-user-stays",
        breaks="A user who is deleted keeps open sockets until the next check.",
        file="backend/live_inbox/account_signals.py",
        original="    announce(instance.pk, using=using)\n\n\ndef _on_saved",
        replacement="    pass\n\n\ndef _on_saved",
        caught_by=("tests/both_apis/test_account_changes.py::test_sockets_are_closed_at_once",),
    ),
    PlantedBug(
        name="expired-token-stays",
        breaks="Sockets outlive their tokens.",
        file=f"{IDENTITY}/admissions.py",
        original="or self._expiries[0][0] > now:",
        replacement="or self._expiries[0][0] + 60 > now:",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_socket_is_closed_when_its_token_expires",
        ),
    ),
    PlantedBug(
        name="session-check-dead",
        breaks="Whoever loses access while the doorbell is lost stays for ever.",
        file=f"{IDENTITY}/admissions.py",
        original="            await self.check()",
        replacement="            await asyncio.sleep(0)",
        caught_by=("tests/identity/test_admissions.py::test_nothing_happens_after_the_stop",),
    ),
)
