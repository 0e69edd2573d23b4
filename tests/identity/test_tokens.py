"""Accepted tokens, and the reason for each refused one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.keys import secret_id
from live_inbox.identity.tokens import TokenConfig, TokenVerifier, VerifiedToken
from tests.identity.issuer import NOW, SECRET, Clock, KeyPair

# Slow machines are no reason to fail.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

OLD_SECRET = "the-secret-before-that-one-also-long-enough"
FOREIGN_SECRET = "the-secret-of-a-stranger-long-enough-as-well"
RULES = TokenConfig(secrets=(SECRET,))


def verifier(**config: Any) -> TokenVerifier:
    return TokenVerifier(TokenConfig(**({"secrets": (SECRET,)} | config)), clock=Clock(NOW))


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of djangorestframework-simplejwt 5.5; None removes one."""
    simplejwt = {
        "token_type": "access",
        "exp": int(NOW) + 300,
        "iat": int(NOW) - 10,
        "jti": "8c2fa0e4b6a74ba5a6f9f3a0b3a4a2a1",
        "user_id": "7",
    }
    return {name: value for name, value in (simplejwt | changes).items() if value is not None}


def signed(key: str = SECRET, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm="HS256", headers=headers)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: str, payload: str, secret: bytes = SECRET.encode()) -> str:
    """Return a token with exactly these texts and a valid HMAC."""
    signing_input = f"{base64url(header.encode())}.{base64url(payload.encode())}"
    signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{base64url(signature)}"


def refusal(checked: TokenVerifier, token: str) -> Reason:
    with pytest.raises(AuthenticationFailed) as failure:
        checked.verify(token)
    return failure.value.reason


HS256 = '{"alg":"HS256","typ":"JWT"}'
UNENCODED = '{"alg":"HS256","b64":false,"crit":["b64"]}'
HALF_A_CHARACTER = '{"user_id":"\\ud800","exp":1800000300}'


def payload(exp: str) -> str:
    return f'{{"user_id":"7","exp":{exp}}}'


def unsigned(header: str) -> str:
    return forged(header, payload("1800000300")).rpartition(".")[0] + "."


# -- what is accepted -----------------------------------------------------------------------------


def test_a_token_of_simplejwt_is_accepted() -> None:
    assert verifier().verify(signed()) == VerifiedToken(
        user_ref="7",
        scopes=frozenset(),
        issued_at=NOW - 10,
        expires_at=NOW + 310,
        token_id="8c2fa0e4b6a74ba5a6f9f3a0b3a4a2a1",
    )


@pytest.mark.parametrize(
    ("changes", "user_ref"),
    [
        ({"user_id": 7}, "7"),
        ({"user_id": None, "sub": "alice"}, "alice"),
        ({"user_id": None, "sub": 12}, "12"),
        ({"user_id": "7", "sub": "alice"}, "7"),
        (
            {"user_id": "6f1c2a52-7f0b-4b64-9d51-0a4a4c7b6c11"},
            "6f1c2a52-7f0b-4b64-9d51-0a4a4c7b6c11",
        ),
        ({"user_id": "Zoë"}, "Zoë"),
        ({"user_id": -1}, "-1"),
        ({"user_id": "u" * 255}, "u" * 255),
    ],
)
def test_the_first_present_claim_identifies_the_user(changes: Any, user_ref: str) -> None:
    assert verifier().verify(signed(**changes)).user_ref == user_ref


def test_the_user_claims_are_configurable() -> None:
    checked = verifier(user_claims=("email", "upn"))
    assert checked.verify(signed(upn="a@example.com")).user_ref == "a@example.com"
    assert refusal(checked, signed()) is Reason.NO_USER


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": "notifications:send  inbox:read"}, {"notifications:send", "inbox:read"}),
        ({"scopes": ["a", "b", "", 3, None]}, {"a", "b"}),
        ({"scope": ["a"], "scopes": "b c"}, {"a", "b", "c"}),
        ({"scope": {"a": 1}, "scopes": 5}, set()),
        ({"scp": ["openid notifications:read"]}, {"openid", "notifications:read"}),
    ],
)
def test_scopes(changes: Any, scopes: set[str]) -> None:
    assert verifier().verify(signed(**changes)).scopes == scopes


