"""Keys, a clock and signed tokens for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

SECRET = "a-secret-of-the-tests-that-is-long-enough"
NOW = 1_800_000_000.0


class Clock:
    """A clock that the test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class KeyPair:
    """A private key for the issuer of a test, and its public half as PEM."""

    algorithm: str
    private: Any

    @property
    def public_pem(self) -> str:
        spki = PublicFormat.SubjectPublicKeyInfo
        return str(self.private.public_key().public_bytes(Encoding.PEM, spki).decode())

    @property
    def private_pem(self) -> str:
        pkcs8 = PrivateFormat.PKCS8
        return str(self.private.private_bytes(Encoding.PEM, pkcs8, NoEncryption()).decode())
