"""Tokens that are not verified again."""

from __future__ import annotations

import pytest

from live_inbox.identity.known_tokens import SECONDS, KnownTokens
from live_inbox.identity.tokens import VerifiedToken

NOW = 1_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def verified(expires_at: float = NOW + 600) -> VerifiedToken:
    return VerifiedToken("alice", frozenset(), None, expires_at)


def test_a_token_is_known_for_a_while() -> None:
    clock = Clock()
    tokens = KnownTokens(clock)
    assert tokens.get("a") is None
    tokens.put("a", verified(), "7")
    known = tokens.get("a")
    assert known is not None
    assert (known.verified, known.user_id) == (verified(), "7")
    clock.now += SECONDS - 0.1
    assert tokens.get("a") is known
    clock.now += 0.1
    assert tokens.get("a") is None
    assert len(tokens) == 0


def test_a_token_is_not_known_beyond_its_expiry() -> None:
    clock = Clock()
    tokens = KnownTokens(clock)
    tokens.put("a", verified(expires_at=NOW + 5), "7")
    clock.now += 4.9
    assert tokens.get("a") is not None
    clock.now += 0.1
    assert tokens.get("a") is None


def test_a_token_that_is_put_again_is_known_from_then_on() -> None:
    clock = Clock()
    tokens = KnownTokens(clock)
    tokens.put("a", verified(), "7")
    clock.now += SECONDS - 1
    tokens.put("a", verified(), "7")
    clock.now += SECONDS - 1
    assert tokens.get("a") is not None


def test_the_tokens_that_were_used_last_are_known() -> None:
    tokens = KnownTokens(Clock(), most=2)
    for token in "ab":
        tokens.put(token, verified(), token)
    assert tokens.get("a") is not None
    tokens.put("c", verified(), "c")
    assert (tokens.get("a") is None, tokens.get("b") is None) == (False, True)
    assert len(tokens) == 2


def test_a_token_is_forgotten() -> None:
    tokens = KnownTokens(Clock())
    tokens.put("a", verified(), "7")
    tokens.forget("a")
    tokens.forget("a")
    assert tokens.get("a") is None


@pytest.mark.parametrize("passed", [0.0, SECONDS])
def test_another_thread_may_forget_a_token_meanwhile(passed: float) -> None:
    clock = Clock()

    def now() -> float:
        tokens.forget("a")
        return clock()

    tokens = KnownTokens(now)
    tokens.put("a", verified(), "7")
    clock.now += passed
    assert tokens.get("a") is None
    assert len(tokens) == 0