@pytest.mark.parametrize(
    "value", [{"notifications:read": True}, [["notifications:read"]], [{"a": "Notifications:read"}]]
)
def test_scopes_of_ours_in_another_shape_are_refused(value: Any) -> None:
    """Left out, they would give the token all rights of its user."""
    for name in ("scope", "scopes", "scp"):
        assert refusal(verifier(), signed(**{name: value})) is Reason.MALFORMED


@pytest.mark.parametrize(("value", "token_id"), [("", None), (None, None), (5, "5")])
def test_the_id_of_a_token(value: Any, token_id: str | None) -> None:
    assert verifier().verify(signed(jti=value)).token_id == token_id


@pytest.mark.parametrize("value", [True, 1.5, [1], {}])
def test_an_id_that_no_token_can_be_revoked_by_is_refused(value: Any) -> None:
    assert refusal(verifier(), signed(jti=value)) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("exp", "expires_at"),
    [
        (str(int(NOW) - 9), NOW + 1),
        (str(NOW + 0.5), NOW + 10.5),
        (str(int(NOW) + 86_389), NOW + 86_399),
        (str(int(NOW) + 86_400), NOW + 86_400),
        ("1e308", NOW + 86_400),
        ("1" + "0" * 4000, NOW + 86_400),
    ],
)
def test_expires_at_includes_the_leeway_and_the_maximum_ttl(exp: str, expires_at: float) -> None:
    issued = f'{exp},"iat":{int(NOW)}'
    assert verifier().verify(forged(HS256, payload(issued))).expires_at == expires_at


def test_a_token_is_accepted_until_its_expires_at() -> None:
    clock = Clock(NOW)
    checked = TokenVerifier(RULES, clock=clock)
    token = signed()
    clock.now = checked.verify(token).expires_at - 0.001
    assert checked.verify(token).expires_at == NOW + 310
    clock.now = NOW + 310
    assert refusal(checked, token) is Reason.EXPIRED


@pytest.mark.parametrize(
    ("changes", "issued_at"),
    [({"iat": None}, None), ({"iat": NOW - 0.5}, NOW - 0.5), ({"iat": NOW + 0.5}, NOW + 0.5)],
)
def test_the_time_of_issue_is_optional(changes: Any, issued_at: float | None) -> None:
    assert verifier().verify(signed(**changes)).issued_at == issued_at


@pytest.mark.parametrize("lifetime", [30, 30 * 365])
def test_a_token_that_is_too_old_is_refused_whatever_its_expiry(lifetime: int) -> None:
    """A token for thirty years would work over HTTP for thirty years."""
    day = 86_400
    clock = Clock(NOW)
    checked = TokenVerifier(RULES, clock=clock)
    token = signed(iat=int(NOW), exp=int(NOW) + lifetime * day)
    oldest = NOW + min(lifetime, 365) * day
    clock.now = oldest + 9
    assert checked.verify(token).expires_at == oldest + 10
    clock.now += 1
    assert refusal(checked, token) is Reason.EXPIRED


def test_a_token_without_a_time_of_issue_expires_within_the_maximum_age() -> None:
    checked = verifier(max_age_seconds=600)
    assert checked.verify(signed(iat=None, exp=int(NOW) + 600)).expires_at == NOW + 610
    assert refusal(checked, signed(iat=None, exp=int(NOW) + 601)) is Reason.TOO_LONG
    assert refusal(checked, forged(HS256, payload("1e308"))) is Reason.TOO_LONG


# -- an issuer whose clock is ahead ---------------------------------------------------------------


def test_a_token_from_the_future_may_have_been_issued_before() -> None:
    """Otherwise it would survive a revocation that is made now."""
    issued_at = verifier().verify(signed(iat=NOW + 9)).issued_at
    assert issued_at == NOW - 1


def test_the_clock_of_an_issuer_that_was_ahead_is_ahead_for_an_hour() -> None:
    clock = Clock(NOW)
    checked = TokenVerifier(RULES, clock=clock)
    hour = int(NOW) + 7200
    token = signed(iat=NOW + 9, exp=hour)
    checked.verify(token)
    clock.now = NOW + 60
    assert checked.verify(token).issued_at == NOW
    assert checked.verify(signed(iat=NOW + 50, exp=hour)).issued_at == NOW + 41
    clock.now = NOW + 3600
    assert checked.verify(token).issued_at == NOW + 9


# -- rotation -------------------------------------------------------------------------------------


