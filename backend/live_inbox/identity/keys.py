"""The keys that verify tokens: shared secrets and PEM public keys. `jwks` has those that an issuer publishes.

The configuration fixes the algorithms that each key may be used with. A token's header selects among trusted
keys; it never selects how a key is used (RFC 8725, section 3.1).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from concurrent.futures import Future
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import jwt
from jwt.algorithms import Algorithm, HMACAlgorithm

from live_inbox.identity.errors import InvalidIdentityConfig

if TYPE_CHECKING:
    from jwt.algorithms import AllowedPublicKeys
    from jwt.types import HashlibHash

    Key = AllowedPublicKeys | jwt.PyJWK | bytes

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


class Keys(Protocol):
    """The trusted keys of one issuer."""

    def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return the keys that may have signed a token with this `kid`. Makes no network request."""

    def may_block(self, key_id: str | None) -> bool:
        """Whether a token with this `kid` has to wait for keys from the network."""

    def fetch(self, key_id: str | None) -> Future[None] | None:
        """Fetch keys if that is due; return what a token with this `kid` has to wait for, None for nothing."""


def secret_id(secret: str) -> str:
    """Return the `kid` of a secret. It reveals no more of the secret than a signature does."""
    return hmac.new(secret.encode(), b"key id", hashlib.sha256).hexdigest()[:12]


class SharedSecrets:
    """Secrets that sign and verify. The first one signs; the others verify tokens during a rotation."""

    def __init__(self, secrets: Sequence[str], algorithms: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise InvalidIdentityConfig(
                "JWT_SECRET is empty: set it to a random string of 32 characters or more."
            )
        if len(secrets) > 10:
            raise InvalidIdentityConfig(
                "JWT_PREVIOUS_SECRETS has more than nine entries: remove the oldest."
            )
        for algorithm in known_algorithms(algorithms):
            for secret in secrets:
                _prepared(algorithm, secret, "JWT_SECRET or JWT_PREVIOUS_SECRETS")
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._by_id = {secret_id(secret): secret.encode() for secret in secrets}

    def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return the secret that the token names, or all secrets.

        Another issuer that shares the secret may give it any `kid`, so an unknown one is not an error.
        """
        named = self._by_id.get(key_id) if key_id is not None else None
        return self._secrets if named is None else (named,)

    def may_block(self, key_id: str | None) -> bool:
        """Return False: secrets come from the settings."""
        return False

    def fetch(self, key_id: str | None) -> None:
        """Do nothing."""


class NoKeys:
    """No key at all: every token is refused. For projects that use sessions only."""

    def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return nothing."""
        return ()

    def may_block(self, key_id: str | None) -> bool:
        """Return False: there is nothing to fetch."""
        return False

    def fetch(self, key_id: str | None) -> None:
        """Do nothing."""


@lru_cache(maxsize=16)
def fits_as_secret(secret: str, algorithms: tuple[str, ...]) -> bool:
    """Whether a secret is long enough to sign with each of these algorithms."""
    try:
        SharedSecrets([secret], algorithms)
    except InvalidIdentityConfig:
        return False
    return True


class PublicKeys:
    """One or more concatenated PEM public keys of one kind."""

    def __init__(self, pem: str, algorithms: Sequence[str]) -> None:
        blocks = list(_PEM_BLOCK.finditer(pem))
        if not blocks:
            raise InvalidIdentityConfig(
                "JWT_PUBLIC_KEY is not a PEM public key (-----BEGIN PUBLIC KEY-----)."
            )
        if any("PRIVATE" in block[1] for block in blocks):
            raise InvalidIdentityConfig(
                "JWT_PUBLIC_KEY has a private key in it: configure the public key only."
            )
        prepared = [
            [
                _prepared(algorithm, block[0], "JWT_PUBLIC_KEY")
                for algorithm in known_algorithms(algorithms)
            ]
            for block in blocks
        ]
        one_family(algorithms, "JWT_PUBLIC_KEY")
        self._keys: tuple[Key, ...] = tuple(keys[0] for keys in prepared)

    def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return all keys: PEM has no key ids."""
        return self._keys

    def may_block(self, key_id: str | None) -> bool:
        """Return False: the keys come from the settings."""
        return False

    def fetch(self, key_id: str | None) -> None:
        """Do nothing."""


def known_algorithms(names: Sequence[str]) -> Sequence[str]:
    """Return the names unchanged; raise InvalidIdentityConfig for `none` and for unknown algorithms."""
    if not names:
        raise InvalidIdentityConfig("JWT_ALGORITHMS is empty.")
    for name in names:
        _algorithm(name)
    return names


def one_family(names: Sequence[str], setting: str) -> Sequence[str]:
    """Return the names unchanged; raise InvalidIdentityConfig if they use one key in more than one way."""
    families = {_family(name) for name in known_algorithms(names)}
    if len(families) > 1:
        raise InvalidIdentityConfig(
            f"JWT_ALGORITHMS has {' and '.join(sorted(families))}, which do not fit one key: "
            f"use {setting} with algorithms of one family."
        )
    return names


def _family(name: str) -> str:
    """Return `RS` for `RS256`, and so on."""
    return name.rstrip("0123456789") if name[:2] in ("HS", "RS", "PS") else name[:2]


def signatures(algorithms: Sequence[str]) -> jwt.PyJWS:
    """Return a verifier of signatures that knows these algorithms only and rejects keys that are too short."""
    verifier = jwt.PyJWS(algorithms=(), options={"enforce_minimum_key_length": True})
    for name in dict.fromkeys(known_algorithms(algorithms)):
        algorithm = _algorithm(name)
        if isinstance(algorithm, HMACAlgorithm):
            algorithm = _CachingHMAC(algorithm.hash_alg)
        verifier.register_algorithm(name, algorithm)
    return verifier


class _CachingHMAC(HMACAlgorithm):
    """HMAC that prepares each secret once: PyJWT tries for each token to read the secret as a public key."""

    def __init__(self, hash_alg: HashlibHash) -> None:
        super().__init__(hash_alg)
        self._cached = lru_cache(maxsize=16)(super().prepare_key)

    def prepare_key(self, key: str | bytes) -> bytes:
        """Return what PyJWT returned for this secret the first time."""
        return self._cached(key)


def _algorithm(name: str) -> Algorithm:
    if name.lower() == "none":
        raise InvalidIdentityConfig(
            "JWT_ALGORITHMS must not contain `none`: such tokens are not signed."
        )
    try:
        return jwt.get_algorithm_by_name(name)
    except NotImplementedError as error:
        raise InvalidIdentityConfig(f"JWT_ALGORITHMS: unknown algorithm {name!r}.") from error


def _prepared(algorithm: str, key: str, setting: str) -> Any:
    implementation = _algorithm(algorithm)
    try:
        prepared = implementation.prepare_key(key)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidIdentityConfig(f"{setting} does not fit {algorithm}: {error}") from error
    if weakness := implementation.check_key_length(prepared):
        raise InvalidIdentityConfig(f"{setting} is too short for {algorithm}: {weakness}")
    return prepared
