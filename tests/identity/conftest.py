"""Keys of every family, settings, a clock, and a loop whose time is ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from live_inbox.conf import InboxSettings
from live_inbox.identity import config as config_module
from live_inbox.identity.callers import verifier_for
from tests.identity.issuer import NOW, SECRET, Clock, KeyPair
from tests.virtual_time import VirtualTimeLoop


def _generate(algorithm: str) -> PrivateKeyTypes:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(scope="session")
def key_pairs() -> dict[str, KeyPair]:
    """One pair of each family, and a second one of RS256."""
    pairs = {name: KeyPair(name, _generate(name)) for name in ("RS256", "ES256", "EdDSA")}
    return pairs | {"other": KeyPair("RS256", _generate("RS256"))}


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., InboxSettings]]:
    """Give identity these settings for one test."""

    def configure(**settings: Any) -> InboxSettings:
        given = InboxSettings(**({"jwt_secret": SECRET} | settings))
        monkeypatch.setattr(config_module, "inbox_settings", lambda: given)
        config_module.identity_config.cache_clear()
        return given

    configure()
    yield configure
    verifier_for.cache_clear()
    config_module.identity_config.cache_clear()


@pytest.fixture
def in_virtual_time() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine on a loop where hours pass at once and in order."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(main)

    return run
