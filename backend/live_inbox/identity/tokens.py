"""What a signed token says, and whether to believe it. No Django, no event loop."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jwt

from live_inbox.identity.errors import AuthenticationFailed, InvalidTokenRules, Reason
from live_inbox.identity.keys import Keys, PublicKeys, SharedSecrets, signatures
from live_inbox.identity.published_keys import PublishedKeys

if TYPE_CHECKING:
    from live_inbox.identity.keys import Key

MAX_TOKEN_LENGTH = 8192
MAX_USER_REF_LENGTH = 255
# Times beyond it (the year 33658) are this one, so that none overflows a float or a date.
FAR = 10**12


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are accepted. The keys are `jwks_url`, else `public_key`, else `secrets`."""

    algorithms: tuple[str, ...] = ("HS256",)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    public_key: str = ""
    jwks_url: str = ""
    audience: str = ""
    issuer: str = ""
    leeway_seconds: float = 10
    max_ttl_seconds: float = 86_400
    user_claims: tuple[str, ...] = ("user_id", "sub")

    @property
    def signed_elsewhere(self) -> bool:
        """Whether only the issuer can sign: this server holds no secret."""
        return bool(self.jwks_url or self.public_key)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The claims that count, of a token that is genuine and in force.

    `expires_at` is the moment from which the token is refused, tolerance included, and at most the
    longest permitted life away. Times are unix seconds.
    """

    user_ref: str
    scopes: frozenset[str]
    issued_at: float | None
    expires_at: float
    token_id: str


class TokenVerifier:
    """Verifies tokens against one set of rules. Thread-safe; keep it, for it holds the keys."""

    def __init__(self, rules: TokenRules, *, clock: Callable[[], float] = time.time) -> None:
        self._rules = rules
        self._keys = _keys(rules)
        self._signatures = signatures(rules.algorithms)
        self._clock = clock
        if not rules.user_claims:
            raise InvalidTokenRules("JWT_USER_CLAIMS is empty: name the claim that holds the user.")

    def may_block(self, token: str) -> bool:
        """Whether `verify` would ask the network for keys: then keep it off the event loop."""
        try:
            return self._keys.may_block(_key_id(token))
        except AuthenticationFailed:
            return False

    def verify(self, token: str, *, fetch: bool = True) -> VerifiedToken:
        """Return what the token says, or raise AuthenticationFailed with the reason.

        With `fetch=False` it makes do with the keys that are here, and never blocks.
        """
        claims = self._signed_claims(token, self._keys.candidates(_key_id(token), fetch=fetch))
        _check_issuer(claims, self._rules)
        _check_audience(claims, self._rules)
        if "token_type" in claims and claims["token_type"] != "access":
            raise AuthenticationFailed(Reason.REFRESH)
        now = self._clock()
        expires_at = self._expiry(claims, now)
        return VerifiedToken(
            user_ref=_user_ref(claims, self._rules.user_claims),
            scopes=_scopes(claims),
            issued_at=self._beginning(claims, "iat", now),
            expires_at=expires_at,
            token_id=_token_id(claims),
        )

    def _signed_claims(self, token: str, keys: Sequence[Key]) -> dict[str, Any]:
        for key in keys:
            try:
                payload = self._signatures.decode(token, key, algorithms=self._rules.algorithms)
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
                continue  # not of this key, perhaps of the next
            except jwt.PyJWTError as error:
                raise AuthenticationFailed(Reason.MALFORMED) from error
            return _claims(payload)
        raise AuthenticationFailed(Reason.WRONG_KEY)

    def _expiry(self, claims: Mapping[str, Any], now: float) -> float:
        self._beginning(claims, "nbf", now)
        expires_at = _instant(claims["exp"]) + self._rules.leeway_seconds
        if expires_at <= now:
            raise AuthenticationFailed(Reason.EXPIRED)
        return min(expires_at, now + self._rules.max_ttl_seconds)

    def _beginning(self, claims: Mapping[str, Any], claim: str, now: float) -> float | None:
        if claims.get(claim) is None:
            return None
        instant = _instant(claims[claim])
        if instant > now + self._rules.leeway_seconds:
            raise AuthenticationFailed(Reason.NOT_YET_VALID)
        return instant


def _keys(rules: TokenRules) -> Keys:
    if rules.jwks_url and rules.public_key:
        raise InvalidTokenRules("Set JWT_JWKS_URL or JWT_PUBLIC_KEY, not both.")
    if rules.jwks_url:
        return PublishedKeys(rules.jwks_url, rules.algorithms)
    if rules.public_key:
        return PublicKeys(rules.public_key, rules.algorithms)
    return SharedSecrets(rules.secrets, rules.algorithms)


def _key_id(token: str) -> str | None:
    if not token:
        raise AuthenticationFailed(Reason.MISSING)
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise AuthenticationFailed(Reason.MALFORMED)
    return _key_id_in(token.partition(".")[0])


# All tokens of an issuer begin alike.
@lru_cache(maxsize=64)
def _key_id_in(header: str) -> str | None:
    try:
        key_id = jwt.get_unverified_header(header + "..").get("kid")
    except jwt.PyJWTError as error:
        raise AuthenticationFailed(Reason.MALFORMED) from error
    return key_id if isinstance(key_id, str) else None


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise AuthenticationFailed(Reason.MALFORMED) from error
    if not isinstance(claims, dict) or claims.get("exp") is None:
        raise AuthenticationFailed(Reason.MALFORMED)
    return claims


def _check_issuer(claims: Mapping[str, Any], rules: TokenRules) -> None:
    if rules.issuer and claims.get("iss") != rules.issuer:
        raise AuthenticationFailed(Reason.WRONG_ISSUER)


def _check_audience(claims: Mapping[str, Any], rules: TokenRules) -> None:
    named = claims.get("aud")
    if rules.audience:
        names = [named] if isinstance(named, str) else named
        is_meant = (
            isinstance(names, list)
            and all(isinstance(name, str) for name in names)
            and rules.audience in names
        )
    else:
        # simplejwt ignores an audience that it was not told to expect, and with a secret of our own
        # that is harmless. A public issuer signs for many services: there it would let in the
        # tokens of all of them.
        is_meant = not named or not rules.signed_elsewhere
    if not is_meant:
        raise AuthenticationFailed(Reason.WRONG_AUDIENCE)


def _instant(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AuthenticationFailed(Reason.MALFORMED)
    if isinstance(value, float) and not math.isfinite(value):
        raise AuthenticationFailed(Reason.MALFORMED)
    return float(min(max(value, -FAR), FAR))


def _user_ref(claims: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((claims[name] for name in names if claims.get(name) is not None), None)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise AuthenticationFailed(Reason.NO_USER)
    user_ref = str(value)
    if not user_ref.strip() or len(user_ref) > MAX_USER_REF_LENGTH or not user_ref.isprintable():
        raise AuthenticationFailed(Reason.NO_USER)
    return user_ref


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for value in (claims.get("scope"), claims.get("scopes")):
        if isinstance(value, str):
            found.update(value.split())
        elif isinstance(value, list):
            found.update(scope for scope in value if isinstance(scope, str) and scope)
    return frozenset(found)


def _token_id(claims: Mapping[str, Any]) -> str:
    value = claims.get("jti")
    return value if isinstance(value, str) else ""
