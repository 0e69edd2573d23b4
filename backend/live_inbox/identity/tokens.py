"""Verifies signed tokens (JWT, RFC 7519) and reads their claims. No Django, no event loop."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jwt

from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.issuer_clock import IssuerClock
from live_inbox.identity.jwks import STALE_SECONDS, JwksKeys
from live_inbox.identity.keys import (
    Keys,
    NoKeys,
    PublicKeys,
    SharedSecrets,
    known_algorithms,
    signatures,
)
from live_inbox.identity.scopes import PREFIX, is_limited
from live_inbox.identity.token_kinds import KindRules, check_audience_kind, check_kind

if TYPE_CHECKING:
    from live_inbox.identity.keys import Key

MAX_TOKEN_LENGTH = 8192
MAX_USER_REF_LENGTH = 255
# Later times (after the year 33658) are clamped to this one, so that none overflows a float or a date.
FAR = 10**12
_CLIENT_CLAIMS = ("client_id", "azp", "cid", "appid")
"""Where issuers put the client to which a token was issued: RFC 9068 and Cognito, OpenID Connect, Okta, Entra ID."""


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """Which tokens are accepted. The keys come from `jwks_url`, else `public_key`, else `secrets`, else none."""

    algorithms: tuple[str, ...] = ("HS256",)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    public_key: str = ""
    jwks_url: str = ""
    jwks_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    jwks_over_http: bool = False
    """Whether the JWKS may come over http from another machine."""
    jwks_stale_seconds: float = STALE_SECONDS
    audience: str = ""
    issuer: str = ""
    client_ids: tuple[str, ...] = ()
    """If there are any, a token must be issued to one of these clients."""
    leeway_seconds: float = 10
    max_ttl_seconds: float = 86_400
    """The longest life of a socket on one token."""
    max_age_seconds: float = 365 * 86_400
    """The age at which a token is refused, whatever its `exp`."""
    user_claims: tuple[str, ...] = ("user_id", "sub")
    requires_scopes: bool = False
    """Whether a token without scopes of ours is refused."""
    kinds: KindRules = field(default_factory=KindRules)

    @property
    def signed_elsewhere(self) -> bool:
        """Whether only another issuer can sign tokens: this server holds no secret."""
        return bool(self.jwks_url or self.public_key)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The claims of a token whose signature and times are valid. Times are unix seconds.

    `expires_at` is the moment from which the token is refused: `exp`, or the maximum age after `iat`, plus the leeway,
    and at most the maximum lifetime of a socket from now. `issued_at` is the earliest moment at which the token was
    issued: earlier than `iat` where the issuer's clock is ahead.
    """

    user_ref: str
    scopes: frozenset[str]
    issued_at: float | None
    expires_at: float
    token_id: str | None = None
    """The claim `jti`: what a single token is revoked by."""


