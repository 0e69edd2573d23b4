"""manage.py issue_token and revoke_tokens."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.management.commands import issue_token as issue_token_command
from tests.authentication import authenticate_now
from tests.commands.conftest import Run


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_token_authenticates_the_user(run: Run, alice: User, by: str) -> None:
    user = "alice" if by == "name" else alice.pk

    result = run("issue_token", "--user", user, "--quiet")

    assert (result.code, result.err) == (0, "")
    caller = authenticate_now(result.out.removesuffix("\n"))
    assert caller.user == alice
    assert caller.scopes == frozenset()
    assert caller.issued_at is not None
    assert caller.expires_at == pytest.approx(caller.issued_at + 3600)


def test_life_and_scopes_are_as_asked(run: Run, alice: User) -> None:
    scopes = ("--scope", "notifications:send", "--scope", "other")

    result = run("issue_token", "--user", "alice", "--ttl", 90, *scopes, "--quiet")

    caller = authenticate_now(result.out.strip())
    assert caller.scopes == {"notifications:send", "other"}
    assert caller.issued_at is not None
    assert caller.expires_at == pytest.approx(caller.issued_at + 90)


@pytest.mark.parametrize("scope", ["notification:read", "openid,notifications:read", "other"])
def test_scopes_of_which_none_is_ours(run: Run, alice: User, scope: str) -> None:
    result = run("issue_token", "--user", "alice", "--scope", scope)

    assert (result.code, result.out) == (1, "")
    assert "None of these scopes is one of this inbox" in result.err


def test_without_quiet_it_prints_whose_token_it_is(run: Run, alice: User) -> None:
    first, token, end = run("issue_token", "--user", "alice", "--ttl", 90).out.split("\n")

    assert first == f"Token of alice (user {alice.pk}), good for 90 seconds:"
    assert end == ""
    assert authenticate_now(token).user == alice


@pytest.mark.parametrize("ttl", ["0", "-5", "inf", "soon"])
def test_a_life_that_makes_no_sense(run: Run, alice: User, ttl: str) -> None:
    result = run("issue_token", "--user", "alice", f"--ttl={ttl}")

    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[-1] == (
        f"manage.py issue_token: error: argument --ttl: must be a number above 0, not '{ttl}'."
    )


def test_an_unknown_user_gets_no_token(run: Run) -> None:
    result = run("issue_token", "--user", "nobody", "--quiet")

    assert (result.code, result.out) == (1, "")
    assert result.err == "CommandError: There is no user with the id or name 'nobody'.\n"


def test_an_inactive_user_gets_no_token(run: Run, alice: User) -> None:
    User.objects.update(is_active=False)

    result = run("issue_token", "--user", "alice", "--quiet")

    assert (result.code, result.out) == (1, "")
    assert result.err == "CommandError: alice is not active: a token would be refused.\n"


def test_a_server_that_cannot_sign_says_so(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> str:
        raise InvalidIdentityConfig("Tokens are signed elsewhere.")

    monkeypatch.setattr(issue_token_command, "issue_token", refuse)

    result = run("issue_token", "--user", "alice")

    assert (result.code, result.out) == (1, "")
    assert result.err == "CommandError: Tokens are signed elsewhere.\n"


def test_revoked_tokens_are_refused_and_new_ones_are_not(run: Run, alice: User, bob: User) -> None:
    issued = {
        user: run("issue_token", "--user", user.pk, "--quiet").out.strip() for user in (alice, bob)
    }

    result = run("revoke_tokens", "--user", "alice")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Tokens and sessions of alice from before ")
    assert result.out.endswith(
        "open sockets are closed now, or, without a channel layer, within 5 seconds.\n"
    )
    with pytest.raises(AuthenticationFailed) as refused:
        authenticate_now(issued[alice])
    assert refused.value.reason is Reason.REVOKED
    assert authenticate_now(issued[bob]).user == bob
    fresh = run("issue_token", "--user", "alice", "--quiet").out.strip()
    assert authenticate_now(fresh).user == alice


def test_one_token_is_revoked_by_its_id(run: Run, alice: User, bob: User) -> None:
    stolen, kept = (run("issue_token", "--user", "alice", "--quiet").out.strip() for _ in range(2))
    token_id = authenticate_now(stolen).token_id

    assert run("revoke_tokens", "--user", "bob", "--token-id", token_id).code == 0
    assert authenticate_now(stolen).user == alice
    result = run("revoke_tokens", "--user", "alice", "--token-id", token_id)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("The token of alice is refused; open sockets are closed now")
    with pytest.raises(AuthenticationFailed) as refused:
        authenticate_now(stolen)
    assert refused.value.reason is Reason.REVOKED
    assert authenticate_now(kept).user == alice
    assert run("revoke_tokens", "--user", "alice", "--token-id", "x" * 256).code == 1


def test_an_unknown_user_has_no_tokens_to_revoke(run: Run) -> None:
    result = run("revoke_tokens", "--user", "nobody")

    assert (result.code, result.out) == (1, "")
    assert result.err == "CommandError: There is no user with the id or name 'nobody'.\n"
