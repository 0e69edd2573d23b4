"""Open sockets are closed once, on time, for the right reason."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from live_inbox.identity.admissions import AccessEnd, AccountStatus, Admission, Admissions
from tests.identity.issuer import NOW, Clock

InVirtualTime = Callable[[Coroutine[Any, Any, None]], None]
GOOD = AccountStatus(active=True, not_before=None)


@dataclass(frozen=True)
class FakeCaller:
    """The fields of a Caller that Admissions reads."""

    user_id: str = "1"
    issued_at: float | None = NOW
    expires_at: float | None = None
    password: str | None = None
    token_id: str | None = None
    session_key: str | None = None


class Users:
    """The account statuses that Admissions reads."""

    def __init__(self) -> None:
        self.account_statuses: dict[str, AccountStatus] = {}
        self.questions: list[list[str]] = []
        self.is_down = False

    async def __call__(self, user_ids: Collection[str]) -> Mapping[str, AccountStatus]:
        self.questions.append(sorted(user_ids))
        if self.is_down:
            raise ConnectionError("the database is down")
        return {user_id: self.account_statuses.get(user_id, GOOD) for user_id in user_ids}


@pytest.fixture
def users() -> Users:
    return Users()


@pytest.fixture
def admissions(users: Users, clock: Clock) -> Admissions:
    return Admissions(users, clock=clock)


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that does no I/O."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration:
            return


class Socket:
    """A socket that an admission closes."""

    def close(self, reason: AccessEnd) -> None: ...


@pytest.mark.parametrize("ends", ["released", "ended"])
def test_a_closed_session_holds_no_reference_to_its_socket(
    admissions: Admissions, ends: str
) -> None:
    """Its heap entry may stay until the expiry."""
    socket = Socket()
    admission = admissions.register(FakeCaller(expires_at=NOW + 3600), socket.close)
    trace = weakref.ref(socket)
    del socket
    assert trace() is not None
    admission.release() if ends == "released" else admission.end(AccessEnd.REVOKED)
    assert trace() is None


# -- expiry ---------------------------------------------------------------------------------------


def test_a_socket_is_closed_when_its_token_expires(admissions: Admissions, clock: Clock) -> None:
    ended: list[tuple[str, AccessEnd]] = []
    for name, seconds in (("c", 30), ("a", 10), ("b", 20)):
        caller = FakeCaller(expires_at=NOW + seconds)
        admissions.register(caller, lambda reason, name=name: ended.append((name, reason)))  # type: ignore[misc]
    assert len(admissions) == 3
    for seconds, so_far in ((9, ""), (10, "a"), (25, "ab"), (25, "ab"), (99, "abc")):
        clock.now = NOW + seconds
        admissions.end_expired()
        assert ended == [(name, AccessEnd.EXPIRED) for name in so_far]
    assert len(admissions) == 0


def test_a_released_socket_is_not_closed(admissions: Admissions, clock: Clock) -> None:
    ended: list[AccessEnd] = []
    admission = admissions.register(FakeCaller(expires_at=NOW + 1), ended.append)
    admission.release()
    admission.release()
    admission.end(AccessEnd.REVOKED)
    clock.now += 5
    admissions.end_expired()
    assert (ended, len(admissions)) == ([], 0)


def test_close_may_release_and_register_sockets(admissions: Admissions, clock: Clock) -> None:
    ended: list[AccessEnd] = []

    def close(reason: AccessEnd) -> None:
        ended.append(reason)
        admission.release()
        admissions.register(FakeCaller(expires_at=NOW + 60), ended.append)

    admission = admissions.register(FakeCaller(expires_at=NOW), close)
    admissions.end_expired()
    assert (ended, len(admissions)) == ([AccessEnd.EXPIRED], 1)


def test_a_failing_close_does_not_keep_other_sockets_open(
    admissions: Admissions, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[AccessEnd] = []

    def fail(reason: AccessEnd) -> None:
        raise RuntimeError("the socket is broken")

    admissions.register(FakeCaller(expires_at=NOW - 1), fail)
    admissions.register(FakeCaller(expires_at=NOW), ended.append)
    admissions.end_expired()
    assert (ended, len(admissions)) == ([AccessEnd.EXPIRED], 0)
    assert [record.message for record in caplog.records] == ["Closing a socket failed (expired)."]


def test_max_age_bounds_every_socket(users: Users, clock: Clock) -> None:
    admissions = Admissions(users, max_age_seconds=100, clock=clock)
    ended: list[str] = []
    admissions.register(FakeCaller(issued_at=None), lambda _: ended.append("admission"))
    admissions.register(FakeCaller(expires_at=NOW + 50), lambda _: ended.append("short token"))
    admissions.register(FakeCaller(expires_at=NOW + 500), lambda _: ended.append("long token"))
    clock.now += 99
    admissions.end_expired()
    assert ended == ["short token"]
    clock.now += 1
    admissions.end_expired()
    assert ended == ["short token", "admission", "long token"]


def test_many_expired_sockets_are_closed_in_batches(admissions: Admissions) -> None:
    ended: list[AccessEnd] = []
    for _ in range(450):
        admissions.register(FakeCaller(expires_at=NOW), ended.append)
    counts = []
    for _ in range(3):
        admissions.end_expired()
        counts.append(len(ended))
    assert counts == [200, 400, 450]


def test_closed_sockets_leave_no_entries_behind(admissions: Admissions) -> None:
    stays = admissions.register(FakeCaller("2", expires_at=NOW + 9), lambda _: None)
    for number in range(1000):
        admissions.register(FakeCaller(expires_at=NOW + number), lambda _: None).release()
    assert len(admissions) == 1
    assert len(admissions._expiries) < 100
    assert list(admissions._by_user) == ["2"]
    stays.release()
    assert not admissions._by_user


# -- the timer ------------------------------------------------------------------------------------


def test_the_timer_closes_sockets_on_time(users: Users, in_virtual_time: InVirtualTime) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        admissions = Admissions(users, check_seconds=5, clock=lambda: NOW + loop.time())
        ended: dict[str, float] = {}

        def register(name: str, seconds: float) -> None:
            caller = FakeCaller(expires_at=NOW + seconds)
            admissions.register(caller, lambda _: ended.update({name: loop.time()}))

        register("before the start", 3)
        admissions.start()
        admissions.start()
        register("later", 3600)
        register("sooner", 1)
        register("over", -1)
        assert ended == {}
        await asyncio.sleep(4000)
        assert list(ended) == ["over", "sooner", "before the start", "later"]
        assert list(ended.values()) == pytest.approx([0.01, 1, 3, 3600], abs=0.02)
        await admissions.stop()

    in_virtual_time(scenario())


def test_a_clock_jump_neither_skips_nor_repeats_a_close(
    users: Users, in_virtual_time: InVirtualTime
) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        offset = 0.0
        admissions = Admissions(users, check_seconds=5, clock=lambda: NOW + loop.time() + offset)
        ended: list[str] = []
        admissions.start()
        for name, seconds in (("a", 100), ("b", 1000), ("c", 10_000)):
            caller = FakeCaller(expires_at=NOW + seconds)
            admissions.register(caller, lambda _, name=name: ended.append(name))  # type: ignore[misc]
        offset = 500  # forward: "a" is overdue and must not wait for the old timer
        await asyncio.sleep(5.1)
        assert ended == ["a"]
        offset = -500  # back: "b" lives until its expiry on this clock
        await asyncio.sleep(1400)
        assert ended == ["a"]
        await asyncio.sleep(100)
        assert ended == ["a", "b"]
        offset = 1e9
        await asyncio.sleep(5.1)
        assert ended == ["a", "b", "c"]
        await admissions.stop()

    in_virtual_time(scenario())


def test_nothing_happens_after_the_stop(users: Users, in_virtual_time: InVirtualTime) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        admissions = Admissions(users, check_seconds=5, clock=lambda: NOW + loop.time())
        ended: list[AccessEnd] = []
        await admissions.stop()
        admissions.start()
        admissions.register(FakeCaller(expires_at=NOW + 10), ended.append)
        await asyncio.sleep(6)
        await admissions.stop()
        admissions.register(FakeCaller(expires_at=NOW), ended.append)
        await asyncio.sleep(100)
        assert (ended, len(users.questions), len(admissions)) == ([], 1, 2)
        admissions.start()
        await asyncio.sleep(1)
        assert ended == [AccessEnd.EXPIRED, AccessEnd.EXPIRED]
        await admissions.stop()

    in_virtual_time(scenario())


# -- checks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "status", "reason"),
    [
        (FakeCaller(), GOOD, None),
        (FakeCaller(), AccountStatus(active=False, not_before=None), AccessEnd.DEACTIVATED),
        (FakeCaller(), AccountStatus(active=False, not_before=NOW + 1), AccessEnd.DEACTIVATED),
        (FakeCaller(), AccountStatus(active=True, not_before=NOW), None),
        (FakeCaller(), AccountStatus(active=True, not_before=NOW + 0.001), AccessEnd.REVOKED),
        (FakeCaller(issued_at=None, expires_at=NOW + 9), GOOD, None),
        (
            FakeCaller(issued_at=None, expires_at=NOW + 9),
            AccountStatus(True, 0.0),
            AccessEnd.REVOKED,
        ),
        (FakeCaller(issued_at=None), AccountStatus(active=True, not_before=NOW), None),
        (
            FakeCaller(issued_at=None),
            AccountStatus(active=True, not_before=NOW + 1),
            AccessEnd.REVOKED,
        ),
    ],
)
def test_a_check_closes_the_sockets_of_users_without_access(
    caller: FakeCaller,
    status: AccountStatus,
    reason: AccessEnd | None,
    admissions: Admissions,
    users: Users,
) -> None:
    ended: list[AccessEnd] = []
    for _ in range(2):
        admissions.register(caller, ended.append)
    admissions.register(FakeCaller("2"), ended.append)
    users.account_statuses["1"] = status
    for _ in range(2):
        finish(admissions.check())
    assert ended == ([reason, reason] if reason else [])
    assert users.questions == [["1", "2"], ["2"] if reason else ["1", "2"]]


def test_a_user_without_a_status_counts_as_deleted(clock: Clock) -> None:
    async def no_statuses(user_ids: Collection[str]) -> Mapping[str, AccountStatus]:
        return {}

    ended: list[AccessEnd] = []
    admissions = Admissions(no_statuses, clock=clock)
    admissions.register(FakeCaller(), ended.append)
    finish(admissions.check())
    assert ended == [AccessEnd.DEACTIVATED]


def test_without_sockets_no_statuses_are_read(admissions: Admissions, users: Users) -> None:
    finish(admissions.check())
    admissions.register(FakeCaller(), lambda _: None).release()
    finish(admissions.check())
    assert users.questions == []


def test_a_socket_opened_during_a_check_is_checked_the_next_time(clock: Clock) -> None:
    ended: list[str] = []

    async def slow(user_ids: Collection[str]) -> Mapping[str, AccountStatus]:
        opened.register(FakeCaller("2"), lambda _: ended.append("2"))
        return {}

    opened = Admissions(slow, clock=clock)
    opened.register(FakeCaller("1"), lambda _: ended.append("1"))
    finish(opened.check())
    assert (ended, len(opened)) == (["1"], 1)


def test_many_sockets_without_access_are_closed_in_batches(
    admissions: Admissions, users: Users
) -> None:
    ended: list[AccessEnd] = []
    for _ in range(450):
        admissions.register(FakeCaller(), ended.append)
    users.account_statuses["1"] = AccountStatus(active=False, not_before=None)
    check = admissions.check()
    for count in (200, 400):
        check.send(None)
        assert len(ended) == count
    finish(check)
    assert len(ended) == 450


def test_an_outage_of_the_database_is_logged_once_and_closes_nothing(
    users: Users, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        admissions = Admissions(users, check_seconds=5, clock=Clock(NOW))
        ended: list[AccessEnd] = []
        admissions.register(FakeCaller(), ended.append)
        users.account_statuses["1"] = AccountStatus(active=False, not_before=None)
        users.is_down = True
        admissions.start()
        await asyncio.sleep(16)
        assert (len(users.questions), ended) == (3, [])
        users.is_down = False
        await asyncio.sleep(5)
        assert (len(users.questions), ended) == (4, [AccessEnd.DEACTIVATED])
        await admissions.stop()

    in_virtual_time(scenario())
    assert [record.message for record in caplog.records] == [
        "The check of open sessions fails: ConnectionError: the database is down",
        "The check of open sessions works again after 3 failures.",
    ]


def test_the_sockets_of_a_changed_account_are_checked_at_once(
    users: Users, in_virtual_time: InVirtualTime
) -> None:
    ended: list[str] = []

    async def scenario() -> None:
        admissions = Admissions(users, check_seconds=300)
        for name in ("1", "2", "3"):
            admissions.register(FakeCaller(name), lambda reason, name=name: ended.append(name))  # type: ignore[misc]
        admissions.on_account_changed("1")
        assert users.questions == []
        admissions.start()
        users.account_statuses["1"] = users.account_statuses["3"] = AccountStatus(False, None)
        for name in ("1", "2", "unknown"):
            admissions.on_account_changed(name)
        await asyncio.sleep(1)
        assert (users.questions, ended) == ([["1", "2"]], ["1"])
        admissions.on_account_changed("3")
        await asyncio.sleep(1)
        assert (users.questions[1:], ended) == ([["3"]], ["1", "3"])
        await admissions.stop()

    in_virtual_time(scenario())


def test_a_session_ends_with_the_password(users: Users, in_virtual_time: InVirtualTime) -> None:
    ended: list[tuple[str, AccessEnd]] = []

    async def scenario() -> None:
        admissions = Admissions(users)
        session = FakeCaller(issued_at=None, password="old")
        admissions.register(session, lambda reason: ended.append(("session", reason)))
        admissions.register(FakeCaller(), lambda reason: ended.append(("token", reason)))
        users.account_statuses["1"] = AccountStatus(True, None, "old")
        await admissions.check()
        assert ended == []
        users.account_statuses["1"] = AccountStatus(True, None, "new")
        await admissions.check()

    in_virtual_time(scenario())
    assert ended == [("session", AccessEnd.REVOKED)]


def test_a_change_that_is_announced_while_a_socket_is_opened_or_renewed_is_not_missed(
    users: Users, in_virtual_time: InVirtualTime
) -> None:
    """The account of its token was read before the change."""
    ended: list[str] = []

    async def scenario() -> None:
        admissions = Admissions(users, check_seconds=300)
        admissions.start()
        first = FakeCaller(issued_at=NOW, token_id="first")
        renewed = admissions.register(first, lambda reason: ended.append(f"renewed {reason}"))
        users.account_statuses["1"] = AccountStatus(True, None, token_ids=frozenset({"stolen"}))
        admissions.on_account_changed("1")
        await asyncio.sleep(1)
        assert ended == []
        stolen = FakeCaller(issued_at=NOW, token_id="stolen")
        admissions.register(stolen, lambda reason: ended.append(f"opened {reason}"))
        await asyncio.sleep(1)
        assert ended == ["opened revoked"]
        renewed.renew(stolen)
        await asyncio.sleep(1)
        await admissions.stop()

    in_virtual_time(scenario())
    assert ended == ["opened revoked", "renewed revoked"]


def test_a_renewed_socket_lives_as_long_as_its_new_token(
    users: Users, admissions: Admissions, clock: Clock
) -> None:
    ended: list[str] = []
    first = FakeCaller(expires_at=NOW + 10, token_id="first")
    renewed = admissions.register(first, lambda reason: ended.append(f"renewed {reason}"))
    admissions.register(first, lambda reason: ended.append(f"other {reason}"))
    renewed.renew(FakeCaller(issued_at=NOW + 5, expires_at=NOW + 100, token_id="second"))
    with pytest.raises(ValueError, match="another user"):
        renewed.renew(FakeCaller("2", expires_at=NOW + 1000))
    clock.now = NOW + 50
    admissions.end_expired()
    assert ended == ["other expired"]
    for revoked in ({"first"}, {"second"}):
        assert ended == ["other expired"]
        users.account_statuses["1"] = AccountStatus(True, NOW + 5, token_ids=frozenset(revoked))
        finish(admissions.check())
    assert ended == ["other expired", "renewed revoked"]
    renewed.renew(FakeCaller(expires_at=NOW + 1000))
    assert len(admissions) == 0


def test_a_renewed_socket_may_end_earlier(admissions: Admissions, clock: Clock) -> None:
    ended: list[AccessEnd] = []
    admissions.register(FakeCaller(expires_at=NOW + 100), ended.append).renew(
        FakeCaller(expires_at=NOW + 10)
    )
    clock.now = NOW + 10
    admissions.end_expired()
    assert ended == [AccessEnd.EXPIRED]


def test_a_socket_that_wants_it_is_warned_before_each_expiry(
    admissions: Admissions, clock: Clock
) -> None:
    seen: list[tuple[float, object]] = []
    admission = admissions.register(
        FakeCaller(expires_at=NOW + 100), lambda reason: seen.append((clock.now - NOW, reason))
    )
    admission.warn_before_expiry(lambda at: seen.append((clock.now - NOW, f"until {at - NOW:g}")))
    for second in range(300):
        clock.now = NOW + second
        admissions.end_expired()
        if second == 80:
            admission.renew(FakeCaller(expires_at=NOW + 200))
        if second == 180:
            # Less than the warning time: warned when half of it is over, not at once again.
            admission.renew(FakeCaller(expires_at=NOW + 200))
    assert seen == [
        (70, "until 100"),
        (170, "until 200"),
        (190, "until 200"),
        (200, AccessEnd.EXPIRED),
    ]


def test_renewals_do_not_pile_up(admissions: Admissions) -> None:
    admission = admissions.register(FakeCaller(expires_at=NOW + 100), lambda reason: None)
    admission.warn_before_expiry(lambda at: None)
    for number in range(1000):
        admission.renew(FakeCaller(expires_at=NOW + 100 + number % 7))
    assert len(admissions._expiries) < 100


def test_a_token_that_is_revoked_by_its_id_ends_alone(users: Users, admissions: Admissions) -> None:
    ended: list[str] = []
    for name, token_id in {"stolen": "a", "another": "b", "nameless": None}.items():
        caller = FakeCaller(token_id=token_id)
        admissions.register(caller, lambda reason, name=name: ended.append(f"{name} {reason}"))  # type: ignore[misc]
    users.account_statuses["1"] = AccountStatus(True, None, token_ids=frozenset({"a", "c"}))
    finish(admissions.check())
    assert ended == ["stolen revoked"]


def test_a_session_that_is_no_more_ends_although_nothing_announced_it(users: Users) -> None:
    asked: list[set[str]] = []

    async def read_ended(keys: Collection[str]) -> Collection[str]:
        asked.append(set(keys))
        return {"deleted"} & set(keys)

    admissions = Admissions(users, read_ended_sessions=read_ended)
    ended: list[str] = []
    for name in ("deleted", "alive"):
        caller = FakeCaller(password="", session_key=name)
        admissions.register(caller, lambda reason, name=name: ended.append(f"{name} {reason}"))  # type: ignore[misc]
    admissions.register(FakeCaller(password=""), lambda reason: ended.append("cannot be checked"))
    for _ in range(2):
        finish(admissions.check())
    assert (asked, ended) == ([{"deleted", "alive"}, {"alive"}], ["deleted revoked"])


def test_a_socket_that_a_token_has_renewed_outlives_its_session(users: Users, clock: Clock) -> None:
    async def all_ended(keys: Collection[str]) -> Collection[str]:
        return keys

    admissions = Admissions(users, read_ended_sessions=all_ended, clock=clock)
    ended: list[str] = []
    session = FakeCaller(password="x", session_key="deleted")
    admissions.register(session, lambda reason: ended.append("session"))
    renewed = admissions.register(session, lambda reason: ended.append("renewed"))
    renewed.renew(FakeCaller(issued_at=NOW, expires_at=NOW + 10))
    finish(admissions.check())
    admissions.on_account_changed("signed-out.1")
    assert ended == ["session"]


def test_a_sign_out_ends_the_sessions_of_the_user(admissions: Admissions) -> None:
    ended: list[str] = []
    for name, caller in {
        "session": FakeCaller("1", password="x"),
        "another": FakeCaller("1", password=""),
        "token": FakeCaller("1"),
        "somebody": FakeCaller("11", password="x"),
    }.items():
        admissions.register(caller, lambda reason, name=name: ended.append(f"{name} {reason}"))  # type: ignore[misc]
    admissions.on_account_changed("signed-out.1")
    assert sorted(ended) == ["another revoked", "session revoked"]


@pytest.mark.parametrize("user", ["1", "signed-out.1", "a.b"])
def test_one_socket_of_a_user_is_disconnected(
    admissions: Admissions, users: Users, clock: Clock, user: str
) -> None:
    ended: list[str] = []
    for name, owner in (("first", user), ("second", user), ("somebody", "11")):
        admissions.register(FakeCaller(owner), lambda reason, name=name: ended.append(name))  # type: ignore[misc]
        clock.now += 1
    first, second = (socket.id for socket in admissions.sockets_of(user))
    assert first != second
    for wrong in (f"{second}.11", f".{user}", "", second):
        admissions.on_account_changed(f"disconnect.{wrong}")
    assert ended == []
    for _ in range(2):
        admissions.on_account_changed(f"disconnect.{second}.{user}")
    assert ended == ["second"]
    assert [socket.id for socket in admissions.sockets_of(user)] == [first]
    assert users.questions == []


def test_a_session_that_reconnects_before_its_sign_out_is_done_is_ended_later(
    in_virtual_time: InVirtualTime, users: Users
) -> None:
    ended: list[float] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        admissions = Admissions(users, check_seconds=5, clock=lambda: NOW + loop.time())
        admissions.start()
        admissions.on_account_changed("signed-out.1")
        # Django announces the sign-out before it deletes the session.
        caller = FakeCaller("1", password="x")
        admissions.register(caller, lambda reason: ended.append(loop.time()))
        await asyncio.sleep(1)
        assert ended == [0.5]
        admissions.on_account_changed("signed-out.1")
        await admissions.stop()

    in_virtual_time(scenario())


def test_expiry_does_not_wait_for_a_check_that_hangs(in_virtual_time: InVirtualTime) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def hang(user_ids: Collection[str]) -> Mapping[str, AccountStatus]:
            await asyncio.sleep(1000)
            raise AssertionError("stopped before")

        admissions = Admissions(hang, check_seconds=5, clock=lambda: NOW + loop.time())
        ended: list[float] = []
        admissions.register(FakeCaller(expires_at=NOW + 20), lambda _: ended.append(loop.time()))
        admissions.start()
        await asyncio.sleep(30)
        assert ended == pytest.approx([20], abs=0.02)
        await admissions.stop()

    in_virtual_time(scenario())


# -- everything at once ---------------------------------------------------------------------------

USER_IDS = st.sampled_from(["1", "2", "3"])
MOMENTS = st.none() | st.integers(-20, 60).map(lambda seconds: NOW + seconds)


class AdmissionsMachine(RuleBasedStateMachine):
    """Compares Admissions with a simple model: sockets, users and clock jumps in any order."""

    @initialize(max_age=st.none() | st.integers(1, 40))
    def begin(self, max_age: int | None) -> None:
        self.clock, self.users = Clock(NOW), Users()
        self.admissions = Admissions(self.users, max_age_seconds=max_age, clock=self.clock)
        self.max_age = max_age if max_age is not None else float("inf")
        self.open: list[tuple[Admission, FakeCaller, float]] = []
        self.ended: list[tuple[Admission, AccessEnd]] = []
        self.expected: list[tuple[Admission, AccessEnd]] = []

    @rule(user_id=USER_IDS, issued_at=MOMENTS, expires_at=MOMENTS)
    def register(self, user_id: str, issued_at: float | None, expires_at: float | None) -> None:
        caller = FakeCaller(user_id, issued_at, expires_at)
        admission = self.admissions.register(
            caller, lambda reason: self.ended.append((admission, reason))
        )
        self.open.append((admission, caller, self.clock.now))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.open:
            entry = data.draw(st.sampled_from(self.open))
            self.open.remove(entry)
            entry[0].release()

    @rule(seconds=st.integers(-30, 30))
    def turn_the_clock(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(user_id=USER_IDS, active=st.booleans(), not_before=MOMENTS)
    def change_user(self, user_id: str, active: bool, not_before: float | None) -> None:
        self.users.account_statuses[user_id] = AccountStatus(active, not_before)

    @rule()
    def expire(self) -> None:
        now, infinite = self.clock.now, float("inf")
        for admission, caller, since in self.open:
            ends_at = infinite if caller.expires_at is None else caller.expires_at
            if min(ends_at, since + self.max_age) <= now:
                self.expected.append((admission, AccessEnd.EXPIRED))
        self.admissions.end_expired()
        self._compare()

    @rule()
    def check(self) -> None:
        for admission, caller, since in self.open:
            status = self.users.account_statuses.get(caller.user_id, GOOD)
            is_session = caller.issued_at is None and caller.expires_at is None
            issued_at = since if is_session else caller.issued_at
            if not status.active:
                self.expected.append((admission, AccessEnd.DEACTIVATED))
            elif status.not_before is not None and (
                issued_at is None or issued_at < status.not_before
            ):
                self.expected.append((admission, AccessEnd.REVOKED))
        finish(self.admissions.check())
        self._compare()

    def _compare(self) -> None:
        assert len(self.ended) == len(self.expected)
        assert set(self.ended) == set(self.expected)
        gone = {admission for admission, _ in self.ended}
        assert len(gone) == len(self.ended)
        self.open = [entry for entry in self.open if entry[0] not in gone]

    @invariant()
    def nothing_else_ends(self) -> None:
        assert len(self.ended) == len(self.expected)
        assert len(self.admissions) == len(self.open)
        assert all(admission.is_open for admission, _, _ in self.open)
        assert len(self.admissions._expiries) <= 2 * len(self.open) + 64


AdmissionsMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
TestAdmissions = AdmissionsMachine.TestCase