class TokenVerifier:
    """Verifies tokens against one configuration. Thread-safe. Reuse it: it caches the keys."""

    def __init__(self, config: TokenConfig, *, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._keys = _keys(config)
        self._signatures = signatures(config.algorithms)
        self._clock = clock
        self._issuer_clock = IssuerClock(leeway_seconds=config.leeway_seconds, clock=clock)
        if not config.user_claims:
            raise InvalidIdentityConfig(
                "JWT_USER_CLAIMS is empty: name the claim that identifies the user."
            )

    def may_block(self, token: str) -> bool:
        """Whether the token's keys are not here: `verify` would wait for them, `pending_keys` return a future."""
        try:
            return self._keys.may_block(self._key_id(token))
        except AuthenticationFailed:
            return False

    def pending_keys(self, token: str) -> Future[None] | None:
        """Fetch keys in the background if that is due; return what to wait for before `verify`, None for nothing."""
        try:
            return self._keys.fetch(self._key_id(token))
        except AuthenticationFailed:
            return None

    def verify(self, token: str, *, fetch: bool = True) -> VerifiedToken:
        """Return the verified claims; raise AuthenticationFailed with the reason.

        With `fetch=False` it uses cached keys only and never blocks.
        """
        pending = self.pending_keys(token) if fetch else None
        if pending is not None:
            pending.result()
        header = _header_of(token)
        claims = self._signed_claims(token, self._keys.candidates(self._key_id(token)))
        _check_issuer(claims, self._config)
        _check_audience(claims, self._config)
        _check_client(claims, self._config)
        check_kind(header.type, claims, self._config.kinds)
        now = self._clock()
        issued_at = self._not_before(claims, "iat", now)
        expires_at = self._expiry(claims, issued_at, now)
        scopes = _scopes(claims)
        if self._config.requires_scopes and not is_limited(scopes):
            raise AuthenticationFailed(Reason.SCOPE)
        return VerifiedToken(
            user_ref=_user_ref(claims, self._config.user_claims),
            scopes=scopes,
            issued_at=None if issued_at is None else self._issuer_clock.issued_at(issued_at),
            expires_at=expires_at,
            token_id=_token_id(claims),
        )

    def _key_id(self, token: str) -> str | None:
        """Return the `kid`; raise AuthenticationFailed (WRONG_KEY) for an algorithm for which no key is looked up."""
        header = _header_of(token)
        if header.algorithm not in self._config.algorithms:
            raise AuthenticationFailed(Reason.WRONG_KEY)
        return header.key_id

    def _signed_claims(self, token: str, keys: Sequence[Key]) -> dict[str, Any]:
        for key in keys:
            try:
                payload = self._signatures.decode(token, key, algorithms=self._config.algorithms)
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
                continue  # not signed with this key; try the next
            except jwt.PyJWTError as error:
                raise AuthenticationFailed(Reason.MALFORMED) from error
            return _claims(payload)
        raise AuthenticationFailed(Reason.WRONG_KEY)

    def _expiry(self, claims: Mapping[str, Any], issued_at: float | None, now: float) -> float:
        self._not_before(claims, "nbf", now)
        config = self._config
        expires_at = _instant(claims["exp"])
        if issued_at is not None:
            expires_at = min(expires_at, issued_at + config.max_age_seconds)
        elif expires_at > now + config.max_age_seconds:
            # Its age is unknown, and it would be accepted for longer than the maximum.
            raise AuthenticationFailed(Reason.TOO_LONG)
        expires_at += config.leeway_seconds
        if expires_at <= now:
            raise AuthenticationFailed(Reason.EXPIRED)
        return min(expires_at, now + config.max_ttl_seconds)

    def _not_before(self, claims: Mapping[str, Any], claim: str, now: float) -> float | None:
        if claims.get(claim) is None:
            return None
        instant = _instant(claims[claim])
        if instant > now + self._config.leeway_seconds:
            raise AuthenticationFailed(Reason.NOT_YET_VALID)
        return instant


def _keys(config: TokenConfig) -> Keys:
    if config.jwks_url and config.public_key:
        raise InvalidIdentityConfig("Set JWT_JWKS_URL or JWT_PUBLIC_KEY, not both.")
    if config.jwks_url:
        return JwksKeys(
            config.jwks_url,
            config.algorithms,
            headers=dict(config.jwks_headers),
            over_http=config.jwks_over_http,
            stale_seconds=config.jwks_stale_seconds,
        )
    if config.public_key:
        return PublicKeys(config.public_key, config.algorithms)
    if not config.secrets:
        known_algorithms(config.algorithms)
        return NoKeys()
    return SharedSecrets(config.secrets, config.algorithms)


@dataclass(frozen=True, slots=True)
class _Header:
    """What is read of a token's header before the signature is verified."""

    algorithm: object
    key_id: str | None
    type: object


def _header_of(token: str) -> _Header:
    if not token:
        raise AuthenticationFailed(Reason.MISSING)
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise AuthenticationFailed(Reason.MALFORMED)
    return _parsed_header(token.partition(".")[0])


# All tokens of an issuer have the same header.
@lru_cache(maxsize=64)
def _parsed_header(header: str) -> _Header:
    try:
        parsed = jwt.get_unverified_header(header + "..")
    except jwt.PyJWTError as error:
        raise AuthenticationFailed(Reason.MALFORMED) from error
    key_id = parsed.get("kid")
    return _Header(
        parsed.get("alg"), key_id if isinstance(key_id, str) else None, parsed.get("typ")
    )


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise AuthenticationFailed(Reason.MALFORMED) from error
    if not isinstance(claims, dict) or claims.get("exp") is None:
        raise AuthenticationFailed(Reason.MALFORMED)
    return claims


def _check_issuer(claims: Mapping[str, Any], config: TokenConfig) -> None:
    if config.issuer and claims.get("iss") != config.issuer:
        raise AuthenticationFailed(Reason.WRONG_ISSUER)


def _check_audience(claims: Mapping[str, Any], config: TokenConfig) -> None:
    audience = claims.get("aud")
    if config.audience:
        names = [audience] if isinstance(audience, str) else audience
        is_accepted = (
            isinstance(names, list)
            and all(isinstance(name, str) for name in names)
            and config.audience in names
        )
    else:
        # simplejwt ignores an audience that is not configured, and with a shared secret that is harmless.
        # A public issuer signs for many services: ignoring the audience would admit the tokens of all of them.
        is_accepted = not audience or not config.signed_elsewhere or bool(config.client_ids)
        check_audience_kind(audience)
    if not is_accepted:
        raise AuthenticationFailed(Reason.WRONG_AUDIENCE)


def _check_client(claims: Mapping[str, Any], config: TokenConfig) -> None:
    """Raise AuthenticationFailed unless each claim that names the client names an accepted one."""
    if not config.client_ids:
        return
    named = [claims[claim] for claim in _CLIENT_CLAIMS if claims.get(claim) is not None]
    if not named or not all(name in config.client_ids for name in named):
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


def _token_id(claims: Mapping[str, Any]) -> str | None:
    value = claims.get("jti")
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int):
        # By what it could not be revoked.
        raise AuthenticationFailed(Reason.MALFORMED)
    return str(value)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes: text with blanks, or a list of it. Raises AuthenticationFailed for ours in another shape."""
    found: set[str] = set()
    for value in (claims.get("scope"), claims.get("scopes"), claims.get("scp")):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                found.update(each.split())
            elif PREFIX in json.dumps(each).lower():
                raise AuthenticationFailed(Reason.MALFORMED)
    return frozenset(found)