def test_previous_secrets_still_verify() -> None:
    checked = verifier(secrets=(SECRET, OLD_SECRET))
    for secret in (SECRET, OLD_SECRET):
        for headers in (None, {"kid": secret_id(secret)}, {"kid": "the issuer's own name"}):
            assert checked.verify(signed(secret, headers)).user_ref == "7"
    assert refusal(checked, signed(FOREIGN_SECRET)) is Reason.WRONG_KEY
    assert refusal(verifier(), signed(OLD_SECRET)) is Reason.WRONG_KEY


def test_a_token_with_a_known_kid_is_verified_with_that_secret_only() -> None:
    checked = verifier(secrets=(SECRET, OLD_SECRET))
    assert refusal(checked, signed(OLD_SECRET, {"kid": secret_id(SECRET)})) is Reason.WRONG_KEY


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_public_keys_verify(algorithm: str, key_pairs: dict[str, KeyPair]) -> None:
    pair = key_pairs[algorithm]
    checked = verifier(secrets=(), public_key=pair.public_pem, algorithms=(algorithm,))
    token = jwt.encode(claims(), pair.private, algorithm=algorithm)
    assert checked.verify(token).user_ref == "7"
    assert not checked.may_block(token)
    head, body, signature = token.split(".")
    other = base64url(json.dumps(claims(user_id="8")).encode())
    assert refusal(checked, f"{head}.{other}.{signature}") is Reason.WRONG_KEY
    assert refusal(checked, f"{head}.{body}.") is Reason.WRONG_KEY
    assert refusal(checked, signed()) is Reason.WRONG_KEY


def test_several_public_keys_verify(key_pairs: dict[str, KeyPair]) -> None:
    pems = key_pairs["RS256"].public_pem + key_pairs["other"].public_pem
    checked = verifier(secrets=(), public_key=pems, algorithms=("RS256", "RS512"))
    for name, algorithm in (("RS256", "RS256"), ("other", "RS512")):
        token = jwt.encode(claims(), key_pairs[name].private, algorithm=algorithm)
        assert checked.verify(token).user_ref == "7"


# -- what is refused ------------------------------------------------------------------------------

