"""Issued tokens, as the verifier and as other services read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from live_inbox.clock import clock
from live_inbox.conf import InboxSettings
from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.keys import secret_id
from live_inbox.identity.revocation import revoke_tokens
from tests.authentication import authenticate_now
from tests.identity.issuer import NOW, SECRET, KeyPair

Configure = Callable[..., InboxSettings]
NEW_SECRET = "the-next-secret-of-the-tests-long-enough"


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice")


def decoded(token: str, secret: str = SECRET) -> dict[str, Any]:
    unchecked = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    complete = jwt.decode_complete(token, secret, algorithms=["HS256"], options=unchecked)  # type: ignore[arg-type]
    return {"header": complete["header"], **complete["payload"]}


def test_an_issued_token_has_the_claims_of_simplejwt(alice: User, configure: Configure) -> None:
    claims = decoded(issue_token(alice, ttl_seconds=60, now=NOW))
    assert len(claims.pop("jti")) == 32
    assert claims == {
        "header": {"alg": "HS256", "typ": "JWT"},
        "token_type": "access",
        "user_id": str(alice.pk),
        "sub": str(alice.pk),
        "iat": NOW,
        "exp": NOW + 60,
    }


def test_an_issued_token_has_the_configured_claims(alice: User, configure: Configure) -> None:
    configure(
        jwt_secret=NEW_SECRET,
        jwt_previous_secrets=[SECRET],
        jwt_audience="inbox",
        jwt_issuer="https://id.example",
        jwt_user_claims=["uid"],
        jwt_user_field="username",
    )
    token = issue_token(alice, ttl_seconds=60, scopes=("a", "b"))
    claims = decoded(token, NEW_SECRET)
    assert claims["header"]["kid"] == secret_id(NEW_SECRET)
    assert (claims["aud"], claims["iss"], claims["scope"]) == ("inbox", "https://id.example", "a b")
    assert {claims[name] for name in ("uid", "user_id", "sub")} == {"alice"}
    caller = authenticate_now(token)
    assert caller.user == alice
    assert caller.scopes == {"a", "b"}


def test_an_issued_token_stays_valid_during_a_rotation_of_secrets(
    alice: User, configure: Configure
) -> None:
    token = issue_token(alice, ttl_seconds=60)
    configure(jwt_secret=NEW_SECRET, jwt_previous_secrets=[SECRET])
    assert authenticate_now(token).user == alice
    configure(jwt_secret=NEW_SECRET)
    with pytest.raises(AuthenticationFailed) as failure:
        authenticate_now(token)
    assert failure.value.reason is Reason.WRONG_KEY


def test_a_token_issued_right_after_a_revocation_is_accepted(
    alice: User, configure: Configure
) -> None:
    old = issue_token(alice, ttl_seconds=60)
    revoke_tokens(user_id=alice.pk)
    new = issue_token(alice, ttl_seconds=60)
    assert authenticate_now(new).user == alice
    with pytest.raises(AuthenticationFailed) as failure:
        authenticate_now(old)
    assert failure.value.reason is Reason.REVOKED


@pytest.mark.parametrize("microsecond", [0, 1, 123_457, 999_999])
def test_a_token_issued_at_the_moment_of_the_revocation_is_accepted(
    microsecond: int, alice: User, configure: Configure
) -> None:
    """The database's datetime and the token's `iat` have the same precision."""
    moment = datetime.now(UTC).replace(microsecond=microsecond)
    revoke_tokens(user_id=alice.pk, now=moment)
    token = issue_token(alice, ttl_seconds=60, now=moment.timestamp())
    assert authenticate_now(token).issued_at == moment.timestamp()


@pytest.mark.parametrize("ttl_seconds", [0, -1, math.inf, math.nan])
def test_the_ttl_must_be_positive(ttl_seconds: float, alice: User, configure: Configure) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        issue_token(alice, ttl_seconds=ttl_seconds)


def test_issuing_without_a_secret_raises(
    alice: User, configure: Configure, key_pairs: dict[str, KeyPair]
) -> None:
    configure(jwt_public_key=key_pairs["ES256"].public_pem, jwt_algorithms=["ES256"])
    with pytest.raises(InvalidIdentityConfig, match="signed elsewhere"):
        issue_token(alice, ttl_seconds=60)
    configure(jwt_secret="")
    with (
        override_settings(SECRET_KEY="too short to sign"),
        pytest.raises(InvalidIdentityConfig, match="JWT_SECRET is empty"),
    ):
        issue_token(alice, ttl_seconds=60)


def test_without_a_secret_djangos_keys_sign_and_verify(alice: User, configure: Configure) -> None:
    configure(jwt_secret="")
    with override_settings(SECRET_KEY=NEW_SECRET):
        token = issue_token(alice, ttl_seconds=60)
        assert authenticate_now(token).user == alice
    with override_settings(SECRET_KEY="another " * 5, SECRET_KEY_FALLBACKS=["short", NEW_SECRET]):
        assert authenticate_now(token).user == alice
    with override_settings(SECRET_KEY="another " * 5), pytest.raises(AuthenticationFailed) as wrong:
        authenticate_now(token)
    assert wrong.value.reason is Reason.WRONG_KEY
    # Django's keys sign other things, too: what is not said to be an access token is none.
    other = jwt.encode({"user_id": alice.pk, "exp": 4e9, "purpose": "unsubscribe"}, NEW_SECRET)
    with override_settings(SECRET_KEY=NEW_SECRET), pytest.raises(AuthenticationFailed) as refused:
        authenticate_now(other)
    assert refused.value.reason is Reason.NOT_ACCESS
    # A key of Django's that is too short to sign is no error of the project's: tokens are refused.
    with override_settings(SECRET_KEY="short"), pytest.raises(AuthenticationFailed) as none:
        authenticate_now(token)
    assert none.value.reason is Reason.WRONG_KEY


def test_a_token_from_a_clock_that_is_ahead_does_not_survive_a_revocation(
    alice: User, configure: Configure
) -> None:
    """Within the leeway, its `iat` may be later than a revocation that is made now."""
    configure(jwt_leeway_seconds=10)
    token = issue_token(alice, ttl_seconds=60, now=clock.time() + 8)
    assert authenticate_now(token).user == alice
    revoke_tokens(user_id=alice.pk)
    with pytest.raises(AuthenticationFailed) as failure:
        authenticate_now(token)
    assert failure.value.reason is Reason.REVOKED


def test_a_token_may_not_be_issued_for_longer_than_it_is_accepted(
    alice: User, configure: Configure
) -> None:
    configure(jwt_max_age_seconds=3600)
    assert issue_token(alice, ttl_seconds=3600)
    with pytest.raises(ValueError, match="3600 at most"):
        issue_token(alice, ttl_seconds=3601)


def test_an_issued_token_meets_the_rules_for_kinds(alice: User, configure: Configure) -> None:
    configure(
        jwt_header_types=["at+jwt"],
        jwt_access_types=["inbox"],
        jwt_require_type=True,
        jwt_client_ids=["app", "web"],
    )
    assert authenticate_now(issue_token(alice, ttl_seconds=60)).user == alice
