"""The keys that verify tokens. Those that an issuer publishes are in `published_keys`.

A key always comes with the algorithms that it may be used with. What a token says about itself
chooses among trusted keys, and never how one is used.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import jwt
from jwt.algorithms import Algorithm, HMACAlgorithm

from live_inbox.identity.errors import InvalidTokenRules

if TYPE_CHECKING:
    from jwt.algorithms import AllowedPublicKeys

    Key = AllowedPublicKeys | jwt.PyJWK | bytes

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


class Keys(Protocol):
    """The trusted keys of the one issuer."""

    def candidates(self, key_id: str | None, *, fetch: bool) -> Sequence[Key]:
        """Return the keys that may have signed a token with this `kid`."""

    def may_block(self, key_id: str | None) -> bool:
        """Whether `candidates` would ask the network."""


def secret_id(secret: str) -> str:
    """Return the `kid` of a secret. It tells no more of the secret than a signature does."""
    return hmac.new(secret.encode(), b"key id", hashlib.sha256).hexdigest()[:12]


class SharedSecrets:
    """Secrets that both sign and verify; the first one signs."""

    def __init__(self, secrets: Sequence[str], algorithms: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise InvalidTokenRules(
                "JWT_SECRET is empty: set it to a random text of 32 characters or more."
            )
        if len(secrets) > 10:
            raise InvalidTokenRules(
                "JWT_PREVIOUS_SECRETS has more than nine entries: remove the oldest."
            )
        for algorithm in known_algorithms(algorithms):
            for secret in secrets:
                _prepared(algorithm, secret, "JWT_SECRET or JWT_PREVIOUS_SECRETS")
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._by_id = {secret_id(secret): secret.encode() for secret in secrets}

    def candidates(self, key_id: str | None, *, fetch: bool = True) -> Sequence[Key]:
        """Return the secret that the token names, or all of them.

        Other issuers that share our secret name it as they like, so an unknown `kid` proves
        nothing.
        """
        named = self._by_id.get(key_id) if key_id is not None else None
        return self._secrets if named is None else (named,)

    def may_block(self, key_id: str | None) -> bool:
        """Return False: all secrets are here."""
        return False


class PublicKeys:
    """One or more PEM public keys of one kind, written one after the other."""

    def __init__(self, pem: str, algorithms: Sequence[str]) -> None:
        blocks = list(_PEM_BLOCK.finditer(pem))
        if not blocks:
            raise InvalidTokenRules(
                "JWT_PUBLIC_KEY is not a PEM public key (-----BEGIN PUBLIC KEY-----)."
            )
        if any("PRIVATE" in block[1] for block in blocks):
            raise InvalidTokenRules(
                "JWT_PUBLIC_KEY has a private key in it: give this server the public one only."
            )
        prepared = [
            [
                _prepared(algorithm, block[0], "JWT_PUBLIC_KEY")
                for algorithm in known_algorithms(algorithms)
            ]
            for block in blocks
        ]
        self._keys: tuple[Key, ...] = tuple(keys[0] for keys in prepared)

    def candidates(self, key_id: str | None, *, fetch: bool = True) -> Sequence[Key]:
        """Return all keys: PEM has no ids."""
        return self._keys

    def may_block(self, key_id: str | None) -> bool:
        """Return False: all keys are here."""
        return False


def known_algorithms(names: Sequence[str]) -> Sequence[str]:
    """Return the names as they are, or raise InvalidTokenRules if one is not a signature."""
    if not names:
        raise InvalidTokenRules("JWT_ALGORITHMS is empty.")
    for name in names:
        _algorithm(name)
    return names


class _CheckedSecret(HMACAlgorithm):
    """HMAC with a secret of SharedSecrets, which is no public key in disguise: that was checked when it was taken in.

    PyJWT would try at each token to parse it as all that it must not be.
    """

    def prepare_key(self, key: str | bytes) -> bytes:
        """Return the secret as it is."""
        return key.encode() if isinstance(key, str) else key


def signatures(algorithms: Sequence[str]) -> jwt.PyJWS:
    """Return what verifies signatures of these algorithms, with keys that come from the classes above."""
    verifying = jwt.PyJWS(algorithms=(), options={"enforce_minimum_key_length": True})
    for name in dict.fromkeys(known_algorithms(algorithms)):
        algorithm = _algorithm(name)
        if isinstance(algorithm, HMACAlgorithm):
            algorithm = _CheckedSecret(algorithm.hash_alg)
        verifying.register_algorithm(name, algorithm)
    return verifying


def _algorithm(name: str) -> Algorithm:
    if name.lower() == "none":
        raise InvalidTokenRules("JWT_ALGORITHMS must not have `none`: such tokens are not signed.")
    try:
        return jwt.get_algorithm_by_name(name)
    except NotImplementedError as error:
        raise InvalidTokenRules(f"JWT_ALGORITHMS: there is no algorithm {name!r}.") from error


def _prepared(algorithm: str, key: str, setting: str) -> Any:
    implementation = _algorithm(algorithm)
    try:
        prepared = implementation.prepare_key(key)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidTokenRules(f"{setting} does not fit {algorithm}: {error}") from error
    if weakness := implementation.check_key_length(prepared):
        raise InvalidTokenRules(f"{setting} is too short for {algorithm}: {weakness}")
    return prepared