ATTACKS: dict[str, tuple[str, Reason]] = {
    "nothing": ("", Reason.MISSING),
    "garbage": ("garbage", Reason.MALFORMED),
    "dots": ("...", Reason.MALFORMED),
    "not ascii": ("é" * 20, Reason.MALFORMED),
    "half a character": ("\ud800.a.b", Reason.MALFORMED),
    "control characters": ("a\x00b\r\n.c.d", Reason.MALFORMED),
    "oversized": (signed(note="x" * 8192), Reason.MALFORMED),
    "header is a list": (forged("[]", payload("1800000300")), Reason.MALFORMED),
    "header is deep": (forged("[" * 5000, payload("1800000300")), Reason.MALFORMED),
    "claims are a list": (forged(HS256, "[1]"), Reason.MALFORMED),
    "claims are not JSON": (forged(HS256, "{"), Reason.MALFORMED),
    "claims are deep": (forged(HS256, '{"a":' * 1100), Reason.MALFORMED),
    "user is half a character": (forged(HS256, HALF_A_CHARACTER), Reason.NO_USER),
    "unknown critical extension": (signed(headers={"crit": ["x"], "x": 1}), Reason.MALFORMED),
    "unencoded payload": (forged(UNENCODED, "x"), Reason.MALFORMED),
    "no algorithm": (forged("{}", payload("1800000300")), Reason.WRONG_KEY),
    "algorithm none": (unsigned('{"alg":"none"}'), Reason.WRONG_KEY),
    "algorithm None": (forged('{"alg":"None"}', payload("1800000300")), Reason.WRONG_KEY),
    "algorithm is a list": (forged('{"alg":["HS256"]}', payload("1800000300")), Reason.WRONG_KEY),
    "other HMAC": (jwt.encode(claims(), SECRET * 2, algorithm="HS512"), Reason.WRONG_KEY),
    "stranger's secret": (signed(FOREIGN_SECRET), Reason.WRONG_KEY),
    "no signature": (unsigned(HS256), Reason.WRONG_KEY),
    "kid is a path": (signed(FOREIGN_SECRET, {"kid": "../../dev/null"}), Reason.WRONG_KEY),
    "kid is a query": (signed(FOREIGN_SECRET, {"kid": "' OR 1=1 --"}), Reason.WRONG_KEY),
    "kid is a number": (forged('{"alg":"HS256","kid":7}', payload("1800000300")), Reason.MALFORMED),
    "key in the header": (
        signed(FOREIGN_SECRET, {"jwk": {"kty": "oct", "k": base64url(FOREIGN_SECRET.encode())}}),
        Reason.WRONG_KEY,
    ),
    "key at an address": (signed(FOREIGN_SECRET, {"jku": "http://127.0.0.1:1/"}), Reason.WRONG_KEY),
    "expired": (signed(exp=int(NOW) - 10), Reason.EXPIRED),
    "expired for ever": (forged(HS256, payload("-1e308")), Reason.EXPIRED),
    "no exp": (signed(exp=None), Reason.MALFORMED),
    "exp is null": (forged(HS256, payload("null")), Reason.MALFORMED),
    "exp is text": (forged(HS256, payload('"1900000000"')), Reason.MALFORMED),
    "exp is true": (forged(HS256, payload("true")), Reason.MALFORMED),
    "exp is infinite": (forged(HS256, payload("Infinity")), Reason.MALFORMED),
    "exp overflows": (forged(HS256, payload("1e999")), Reason.MALFORMED),
    "exp is no number": (forged(HS256, payload("NaN")), Reason.MALFORMED),
    "exp has 5000 digits": (forged(HS256, payload("9" * 5000)), Reason.MALFORMED),
    "issued in the future": (signed(iat=int(NOW) + 11), Reason.NOT_YET_VALID),
    "issued at the end of time": (signed(iat=1e308), Reason.NOT_YET_VALID),
    "iat is text": (signed(iat="yesterday"), Reason.MALFORMED),
    "not yet valid": (signed(nbf=int(NOW) + 11), Reason.NOT_YET_VALID),
    "nbf is a list": (signed(nbf=[1]), Reason.MALFORMED),
    "refresh token": (signed(token_type="refresh"), Reason.REFRESH),
    "sliding token": (signed(token_type="sliding"), Reason.NOT_ACCESS),
    "token type is null": (forged(HS256, payload('1.8e9,"token_type":null')), Reason.NOT_ACCESS),
    "nobody": (signed(user_id=None), Reason.NO_USER),
    "empty user": (signed(user_id=""), Reason.NO_USER),
    "blank user": (signed(user_id="  "), Reason.NO_USER),
    "user is true": (signed(user_id=True), Reason.NO_USER),
    "user is a fraction": (signed(user_id=7.0), Reason.NO_USER),
    "user is a list": (signed(user_id=["7"]), Reason.NO_USER),
    "bad user does not fall through": (signed(user_id=["7"], sub="7"), Reason.NO_USER),
    "user with a null character": (signed(user_id="7\x00"), Reason.NO_USER),
    "user too long": (signed(user_id="u" * 256), Reason.NO_USER),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(name: str) -> None:
    token, reason = ATTACKS[name]
    checked = verifier()
    assert refusal(checked, token) is reason
    assert checked.may_block(token) is False


def test_a_public_key_is_not_accepted_as_a_shared_secret(key_pairs: dict[str, KeyPair]) -> None:
    """Algorithm confusion: the attacker uses the public key as an HMAC secret."""
    pem = key_pairs["RS256"].public_pem
    for algorithms in (("RS256",), ("RS256", "RS512")):
        checked = verifier(secrets=(), public_key=pem, algorithms=algorithms)
        for secret in (pem.encode(), pem.strip().encode()):
            token = forged(HS256, payload("1800000300"), secret)
            assert refusal(checked, token) is Reason.WRONG_KEY


@PATIENT
@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"))
def test_any_text_is_refused_without_an_error(text: str) -> None:
    with pytest.raises(AuthenticationFailed):
        verifier().verify(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["exp", "iat", "nbf", "aud", "iss", "sub", "jti", "user_id", "token_type", "scope", "scopes"]
)


@PATIENT
@given(st.dictionaries(NAMES, JSON), st.dictionaries(st.sampled_from(["alg", "kid", "crit"]), JSON))
def test_any_signed_claims_are_refused_or_within_bounds(changes: Any, header: Any) -> None:
    """A holder of the secret can sign any claims: they are refused, or the result is within bounds."""
    token = forged(json.dumps({"alg": "HS256"} | header), json.dumps(claims() | changes))
    try:
        verified = verifier(audience="here", issuer="there").verify(token)
    except AuthenticationFailed:
        return
    assert NOW < verified.expires_at <= NOW + 86_400


# -- audience and issuer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        ("inbox", None),
        (["other", "inbox"], None),
        ("other", Reason.WRONG_AUDIENCE),
        (["other"], Reason.WRONG_AUDIENCE),
        ({"inbox": 1}, Reason.WRONG_AUDIENCE),
        ([7], Reason.WRONG_AUDIENCE),
        (None, Reason.WRONG_AUDIENCE),
    ],
)
def test_a_configured_audience_is_required(aud: Any, reason: Reason | None) -> None:
    checked = verifier(audience="inbox")
    if reason is None:
        assert checked.verify(signed(aud=aud)).user_ref == "7"
    else:
        assert refusal(checked, signed(aud=aud)) is reason


