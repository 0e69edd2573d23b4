"""Bugs in rates, quotas and the limits of requests, and in what a sender learns."""

from tests.planted.planted_bug import PlantedBug

GRAPHQL = "graphql_schema/live_inbox_graphql"
SERVICES = "backend/live_inbox/services"

BUGS = (
    PlantedBug(
        name="recipients-flooded",
        breaks="Many senders together send any number of notifications to one user.",
        file=f"{SERVICES}/send_for_caller.py",
        original="        take_recipient(str(",
        replacement="        len(str(",
        caught_by=(
            "tests/domain/test_send_for_caller.py::test_all_senders_together_may_send_only_so_much_to_a_user",
        ),
    ),
    PlantedBug(
        name="repeated-send-forbidden",
        breaks="A send that is repeated after the permission was lost says that nothing was sent.",
        file=f"{SERVICES}/sending.py",
        original="if first is None and waiting is None and authorize is not None:",
        replacement="if authorize is not None:",
        caught_by=(
            "tests/domain/test_send_for_caller.py::test_what_was_sent_is_answered_again_after_the_permission_is_lost",
        ),
    ),
    PlantedBug(
        name="repeated-send-shows-reads",
        breaks="A service that may not read learns what its recipients have read.",
        file=f"{GRAPHQL}/changes.py",
        original="is_readable = row.recipient_id == caller.user.pk and allows(",
        replacement="is_readable = allows(",
        caught_by=(
            "tests/both_apis/test_scopes.py::test_a_repeated_send_shows_what_was_sent_to_who_may_not_read",
        ),
    ),
    PlantedBug(
        name="who-exists-is-shown",
        breaks="Who may not send to others learns which users exist.",
        file=f"{SERVICES}/bulk_for_caller.py",
        original="unknown = SendStatus.UNKNOWN_RECIPIENT if may_know else SendStatus.FORBIDDEN",
        replacement="unknown = SendStatus.UNKNOWN_RECIPIENT",
        caught_by=(
            "tests/domain/test_bulk_for_caller.py::test_who_may_not_send_to_others_does_not_learn_who_exists",
        ),
    ),
    PlantedBug(
        name="bulk-to-anyone",
        breaks="A bulk over the API reaches whom the caller may not send to.",
        file=f"{SERVICES}/bulk_for_caller.py",
        original="key for key in new if may_send(user, recipient_id=str(key), scopes=caller.scopes)",
        replacement="key for key in new",
        caught_by=(
            "tests/domain/test_bulk_for_caller.py::test_a_user_may_send_to_themselves_only",
        ),
    ),
    PlantedBug(
        name="changes-without-rate",
        breaks="A user marks and unmarks as fast as they like.",
        file=f"{SERVICES}/change_rate.py",
        original="    if retry_after is not None:\n",
        replacement="    if retry_after is not None and retry_after < 0:\n",
        caught_by=(
            "tests/both_apis/test_both_apis.py::test_the_devices_of_a_user_share_one_rate_of_changes",
        ),
    ),
    PlantedBug(
        name="inbox-quota-off-by-one",
        breaks="An inbox has one notification more than it may.",
        file=f"{SERVICES}/inbox_quota.py",
        original="if inbox.stored_count > most]",
        replacement="if inbox.stored_count > most + 1]",
        caught_by=(
            "tests/domain/test_quotas.py::test_a_full_inbox_loses_its_oldest_read_notification",
        ),
    ),
    PlantedBug(
        name="inbox-quota-takes-unread",
        breaks="A full inbox loses unread notifications while it has read ones.",
        file=f"{SERVICES}/inbox_quota.py",
        original="    (READ, Folder.INBOX),\n",
        replacement="",
        caught_by=(
            "tests/domain/test_quotas.py::test_a_full_inbox_loses_its_oldest_read_notification",
        ),
    ),
    PlantedBug(
        name="preference-quota-off-by-one",
        breaks="A user has one preference more than they may.",
        file=f"{SERVICES}/preferences.py",
        original="if undeclared.count() >= most:",
        replacement="if undeclared.count() > most:",
        caught_by=(
            "tests/domain/test_quotas.py::test_a_user_has_so_many_preferences_of_undeclared_types",
        ),
    ),
    PlantedBug(
        name="bulk-quota-off-by-one",
        breaks="A bulk has one recipient more than it may.",
        file=f"{SERVICES}/campaign_audience.py",
        original="if len(found) > most:",
        replacement="if len(found) > most + 1:",
        caught_by=("tests/domain/test_quotas.py::test_a_bulk_has_so_many_recipients",),
    ),
    PlantedBug(
        name="networks-counted-by-address",
        breaks="A client of IPv6 has the allowance of an address 2^64 times.",
        file="backend/live_inbox/client_addresses.py",
        original="CLIENT_PREFIX = 64",
        replacement="CLIENT_PREFIX = 128",
        caught_by=("tests/test_client_addresses.py::test_what_a_client_is_counted_by",),
    ),
    PlantedBug(
        name="forwarded-by-anybody",
        breaks="The address in X-Forwarded-For is believed, whoever has written it.",
        file="backend/live_inbox/client_addresses.py",
        original="        if not self.trusts(peer):\n",
        replacement="        if not self.are_there:\n",
        caught_by=("tests/test_client_addresses.py::test_the_client",),
    ),
    PlantedBug(
        name="forwarded-by-the-client",
        breaks="The address that the client itself has written into X-Forwarded-For is believed.",
        file="backend/live_inbox/client_addresses.py",
        original="[-MOST_HOPS:][::-1]",
        replacement="[-MOST_HOPS:]",
        caught_by=("tests/test_client_addresses.py::test_the_client",),
    ),
    PlantedBug(
        name="sign-in-throttled-too-late",
        breaks="A throttled attempt signs in all the same.",
        file="backend/live_inbox_site/sign_in_throttle.py",
        original="        wait = sign_in_throttle()",
        replacement="        view(request, *args, **kwargs)\n        wait = sign_in_throttle()",
        caught_by=(
            "tests/test_sign_in_throttle.py::TestForms::test_after_some_attempts_even_the_right_password_waits",
        ),
    ),
    PlantedBug(
        name="sign-in-throttled-by-spelling",
        breaks="Each spelling of a name has attempts of its own.",
        file="backend/live_inbox_site/sign_in_throttle.py",
        original=".casefold().strip()",
        replacement=".strip()",
        caught_by=(
            "tests/test_sign_in_throttle.py::TestThrottle::test_a_name_is_one_however_it_is_written",
        ),
    ),
    PlantedBug(
        name="bodies-limited-by-their-announcement",
        breaks="A body in chunks has no limit.",
        file="backend/live_inbox_site/body_limit.py",
        original="return self._bounded(scope, _Body(receive, self._most), send)",
        replacement="return self._application(scope, receive, send)",
        caught_by=("tests/servers/test_body_limit.py::test_chunks_are_read_as_far_as_they_may_go",),
    ),
    PlantedBug(
        name="no-pause-without-redis",
        breaks="Each attempt to sign in waits for a Redis that does not answer.",
        file="backend/live_inbox/limits/storage.py",
        original="self._paused_until = self._clock() + RETRY_SECONDS",
        replacement="self._paused_until = self._clock()",
        caught_by=(
            "tests/limits/test_shared.py::test_a_storage_that_is_away_is_left_alone_and_refuses_nothing",
        ),
    ),
    PlantedBug(
        name="sites-share-their-rates",
        breaks="Sites on one Redis use up the rates of each other.",
        file="backend/live_inbox/limits/shared.py",
        original="full_key = (self._site(), *key)",
        replacement="full_key = key",
        caught_by=("tests/limits/test_shared.py::test_processes_count_together",),
    ),
    PlantedBug(
        name="bulk-counts-once",
        breaks="A bulk takes as much of the sender's rate as one notification.",
        file=f"{SERVICES}/bulk_for_caller.py",
        original="take_sends(caller, count=count, field",
        replacement="take_sends(caller, count=1, field",
        caught_by=(
            "tests/domain/test_bulk_for_caller.py::test_services_have_a_rate_of_their_own_and_each_recipient_counts",
        ),
    ),
    PlantedBug(
        name="bulk-floods",
        breaks="A bulk reaches those who are sent too much at the moment.",
        file=f"{SERVICES}/bulk_for_caller.py",
        original="reached = {key for key in allowed if str(key) not in busy}",
        replacement="reached = allowed",
        caught_by=(
            "tests/domain/test_send_for_caller.py::test_a_bulk_leaves_out_who_is_sent_too_much",
        ),
    ),
    PlantedBug(
        name="anybody-creates-users",
        breaks="Any user creates accounts by naming recipients.",
        file=f"{SERVICES}/bulk_for_caller.py",
        original="may_create = may_send_to_anyone(caller.scopes)",
        replacement="may_create = True",
        caught_by=(
            "tests/domain/test_bulk_for_caller.py::test_a_service_creates_users_where_tokens_do",
        ),
    ),
    PlantedBug(
        name="rates-of-all-kinds-together",
        breaks="In the storage that processes share, what a user sends uses up what they may be sent.",
        file="backend/live_inbox/limits/exchange.py",
        original="self._item.key_for(site, self._name, key)",
        replacement="self._item.key_for(site, key)",
        caught_by=(
            "tests/limits/test_exchange.py::test_what_one_process_has_granted_others_refuse",
        ),
    ),
    PlantedBug(
        name="sites-exchange-their-rates",
        breaks="A site takes what another one on its Redis has granted from its own allowances.",
        file="backend/live_inbox/limits/exchange.py",
        original="self._item.key_for(site, self._name, key)",
        replacement="self._item.key_for(self._name, key)",
        caught_by=(
            "tests/limits/test_exchange.py::test_what_one_process_has_granted_others_refuse",
        ),
    ),
    PlantedBug(
        name="counts-without-an-end",
        breaks="What was granted an hour ago is taken from the allowance of a process that has just started.",
        file="backend/live_inbox/limits/storage.py",
        original="    if total == amount then",
        replacement="    if total ~= amount then",
        caught_by=("tests/limits/test_exchange.py::test_counts_have_an_age",),
    ),
    PlantedBug(
        name="preference-quota-outrun",
        breaks="Calls at once go beyond the quota of preferences.",
        file=f"{SERVICES}/preferences.py",
        original=".select_for_update(no_key=True)",
        replacement="",
        caught_by=("tests/domain/test_quotas.py::test_a_call_that_has_counted_is_not_overtaken",),
        stack="production",
    ),
    PlantedBug(
        name="sent-after-its-expiry",
        breaks="What has expired is sent.",
        file=f"{SERVICES}/sending.py",
        original="    check_not_expired(content, moment, given.deliver_at)\n",
        replacement="",
        caught_by=(
            "tests/domain/test_send.py::test_a_key_that_was_seen_returns_the_first_result_after_its_expiry",
        ),
    ),
    PlantedBug(
        name="bulk-after-its-expiry",
        breaks="A bulk goes on with a notification that has expired.",
        file=f"{SERVICES}/bulk_sending.py",
        original="            check_not_expired(content, now or clock.now(), given.deliver_at)\n",
        replacement="            pass\n",
        caught_by=(
            "tests/domain/test_send.py::test_a_bulk_that_is_complete_has_its_first_result_after_its_expiry",
        ),
    ),
    PlantedBug(
        name="policy-ignored-in-the-admin",
        breaks="The admin sends to whom the policy forbids.",
        file="backend/live_inbox/admin/sending.py",
        original="check_may_send(sender, recipient_id=str(recipient_id))",
        replacement="str(recipient_id)",
        caught_by=("tests/admin/test_sending.py::test_the_policy_is_checked_for_each_recipient",),
    ),
    PlantedBug(
        name="permission-ignored-in-the-admin",
        breaks="Staff without the permission send by the admin.",
        file="backend/live_inbox/admin/notifications.py",
        original='return request.user.has_perm("live_inbox.send_notification")',
        replacement="return True",
        caught_by=("tests/admin/test_sending.py::test_sending_requires_the_permission",),
    ),
    PlantedBug(
        name="failed-sign-in-is-remembered",
        breaks="An address from which a password was guessed wrongly has attempts of its own for the name.",
        file="backend/live_inbox_site/sign_in_throttle.py",
        original="        if request.user.is_authenticated:\n",
        replacement="        if response.status_code:\n",
        caught_by=(
            "tests/test_sign_in_throttle.py::TestForms::test_after_some_attempts_even_the_right_password_waits",
        ),
    ),
    PlantedBug(
        name="one-proxy-too-many",
        breaks="With one trusted proxy, the address that the client has written is believed.",
        file="backend/live_inbox/client_addresses.py",
        original="if number == self.hops:",
        replacement="if number == self.hops + 1:",
        caught_by=("tests/test_client_addresses.py::test_the_client",),
    ),
    PlantedBug(
        name="metrics-by-a-silent-proxy",
        breaks="Metrics are public behind a proxy on the same machine that adds no header.",
        file="backend/live_inbox/health.py",
        original="return address is not None and address.is_loopback and host in _LOOPBACK_NAMES",
        replacement="return address is not None and address.is_loopback",
        caught_by=("tests/test_health.py::test_metrics_require_a_local_request_or_the_token",),
    ),
)
