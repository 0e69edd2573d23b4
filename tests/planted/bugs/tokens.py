"""Bugs in which tokens are accepted, and what their scopes let them do."""

from tests.planted.planted_bug import PlantedBug

IDENTITY = "backend/live_inbox/identity"
GRAPHQL = "graphql_schema/live_inbox_graphql"
JSON = "backend/live_inbox/json_api"

BUGS = (
    PlantedBug(
        name="scope-not-asked-graphql",
        breaks="A token may do whatever its user may, whatever scopes it has.",
        file=f"{GRAPHQL}/fields.py",
        original="        require(caller.scopes, right)\n        return await",
        replacement="        return await",
        caught_by=("tests/both_apis/test_scopes.py::test_graphql_over_http",),
    ),
    PlantedBug(
        name="scope-not-asked-compiled-subscription",
        breaks="A token that may not read follows the inbox by a compiled subscription.",
        file=f"{GRAPHQL}/operations.py",
        original="if caller is None or not allows(caller.scopes, Right.READ):",
        replacement="if caller is None:",
        caught_by=("tests/both_apis/test_scopes.py::test_subscriptions_need_the_scope_to_read",),
    ),
    PlantedBug(
        name="scope-not-asked-subscription",
        breaks="A token that may not read follows the inbox by a subscription that graphql-core executes.",
        file=f"{GRAPHQL}/subscriptions.py",
        original="    require(caller.scopes, Right.READ)\n",
        replacement="",
        caught_by=("tests/both_apis/test_scopes.py::test_subscriptions_need_the_scope_to_read",),
    ),
    PlantedBug(
        name="scope-not-asked-json-changes",
        breaks="A token that may only read changes the inbox by the JSON API.",
        file=f"{JSON}/actions.py",
        original="    require(caller.scopes, Right.WRITE)\n",
        replacement="",
        caught_by=("tests/both_apis/test_scopes.py::test_the_json_api",),
    ),
    PlantedBug(
        name="scope-not-asked-json-connect",
        breaks="A token that may only send is sent the inbox by the JSON API.",
        file=f"{JSON}/consumer.py",
        original="may_read = session.caller is not None and allows(session.caller.scopes, Right.READ)",
        replacement="may_read = True",
        caught_by=(
            "tests/both_apis/test_scopes.py::test_the_json_api_admits_nobody_who_may_not_read",
        ),
    ),
    PlantedBug(
        name="scopes-limit-nothing",
        breaks="A token with scopes has all rights of its user.",
        file=f"{IDENTITY}/scopes.py",
        original="return not is_limited(scopes) or _has(scopes, right)",
        replacement="return bool(scopes) or _has(scopes, right) or not scopes",
        caught_by=("tests/identity/test_scopes.py::test_rights",),
    ),
    PlantedBug(
        name="scope-to-send-reaches-anyone",
        breaks="A token that may send may send to anybody.",
        file=f"{IDENTITY}/scopes.py",
        original="_IMPLIED = {Right.SEND: (Right.SEND_TO_ANYONE,),",
        replacement="_IMPLIED = {Right.SEND_TO_ANYONE: (Right.SEND,), Right.SEND: (Right.SEND_TO_ANYONE,),",
        caught_by=(
            "tests/domain/test_send_policy.py::test_the_scope_to_send_reaches_whom_the_user_may_reach",
        ),
    ),
    PlantedBug(
        name="staff-send-to-anyone",
        breaks="Staff may send to anybody without the permission.",
        file="backend/live_inbox/send_policy.py",
        original="if str(caller.pk) == recipient_id or may_send_to_anyone(scopes):",
        replacement="if str(caller.pk) == recipient_id or may_send_to_anyone(scopes) or caller.is_staff:",
        caught_by=(
            "tests/domain/test_send_policy.py::test_staff_without_the_permission_may_not_send_to_others",
        ),
    ),
    PlantedBug(
        name="required-scopes-not-asked",
        breaks="With JWT_REQUIRE_SCOPES, tokens without scopes are accepted.",
        file=f"{IDENTITY}/tokens.py",
        original="if self._config.requires_scopes and not is_limited(scopes):",
        replacement="if not scopes and self._config.requires_scopes and is_limited(scopes):",
        caught_by=("tests/identity/test_tokens.py::test_scopes_can_be_required",),
    ),
    PlantedBug(
        name="token-id-not-compared",
        breaks="A token that is revoked by its id is accepted again.",
        file=f"{IDENTITY}/accounts.py",
        original="token.token_id in _revoked_ids(user)",
        replacement="token.token_id == _revoked_ids(user)",
        caught_by=("tests/both_apis/test_account_changes.py::test_a_single_token_is_revoked",),
    ),
    PlantedBug(
        name="token-id-not-checked-later",
        breaks="The sockets of a token that is revoked by its id stay open.",
        file=f"{IDENTITY}/admissions.py",
        original="admission.token_id in status.token_ids",
        replacement="admission.token_id == status.token_ids",
        caught_by=(
            "tests/identity/test_admissions.py::test_a_token_that_is_revoked_by_its_id_ends_alone",
        ),
    ),
    PlantedBug(
        name="token-id-not-compared-own-authenticator",
        breaks="Where the project has an authenticator, credentials from before a revocation are accepted.",
        file=f"{IDENTITY}/authenticators.py",
        original="    if path != DEFAULT_AUTHENTICATOR:\n",
        replacement="    if not path:\n",
        caught_by=(
            "tests/identity/test_authenticators.py::test_credentials_from_before_a_revocation_are_refused",
        ),
    ),
    PlantedBug(
        name="header-type-ignored",
        breaks="The header `typ` of a token is not looked at: an ID token or a logout token opens the inbox.",
        file=f"{IDENTITY}/token_kinds.py",
        original="says_access = _check_header(header_type, rules)",
        replacement="says_access = False",
        caught_by=(
            "tests/identity/test_token_kinds.py::test_another_token_of_the_issuer_opens_no_inbox",
        ),
    ),
    PlantedBug(
        name="purpose-ignored",
        breaks="The token of a link to reset a password opens the inbox.",
        file=f"{IDENTITY}/token_kinds.py",
        original="        elif _is_other_kind(value):\n",
        replacement="        elif not value:\n",
        caught_by=(
            "tests/identity/test_token_kinds.py::test_another_token_of_the_issuer_opens_no_inbox",
        ),
    ),
    PlantedBug(
        name="nothing-must-be-said",
        breaks="With JWT_REQUIRE_TYPE, a token that does not say what it is for is accepted.",
        file=f"{IDENTITY}/token_kinds.py",
        original="or (rules.must_say and not says_access)",
        replacement="or (rules.must_say and says_access is None)",
        caught_by=(
            "tests/identity/test_token_kinds.py::test_a_token_can_be_required_to_say_what_it_is",
        ),
    ),
    PlantedBug(
        name="id-token-accepted",
        breaks="An ID token opens the inbox.",
        file=f"{IDENTITY}/token_kinds.py",
        original="is_id_token = not says_access and any(",
        replacement="is_id_token = says_access is None and any(",
        caught_by=(
            "tests/identity/test_token_kinds.py::test_another_token_of_the_issuer_opens_no_inbox",
        ),
    ),
    PlantedBug(
        name="maximum-age-ignored",
        breaks="A token that was issued for years is accepted all that time.",
        file=f"{IDENTITY}/tokens.py",
        original="expires_at = min(expires_at, issued_at + config.max_age_seconds)",
        replacement="expires_at = max(expires_at, issued_at)",
        caught_by=(
            "tests/identity/test_tokens.py::test_a_token_that_is_too_old_is_refused_whatever_its_expiry",
        ),
    ),
    PlantedBug(
        name="age-unknown-and-endless",
        breaks="A token without a time of issue is accepted for years.",
        file=f"{IDENTITY}/tokens.py",
        original="elif expires_at > now + config.max_age_seconds:",
        replacement="elif expires_at > now + 9 * config.max_age_seconds:",
        caught_by=(
            "tests/identity/test_tokens.py::test_a_token_without_a_time_of_issue_expires_within_the_maximum_age",
        ),
    ),
    PlantedBug(
        name="any-audience",
        breaks="A token of a public issuer for another service opens the inbox.",
        file=f"{IDENTITY}/tokens.py",
        original="is_accepted = not audience or not config.signed_elsewhere or bool(config.client_ids)",
        replacement="is_accepted = True",
        caught_by=(
            "tests/identity/test_tokens.py::test_with_a_public_key_an_unexpected_audience_is_refused",
        ),
    ),
    PlantedBug(
        name="any-client",
        breaks="One accepted client among others that a token names is enough.",
        file=f"{IDENTITY}/tokens.py",
        original="if not named or not all(name in config.client_ids for name in named):",
        replacement="if not named or not any(name in config.client_ids for name in named):",
        caught_by=("tests/identity/test_tokens.py::test_a_client_can_be_required",),
    ),
    PlantedBug(
        name="issuer-ahead-survives",
        breaks="A token of an issuer whose clock is ahead survives a revocation.",
        file=f"{IDENTITY}/tokens.py",
        original="None if issued_at is None else self._issuer_clock.issued_at(issued_at)",
        replacement="issued_at",
        caught_by=(
            "tests/identity/test_issuing.py::test_a_token_from_a_clock_that_is_ahead_does_not_survive_a_revocation",
        ),
    ),
    PlantedBug(
        name="keys-over-http",
        breaks="The keys of an issuer come over http in production.",
        file="backend/live_inbox/http_client.py",
        original='return "must be an https address in production"',
        replacement="return None",
        caught_by=("tests/identity/test_jwks.py::test_keys_come_over_https",),
    ),
    PlantedBug(
        name="keys-of-two-families",
        breaks="One public key verifies tokens of two families of algorithms.",
        file=f"{IDENTITY}/keys.py",
        original="    if len(families) > 1:\n",
        replacement="    if len(families) > 9:\n",
        caught_by=(
            "tests/identity/test_tokens.py::test_a_key_is_not_used_with_two_kinds_of_padding",
        ),
    ),
    PlantedBug(
        name="token-before-its-time",
        breaks="A token is accepted before it is valid.",
        file=f"{IDENTITY}/tokens.py",
        original='        self._not_before(claims, "nbf", now)\n',
        replacement="",
        caught_by=("tests/identity/test_tokens.py::test_attacks",),
    ),
    PlantedBug(
        name="audience-of-another-kind",
        breaks="A token for `accounts:reset` opens the inbox where no audience is configured.",
        file=f"{IDENTITY}/tokens.py",
        original="        check_audience_kind(audience)\n",
        replacement="",
        caught_by=(
            "tests/identity/test_token_kinds.py::test_another_token_of_the_issuer_opens_no_inbox",
        ),
    ),
    PlantedBug(
        name="logout-token-accepted",
        breaks="A logout token opens the inbox.",
        file=f"{IDENTITY}/token_kinds.py",
        original='or isinstance(claims.get("events"), dict)',
        replacement="",
        caught_by=(
            "tests/identity/test_token_kinds.py::test_another_token_of_the_issuer_opens_no_inbox",
        ),
    ),
    PlantedBug(
        name="issuer-ahead-forgotten",
        breaks="That an issuer's clock is ahead is forgotten with the token that has shown it.",
        file=f"{IDENTITY}/issuer_clock.py",
        original="return self._ahead_seconds if now - self._seen_at < REMEMBERED_SECONDS else 0.0",
        replacement="return 0.0",
        caught_by=(
            "tests/identity/test_tokens.py::test_the_clock_of_an_issuer_that_was_ahead_is_ahead_for_an_hour",
        ),
    ),
    PlantedBug(
        name="keys-over-http-from-an-address",
        breaks="The keys of an issuer come over http from any address that is a number.",
        file="backend/live_inbox/http_client.py",
        original="return ip_address(host).is_loopback",
        replacement="return bool(ip_address(host))",
        caught_by=("tests/identity/test_jwks.py::test_keys_come_over_https",),
    ),
)
