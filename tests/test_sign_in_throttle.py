"""Attempts to sign in: of one address, and for one name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from live_inbox.limits.rate import RateLimit
from live_inbox.limits.shared import SharedRates
from live_inbox.limits.storage import GuardedStorage
from live_inbox_site import sign_in_throttle
from live_inbox_site.environment import site_settings
from live_inbox_site.sign_in_throttle import MOST_KNOWN, SignInThrottle
from live_inbox_site.sign_in_turns import MOST_OF_ADDRESS, MOST_WAITING, SignInTurns
from tests.changed_settings import changed_settings
from tests.stacks.uvicorn_server import ServerProcess

SECOND = 1_000_000_000


class Clock:
    """A clock that a test sets."""

    now = SECOND

    def __call__(self) -> int:
        return self.now


def throttle(
    clock: Clock, per_address: str = "1/minute burst 5", per_name: str = "1/minute burst 3"
) -> SignInThrottle:
    """Return a throttle with few attempts."""
    return SignInThrottle(
        RateLimit.parse(per_address),
        RateLimit.parse(per_name),
        shared=SharedRates(GuardedStorage(lambda: None), site=lambda: "site"),
        clock=clock,
    )


@pytest.mark.stack("embedded")
class TestThrottle:
    def test_one_name_from_many_addresses(self) -> None:
        clock = Clock()
        tried = throttle(clock)
        waits = [tried.attempt(f"192.0.2.{n}", "alice") for n in range(5)]
        assert waits == [None, None, None, 60, 60]
        assert tried.attempt("192.0.2.9", "bob") is None
        clock.now += 60 * SECOND
        assert tried.attempt("192.0.2.10", "alice") is None

    @pytest.mark.parametrize("written", ["ALICE", " alice ", "\uff41lice", "alice\t"])
    def test_a_name_is_one_however_it_is_written(self, written: str) -> None:
        tried = throttle(Clock())
        for number in range(3):
            assert tried.attempt(f"192.0.2.{number}", "alice") is None
        assert tried.attempt("192.0.2.9", written) is not None

    def test_many_names_from_one_address(self) -> None:
        tried = throttle(Clock())
        waits = [tried.attempt("192.0.2.1", f"user {n}") for n in range(7)]
        assert waits == [None] * 5 + [60, 60]
        # One without limit: the same machine.
        assert [tried.attempt(None, f"user {n}") for n in range(99)] == [None] * 99

    def test_others_cannot_lock_out_a_user_where_she_has_signed_in_before(self) -> None:
        tried = throttle(Clock())
        assert tried.attempt("192.0.2.1", "alice") is None
        tried.succeeded("192.0.2.1", "alice")
        for number in range(10):
            tried.attempt(f"203.0.113.{number}", "alice")
        assert tried.attempt("203.0.113.99", "alice") is not None
        waits = [tried.attempt("192.0.2.1", "Alice") for _ in range(4)]
        assert waits == [None, None, None, 60]

    def test_its_memory_is_bounded(self) -> None:
        tried = throttle(Clock())
        for number in range(MOST_KNOWN + 100):
            tried.succeeded("192.0.2.1", str(number))
        assert len(tried._known) == MOST_KNOWN


class TestSignInTurns:
    def test_one_attempt_is_checked_at_a_time(self) -> None:
        turns = SignInTurns(seconds=0.01)
        with turns.turn("192.0.2.1") as first, turns.turn("192.0.2.2") as second:
            assert (first, second) == (True, False)
        with turns.turn("192.0.2.2") as third:
            assert third

    def test_the_next_one_waits(self) -> None:
        turns = SignInTurns()
        others: list[bool] = []

        def attempt() -> None:
            with turns.turn("192.0.2.1") as is_my_turn:
                others.append(is_my_turn)

        with ThreadPoolExecutor(5) as pool:
            with turns.turn(None):
                waiting = [pool.submit(attempt) for _ in range(5)]
                assert others == []
            for each in waiting:
                each.result()
        assert others == [True] * 5

    def test_few_of_one_address_may_wait(self) -> None:
        turns = SignInTurns()
        with ExitStack() as waiting:
            for _ in range(MOST_OF_ADDRESS):
                assert turns._join("192.0.2.1")
                waiting.callback(turns._leave, "192.0.2.1")
            with turns.turn("192.0.2.1") as of_the_same:
                assert not of_the_same
            with turns.turn("192.0.2.2") as of_another:
                assert of_another
        with turns.turn("192.0.2.1") as afterwards:
            assert afterwards

    def test_users_where_they_have_signed_in_before_are_first(self) -> None:
        turns = SignInTurns()
        order: list[str] = []

        def attempt(number: int, is_known: bool) -> None:
            with turns.turn(f"192.0.2.{number}", is_known=is_known) as is_my_turn:
                order.append(f"{number} {is_my_turn}")

        with ThreadPoolExecutor(4) as pool, turns.turn(None):
            for number in range(4):
                pool.submit(attempt, number, number > 1)
                limit = time.monotonic() + 60
                while sum(map(len, turns._queues.values())) <= number:
                    assert time.monotonic() < limit
                    time.sleep(0.001)
        assert order == ["2 True", "3 True", "0 True", "1 True"]

    def test_others_do_not_take_their_places(self) -> None:
        turns = SignInTurns()
        for number in range(MOST_WAITING):
            assert turns._join(f"203.0.113.{number}")
        with turns.turn("192.0.2.1", is_known=True) as is_my_turn:
            assert is_my_turn
        with turns.turn("192.0.2.1") as is_my_turn:
            assert not is_my_turn

    def test_who_gives_up_leaves_the_queue(self) -> None:
        turns = SignInTurns(seconds=0.01)
        with turns.turn("192.0.2.1"):
            for is_known in (True, False):
                with turns.turn("192.0.2.2", is_known=is_known) as is_my_turn:
                    assert not is_my_turn
        with turns.turn("192.0.2.2") as is_my_turn:
            assert is_my_turn

    def test_few_may_wait_in_all(self) -> None:
        turns = SignInTurns()
        for number in range(MOST_WAITING):
            assert turns._join(f"192.0.2.{number}")
        assert not turns._join("192.0.2.99")
        assert not turns._join(None)


@pytest.fixture
def _few_attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let one name be tried three times, and one address five times."""
    few = {
        "sign_in_rate_per_name": "1/hour burst 3",
        "sign_in_rate_per_address": "1/hour burst 5",
        "pages": True,
    }
    changed = site_settings().model_copy(update=few)
    monkeypatch.setattr(sign_in_throttle, "site_settings", lambda: changed)
    monkeypatch.setattr("live_inbox_site.signing_in.site_settings", lambda: changed)
    sign_in_throttle.sign_in_throttle.cache_clear()
    # Tests that share a Redis shall not count together.
    with changed_settings(RATE_STORAGE_URL="none"):
        yield
    sign_in_throttle.sign_in_throttle.cache_clear()