def test_with_a_shared_secret_an_unexpected_audience_is_ignored_as_by_simplejwt() -> None:
    assert verifier().verify(signed(aud="anything")).user_ref == "7"


def test_with_a_public_key_an_unexpected_audience_is_refused(
    key_pairs: dict[str, KeyPair],
) -> None:
    pair = key_pairs["ES256"]
    config = {"secrets": (), "public_key": pair.public_pem, "algorithms": ("ES256",)}
    token = jwt.encode(claims(aud="other"), pair.private, algorithm="ES256")
    assert refusal(verifier(**config), token) is Reason.WRONG_AUDIENCE
    assert verifier(audience="other", **config).verify(token).user_ref == "7"


@pytest.mark.parametrize("iss", ["https://evil.example", None])
def test_a_configured_issuer_is_required(iss: str | None) -> None:
    checked = verifier(issuer="https://id.example")
    assert checked.verify(signed(iss="https://id.example")).user_ref == "7"
    assert refusal(checked, signed(iss=iss)) is Reason.WRONG_ISSUER
    assert refusal(checked, forged(HS256, payload('1800000300,"iss":[]'))) is Reason.WRONG_ISSUER


@pytest.mark.parametrize(
    ("changes", "is_accepted"),
    [
        ({"client_id": "app"}, True),
        ({"azp": "web"}, True),
        ({"cid": "app", "aud": "api://default"}, True),
        ({"client_id": "app", "azp": "web"}, True),
        ({}, False),
        ({"client_id": "other"}, False),
        ({"client_id": "app", "azp": "other"}, False),
        ({"client_id": ["app"]}, False),
    ],
)
def test_a_client_can_be_required(
    changes: Any, is_accepted: bool, key_pairs: dict[str, KeyPair]
) -> None:
    """Access tokens of Cognito have `client_id` and no `aud`."""
    pair = key_pairs["ES256"]
    checked = verifier(
        secrets=(),
        public_key=pair.public_pem,
        algorithms=("ES256",),
        client_ids=("app", "web"),
    )
    token = jwt.encode(claims(**changes), pair.private, algorithm="ES256")
    if is_accepted:
        assert checked.verify(token).user_ref == "7"
    else:
        assert refusal(checked, token) is Reason.WRONG_AUDIENCE


WORDS = st.sampled_from(["here", "there", ""]) | JSON


def accepted_by_pyjwt(token: str, audience: str, issuer: str) -> bool:
    """Whether PyJWT accepts the token. It does not check the times."""
    times = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    names = {"verify_sub": False, "verify_jti": False, "verify_aud": bool(audience)}
    options: Any = {"require": ["exp"], **times, **names}
    try:
        jwt.decode(
            token,
            SECRET,
            algorithms=["HS256"],
            audience=audience or None,
            issuer=issuer or None,
            options=options,
        )
    except jwt.PyJWTError:
        return False
    return True


@PATIENT
@given(
    changes=st.fixed_dictionaries({}, optional={"aud": WORDS | st.lists(WORDS), "iss": WORDS}),
    audience=st.sampled_from(["", "here"]),
    issuer=st.sampled_from(["", "there"]),
)
def test_audience_and_issuer_are_checked_as_by_pyjwt(
    changes: Any, audience: str, issuer: str
) -> None:
    token = forged(HS256, json.dumps(claims() | changes))
    checked = verifier(audience=audience, issuer=issuer)
    if accepted_by_pyjwt(token, audience, issuer):
        assert checked.verify(token).user_ref == "7"
    else:
        assert refusal(checked, token) in {Reason.WRONG_AUDIENCE, Reason.WRONG_ISSUER}


