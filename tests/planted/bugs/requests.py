"""Bugs in requests over HTTP: past Django's middleware, of known tokens, turns, compiled queries and mutations."""

from tests.planted.planted_bug import PlantedBug

INBOX = "backend/live_inbox"
SITE = "backend/live_inbox_site"
GRAPHQL = "graphql_schema/live_inbox_graphql"
TOKENS = "tests/identity/test_known_tokens.py"
CHECKS = "tests/identity/test_recent_checks.py"
REQUESTS = "tests/graphql/test_token_requests.py"
TURNS = "tests/test_request_turns.py"
MUTATIONS = "tests/graphql/test_compiled_mutations.py"

BUGS = (
    PlantedBug(
        name="known-for-ever",
        breaks="A token opens the inbox after it has expired, if it was used often.",
        file=f"{INBOX}/identity/known_tokens.py",
        original="if known.until <= self._clock():",
        replacement="if known.until < 0:",
        caught_by=(f"{TOKENS}::test_a_token_is_not_known_beyond_its_expiry",),
    ),
    PlantedBug(
        name="known-without-bound",
        breaks="Who signs in again and again fills the memory.",
        file=f"{INBOX}/identity/known_tokens.py",
        original="if len(self._tokens) > self._most:",
        replacement="if len(self._tokens) > 99 * self._most:",
        caught_by=(f"{TOKENS}::test_the_tokens_that_were_used_last_are_known",),
    ),
    PlantedBug(
        name="known-of-another-user",
        breaks="A token reads the inbox of the user who had its name before.",
        file=f"{INBOX}/identity/callers.py",
        original="if result.user_id != known.user_id:",
        replacement="if not result.user_id:",
        caught_by=(
            f"{REQUESTS}::TestKnownTokens::test_a_name_that_another_user_has_by_now_is_not_theirs",
        ),
    ),
    PlantedBug(
        name="checked-before-the-change",
        breaks="Who is deactivated while their account is read goes on for a second.",
        file=f"{INBOX}/identity/recent_checks.py",
        original="        if check.period is not self._period:\n            return\n",
        replacement="        check = Check(check.began_at, self._period)\n",
        caught_by=(f"{CHECKS}::test_a_check_that_began_before_a_change_does_not_count",),
    ),
    PlantedBug(
        name="checked-by-use",
        breaks="Who asks every half second is never checked again.",
        file=f"{INBOX}/identity/recent_checks.py",
        original="        return self._monotonic() - check.began_at < seconds",
        replacement="        is_recent = self._monotonic() - check.began_at < seconds\n"
        "        if is_recent:\n            self.put(token, self.begin())\n        return is_recent",
        caught_by=(
            f"{REQUESTS}::TestRecentChecks::test_a_request_does_not_put_off_the_next_reading",
        ),
    ),
    PlantedBug(
        name="change-not-checked",
        breaks="Who is deactivated in another process may read for a while.",
        file=f"{INBOX}/application.py",
        original="        recent_checks().forget()\n",
        replacement="",
        caught_by=(
            "tests/end_to_end/test_several_processes.py"
            "::test_what_another_process_revokes_is_refused_over_http_as_well",
        ),
        stack="production",
    ),
    PlantedBug(
        name="names-mixed-up",
        breaks="Of those who ask at the same moment, some are told that they are somebody else.",
        file=f"{INBOX}/identity/account_rows.py",
        original="account_result(token, rows.get(value))",
        replacement="account_result(token, rows.get(values[0]))",
        caught_by=("tests/identity/test_account_rows.py::test_any_number",),
    ),
    PlantedBug(
        name="bypass-with-any-host",
        breaks="A page whose host name is made to point at the server reads inboxes.",
        file=f"{INBOX}/middleware_bypass.py",
        original="        and has_allowed_host(scope)\n",
        replacement="",
        caught_by=(f"{REQUESTS}::TestWhich::test_what_is_unusual_is_for_django",),
    ),
    PlantedBug(
        name="bypass-of-any-middleware",
        breaks="The project's middleware does not see requests with a token.",
        file=f"{INBOX}/middleware_bypass.py",
        original="WITHOUT_EFFECT.issuperset(",
        replacement="WITHOUT_EFFECT.intersection(",
        caught_by=(f"{REQUESTS}::TestWhich::test_middleware_of_the_project_sees_all_requests",),
    ),
    PlantedBug(
        name="bypass-without-tls",
        breaks="A token is accepted over http where https is required.",
        file=f"{INBOX}/middleware_bypass.py",
        original="(is_secure(scope) or not settings.SECURE_SSL_REDIRECT)",
        replacement="(is_secure(scope) or True)",
        caught_by=(f"{REQUESTS}::TestWhich::test_https_is_required_where_the_settings_say_so",),
    ),
    PlantedBug(
        name="strangers-before-users",
        breaks="Pages for strangers hold up the requests of users.",
        file=f"{SITE}/request_turns.py",
        original="not (self._has_begun or self._at_once or is_crowded)",
        replacement="not (self._has_begun or is_crowded)",
        caught_by=(f"{TURNS}::test_none_begins_while_a_user_is_served_but_for_the_floor",),
    ),
    PlantedBug(
        name="turns-without-floor",
        breaks="Slow requests of some addresses hold up those of all others.",
        file=f"{SITE}/request_turns.py",
        original="FLOOR_SECONDS = 0.01\n",
        replacement="FLOOR_SECONDS = 10.0\n",
        caught_by=(f"{TURNS}::test_slow_requests_do_not_hold_up_others_for_long",),
    ),
    PlantedBug(
        name="sockets-of-the-crowd-first",
        breaks="Who opens one socket waits behind an address that opens thousands.",
        file=f"{INBOX}/sockets/loop_turns.py",
        original="self._old[key] = waiting\n        self._begin(key, piece)",
        replacement="self._old[key] = waiting\n            self._old.move_to_end(key, False)\n"
        "        self._begin(key, piece)",
        caught_by=("tests/sockets/test_loop_turns.py::test_addresses_take_turns",),
    ),
    PlantedBug(
        name="crowds-of-addresses-first",
        breaks="Who opens one connection waits behind all that those who came before have opened.",
        file=f"{INBOX}/sockets/loop_turns.py",
        original="self._known or self._new or self._old",
        replacement="self._known or self._old or self._new",
        caught_by=("tests/test_acceptor.py::test_who_opens_one_does_not_wait_behind_a_crowd",),
    ),
    PlantedBug(
        name="users-behind-strangers",
        breaks="A user who opens a connection waits behind hundreds of addresses of strangers.",
        file=f"{INBOX}/sockets/loop_turns.py",
        original="self._known if key in known_addresses() else self._new",
        replacement="self._new",
        caught_by=("tests/sockets/test_loop_turns.py::test_users_come_before_strangers",),
    ),
    PlantedBug(
        name="errors-for-clients-that-leave",
        breaks="Strangers fill the disk with the log, a line for each handshake that they give up.",
        file=f"{INBOX}/internals/uvicorn_frames.py",
        original="if self._is_refused or self._has_left_handshake():",
        replacement="if self._is_refused:",
        caught_by=(
            "tests/internals/test_uvicorn_frames.py"
            "::test_nothing_is_logged_for_clients_that_leave_before_the_acceptance",
        ),
    ),
    PlantedBug(
        name="opened-while-the-server-stops",
        breaks="The server waits in vain for a connection that was opened while it stopped.",
        file=f"{SITE}/acceptor.py",
        original="            if self._is_closed:\n                transport.close()",
        replacement="            del transport",
        caught_by=(
            "tests/test_acceptor.py::test_every_protocol_that_knows_its_connection_is_told_of_its_end",
        ),
    ),
    PlantedBug(
        name="frames-without-turns",
        breaks="Twenty sockets that are flooded hold up everybody at once.",
        file=f"{INBOX}/internals/uvicorn_frames.py",
        original="loop_turns(self.loop).take(key, piece)",
        replacement="loop_turns(self.loop).take(None, piece)",
        caught_by=(
            "tests/internals/test_uvicorn_frames.py::TestFloods"
            "::test_sockets_that_are_flooded_are_parsed_one_after_the_other",
        ),
    ),
    PlantedBug(
        name="waiting-without-limit",
        breaks="One address has the server make a protocol for each of its thousands of connections.",
        file=f"{SITE}/acceptor.py",
        original="return MOST_OF_PROXY if is_proxy else settings.max_connections_per_address",
        replacement="return MOST_OF_PROXY",
        caught_by=(
            "tests/test_acceptor.py::test_who_waits_more_often_than_may_be_open_is_refused_without_a_protocol",
        ),
    ),
    PlantedBug(
        name="parameters-in-wrong-places",
        breaks="A query is asked with its parameters exchanged.",
        file=f"{INBOX}/internals/prepared_queries.py",
        original="[values[place] for place in self._places]",
        replacement="list(values)",
        caught_by=(
            "tests/identity/test_prepared_queries.py::test_parameters_have_any_order_and_annotations_are_there",
        ),
    ),
    PlantedBug(
        name="column-that-is-wanted-left-out",
        breaks="A query that asks for links alone gets none.",
        file=f"{GRAPHQL}/compiled/field_expressions.py",
        original='r"\\bit\\.(\\w+)"',
        replacement='r"^it\\.(\\w+)$"',
        caught_by=("tests/graphql/test_compiled_queries.py::test_every_field",),
    ),
    PlantedBug(
        name="lists-mixed-up",
        breaks="Of those who ask for their lists at the same moment, some get that of somebody else.",
        file=f"{INBOX}/list_batches.py",
        original="answers[place] = answer",
        replacement="answers[places[-1] + places[0] - place] = answer",
        caught_by=(
            "tests/graphql/test_list_batches.py"
            "::test_who_asks_at_the_same_moment_is_answered_together",
        ),
    ),
    PlantedBug(
        name="page-of-the-first-for-all",
        breaks="Inboxes that are read together have the state of the first of them.",
        file=f"{INBOX}/selectors/newest_pages.py",
        original="by_key[row[0]].append(row)",
        replacement="by_key[keys[0]].append(row)",
        caught_by=(
            "tests/domain/test_newest_pages.py::test_each_page_is_what_its_user_would_get_alone",
        ),
        stack="production",
    ),
    PlantedBug(
        name="names-of-django-for-all",
        breaks="Senders are not called what the project's user model says.",
        file=f"{INBOX}/name_columns.py",
        original='        and _is_of_django(model, AbstractUser, "get_full_name")\n',
        replacement="",
        caught_by=(
            "tests/domain/test_read_columns.py::TestNames::test_a_model_with_names_of_its_own",
        ),
    ),
    PlantedBug(
        name="compiled-page-ends-at-its-start",
        breaks="The next page repeats the last one.",
        file=f"{GRAPHQL}/compiled/field_expressions.py",
        original="else cursor(it.oldest_rank)",
        replacement="else cursor(it.newest_rank)",
        caught_by=("tests/graphql/test_compiled_queries.py::test_every_field",),
    ),
    PlantedBug(
        name="compiled-under-other-settings",
        breaks="A page is longer than the settings let it be.",
        file=f"{GRAPHQL}/compiled/queries.py",
        original="            self._queries.clear()\n",
        replacement="",
        caught_by=(
            "tests/graphql/test_compiled_queries.py::test_settings_leave_it_to_graphql_core",
        ),
    ),
    PlantedBug(
        name="header-after-body",
        breaks="A response without a body is never sent.",
        file=f"{INBOX}/internals/uvicorn_header_writes.py",
        original="            self._loop.call_soon(self.flush)\n",
        replacement="",
        caught_by=(
            "tests/internals/test_header_writes.py::test_a_header_alone_is_held_for_one_turn",
        ),
    ),
    PlantedBug(
        name="compiled-mutation-of-any-scope",
        breaks="A token that may only read changes the inbox.",
        file=f"{GRAPHQL}/mutation_results.py",
        original="return all(allows(scopes, call.right) for call in mutation.calls)",
        replacement="return bool(mutation.calls)",
        caught_by=(f"{MUTATIONS}::test_without_the_scope_graphql_core_reports_it",),
    ),
    PlantedBug(
        name="compiled-mutation-goes-on",
        breaks="After a change that has failed, those behind it in the document are made all the same.",
        file=f"{GRAPHQL}/mutation_results.py",
        original="            return failed(call.field, error)\n        results.append(result)",
        replacement="            result = failed(call.field, error)\n        results.append(result)",
        caught_by=(f"{MUTATIONS}::test_after_an_error_nothing_more_is_done",),
    ),
    PlantedBug(
        name="compiled-mutation-by-get",
        breaks="A link changes the inbox of whoever follows it.",
        file=f"{GRAPHQL}/http_operations.py",
        original='may_change=method == "POST",',
        replacement="may_change=True,",
        caught_by=("tests/graphql/test_view.py::TestGet::test_a_mutation_is_refused",),
    ),
    PlantedBug(
        name="marks-of-revoked-tokens",
        breaks="A mark that is read with the account is made whatever the account's state.",
        file=f"{INBOX}/identity/account_rows.py",
        original="        result = account_result(token, account)\n",
        replacement="        result = account\n",
        caught_by=(
            f"{REQUESTS}::TestMarks::test_who_is_deactivated_marks_nothing",
            "tests/identity/test_account_rows.py::test_columns_that_are_joined_come_with_each_account",
        ),
    ),
    PlantedBug(
        name="marks-of-others",
        breaks="A mark finds the notifications of others.",
        file=f"{INBOX}/services/joined_notification.py",
        original=""" AND notification."recipient_id" = account."{users.pk.column}"'\n""",
        replacement="""'\n""",
        caught_by=(
            "tests/domain/test_joined_notification.py::test_what_is_not_there_is_not_found",
        ),
        stack="production",
    ),
    PlantedBug(
        name="refused-after-the-account-is-read",
        breaks="What exceeds a user's allowance still costs a look-up of the account.",
        file=f"{GRAPHQL}/token_requests.py",
        original="        take_operation_of(known.user_id, scopes, weight)\n",
        replacement="        if chosen is not None:\n            take_operation_of(known.user_id, scopes, weight)\n",
        caught_by=(
            "tests/graphql/test_token_requests.py::TestKnownTokens"
            "::test_what_exceeds_the_allowance_is_refused_before_the_account_is_read",
        ),
    ),
    PlantedBug(
        name="pages-as-cheap-as-lists",
        breaks="One address may have a hundred pages a second rendered.",
        file="backend/live_inbox_site/request_pacing.py",
        original="            self._rates.charge(scope, self._cost)\n",
        replacement="            pass\n",
        caught_by=("tests/test_request_pacing.py::test_what_costs_more_takes_more_of_the_rate",),
    ),
    PlantedBug(
        name="sent-to-hidden-users",
        breaks="Who is hidden by the manager of the project's users gets notifications.",
        file=f"{INBOX}/services/sending.py",
        original="if not has_plain_rows(get_user_model()._default_manager):",
        replacement="if get_user_model()._default_manager is None:",
        caught_by=(
            "tests/domain/test_one_statement.py::test_who_is_hidden_by_the_manager_gets_nothing",
        ),
        stack="production",
    ),
    PlantedBug(
        name="long-lists-of-one-user-at-once",
        breaks="One user's long lists keep several threads computing.",
        file=f"{INBOX}/request_threads.py",
        original="is_long=length > LONG_LIST",
        replacement="is_long=False",
        caught_by=(
            "tests/test_request_threads.py::test_long_reads_of_a_caller_wait_for_each_other",
        ),
    ),
)
