"""Tokens whose accounts need not be read again."""

from __future__ import annotations

from live_inbox.identity.recent_checks import RecentChecks


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_check_counts_from_its_beginning() -> None:
    clock = Clock()
    checks = RecentChecks(clock)
    assert not checks.has("a", 1.0)
    check = checks.begin()
    clock.now += 0.6
    checks.put("a", check)
    assert checks.has("a", 1.0)
    assert not checks.has("b", 1.0)
    clock.now += 0.4
    assert not checks.has("a", 1.0)


def test_without_a_time_nothing_counts() -> None:
    checks = RecentChecks(Clock())
    checks.put("a", checks.begin())
    assert not checks.has("a", 0.0)


def test_a_change_ends_all_checks() -> None:
    checks = RecentChecks(Clock())
    for token in "ab":
        checks.put(token, checks.begin())
    checks.forget()
    assert not any(checks.has(token, 1.0) for token in "ab")
    checks.put("a", checks.begin())
    assert checks.has("a", 1.0)


def test_a_check_that_began_before_a_change_does_not_count() -> None:
    """It may have read the account as it was."""
    checks = RecentChecks(Clock())
    check = checks.begin()
    checks.forget()
    checks.put("a", check)
    assert not checks.has("a", 1.0)


def test_a_change_while_a_check_is_put_ends_it() -> None:
    """Another thread may forget all between any two steps."""
    checks = RecentChecks(Clock())
    check = checks.begin()

    class Token(str):
        """Is hashed when it is put."""

        __slots__ = ()

        def __hash__(self) -> int:
            if check.period is checks._period:
                checks.forget()
            return super().__hash__()

    checks.put(Token("a"), check)
    assert not checks.has("a", 1.0)


def test_the_tokens_that_were_checked_last_are_kept() -> None:
    checks = RecentChecks(Clock(), most=2)
    for token in "abac":
        checks.put(token, checks.begin())
    assert [checks.has(token, 1.0) for token in "abc"] == [True, False, True]
    assert len(checks) == 2