# -- config that cannot work -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"secrets": ("",)}, "JWT_SECRET is empty: set it to a random string of 32 characters or more."),
        ({"secrets": ("short",)}, "JWT_SECRET or JWT_PREVIOUS_SECRETS is too short for HS256: "),
        ({"secrets": (SECRET, "short")}, "JWT_SECRET or JWT_PREVIOUS_SECRETS is too short"),
        ({"secrets": (SECRET,) * 11}, "JWT_PREVIOUS_SECRETS has more than nine entries"),
        ({"algorithms": ("HS512",)}, "JWT_SECRET or JWT_PREVIOUS_SECRETS is too short for HS512: "),
        ({"algorithms": ("RS256",)}, "JWT_SECRET or JWT_PREVIOUS_SECRETS does not fit RS256: "),
        ({"algorithms": ("HS256", "none")}, "JWT_ALGORITHMS must not contain `none`"),
        ({"algorithms": ("HS257",)}, "JWT_ALGORITHMS: unknown algorithm 'HS257'."),
        ({"algorithms": ()}, "JWT_ALGORITHMS is empty."),
        ({"user_claims": ()}, "JWT_USER_CLAIMS is empty"),
        ({"public_key": "secret"}, "JWT_PUBLIC_KEY is not a PEM public key"),
        ({"jwks_url": "https://id.example/jwks"}, "JWT_JWKS_URL publishes public keys"),
        ({"jwks_url": "file:///etc/passwd", "algorithms": ("RS256",)}, "JWT_JWKS_URL is not"),
        ({"jwks_url": "https://id.example", "public_key": "x"}, "Set JWT_JWKS_URL or JWT_"),
    ],
)  # fmt: skip
def test_an_invalid_configuration_is_refused_at_startup(config: Any, message: str) -> None:
    with pytest.raises(InvalidIdentityConfig) as failure:
        verifier(**config)
    assert str(failure.value).startswith(message)


def test_a_key_is_used_with_one_algorithm_family_only(key_pairs: dict[str, KeyPair]) -> None:
    pair = key_pairs["RS256"]
    for config in (
        {"public_key": pair.public_pem, "algorithms": ("HS256",)},
        {"public_key": pair.public_pem, "algorithms": ("RS256", "HS256")},
        {"public_key": pair.public_pem, "algorithms": ("RS256", "ES256")},
        {"public_key": pair.public_pem, "algorithms": ("EdDSA",)},
        {"public_key": pair.public_pem + key_pairs["ES256"].public_pem, "algorithms": ("RS256",)},
        {"secrets": (pair.public_pem,), "algorithms": ("HS256",)},
    ):
        with pytest.raises(InvalidIdentityConfig, match="does not fit"):
            verifier(**config)


def test_a_key_is_not_used_with_two_kinds_of_padding(key_pairs: dict[str, KeyPair]) -> None:
    pem = key_pairs["RS256"].public_pem
    with pytest.raises(InvalidIdentityConfig, match="PS and RS, which do not fit one key"):
        verifier(secrets=(), public_key=pem, algorithms=("RS256", "PS256"))


def test_a_private_key_is_refused_as_a_public_key(key_pairs: dict[str, KeyPair]) -> None:
    with pytest.raises(InvalidIdentityConfig, match="has a private key in it"):
        verifier(public_key=key_pairs["RS256"].private_pem, algorithms=("RS256",))


def test_secrets_are_not_in_the_repr() -> None:
    assert SECRET not in repr(RULES)
    assert SECRET not in secret_id(SECRET)


def test_every_reason_has_a_message() -> None:
    for reason in Reason:
        assert AuthenticationFailed(reason).message.endswith(".")
    unknown, inactive = (
        AuthenticationFailed(Reason.UNKNOWN_USER),
        AuthenticationFailed(Reason.INACTIVE),
    )
    assert unknown.message == inactive.message


def test_scopes_can_be_required() -> None:
    checked = verifier(requires_scopes=True)
    without: list[dict[str, Any]] = [{}, {"scope": "openid profile"}]
    for changes in without:
        assert refusal(checked, signed(**changes)) is Reason.SCOPE
    for claim in ("scope", "scopes", "scp"):
        changes = {claim: "openid notifications:read"}
        assert checked.verify(signed(**changes)).user_ref == "7"