@pytest.mark.django_db
@pytest.mark.usefixtures("_few_attempts")
@pytest.mark.parametrize("path", ["/sign-in/", "/admin/login/"])
class TestForms:
    @pytest.fixture(autouse=True)
    def _users(self) -> None:
        for name in ("alice", "bob"):
            get_user_model().objects.create_superuser(username=name, password="right")

    def test_after_some_attempts_even_the_right_password_waits(
        self, client: Client, path: str
    ) -> None:
        wrong = {"username": "alice", "password": "wrong"}
        for _ in range(3):
            assert client.post(path, wrong).status_code == 200
        refused = client.post(path, {"username": "alice", "password": "right"})
        assert refused.status_code == 429
        assert 3000 < int(refused["Retry-After"]) <= 3600
        # Nothing was done with the password.
        assert "_auth_user_id" not in client.session
        assert client.get(path).status_code == 200
        assert client.post(path, {"username": "bob", "password": "right"}).status_code == 302

    def test_an_address_is_counted_by_its_network(self, client: Client, path: str) -> None:
        statuses = [
            client.post(
                path,
                {"username": f"user {number}", "password": "wrong"},
                REMOTE_ADDR=f"2001:db8::{number}",
            ).status_code
            for number in range(7)
        ]
        assert statuses == [200] * 5 + [429] * 2

    def test_both_forms_share_the_limits(self, client: Client, path: str) -> None:
        other = "/admin/login/" if path == "/sign-in/" else "/sign-in/"
        wrong = {"username": "alice", "password": "wrong"}
        for _ in range(3):
            client.post(path, wrong)
        assert client.post(other, wrong).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_behind_a_proxy_each_client_has_its_own_attempts(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(TRUSTED_PROXIES="1", SIGN_IN_RATE_PER_ADDRESS="1/hour burst 2")

    def attempt(number: int, address: str) -> int:
        with httpx.Client(base_url=server.http, timeout=60) as browser:
            browser.get("/admin/login/")
            form = {
                "username": f"user {number}",
                "password": "wrong",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            headers = {"X-Forwarded-For": f"198.51.100.{number}, {address}"}
            return browser.post("/admin/login/", data=form, headers=headers).status_code

    assert [attempt(number, "192.0.2.1") for number in range(3)] == [200, 200, 429]
    assert attempt(3, "192.0.2.2") == 200
    assert "Traceback" not in server.log()
    assert "TooManyAttempts" in server.log()
