from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.delivery.groups import Groups
from tests.delivery.fake_layer import FakeLayer, Health
from tests.delivery.group_names import BULK, DEPLOYMENT, group_of
from tests.delivery.virtual_loop import VirtualLoop

pytestmark = pytest.mark.stack("embedded")

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["join", "leave"]), st.sampled_from("abc")),
        st.tuples(st.just("health"), st.sampled_from(Health)),
        st.tuples(st.just("turns"), st.integers(1, 5)),
        st.tuples(st.just("seconds"), st.integers(1, 3)),
    ),
    max_size=40,
)


class Membership:
    """Groups that are kept on a loop of their own."""

    def __init__(self, *, layer: FakeLayer | None = None, is_database_down: bool = False) -> None:
        self.loop = VirtualLoop()
        self.layer = layer or FakeLayer()
        self.joined: list[set[str]] = []
        self.is_database_down = is_database_down
        self.groups = Groups(
            self.layer,
            "channel",
            deployment=self.read_deployment,
            on_joined=lambda inboxes: self.joined.append(set(inboxes)),
            limit_seconds=1.0,
            sleep=asyncio.sleep,
        )
        self.loop.create_task(self.layer.receive("channel"))
        self.keeping = self.loop.create_task(self.groups.keep())

    async def read_deployment(self) -> str:
        if self.is_database_down:
            raise ConnectionError("the database is away")
        return DEPLOYMENT

    @property
    def members(self) -> set[str]:
        return set(self.layer.groups)

    def pass_time(self, seconds: float = 10.0) -> None:
        self.loop.settle()
        for _ in range(10):
            self.loop.advance(seconds / 10)

    def close(self) -> None:
        self.keeping.cancel()
        self.loop.result_of(self.groups.close())

    def end(self) -> None:
        self.loop.run_off()
        assert self.loop.errors == []


def test_the_common_group_is_joined_before_any_other() -> None:
    membership = Membership()
    membership.groups.join("a")
    membership.loop.settle()
    assert membership.layer.calls == [("add", BULK), ("add", group_of("a"))]
    assert membership.joined == [{"a"}]
    membership.end()


def test_what_was_joined_before_the_layer_failed_is_reported() -> None:
    membership = Membership()
    membership.loop.settle()
    for inbox in "abc":
        membership.groups.join(inbox)
    original = membership.layer.group_add

    async def fails_for_two(group: str, channel: str) -> None:
        if group in {group_of("a"), group_of("c")}:
            raise ConnectionError
        await original(group, channel)

    membership.layer.group_add = fails_for_two  # type: ignore[method-assign]
    membership.loop.settle()
    assert membership.joined == [{"b"}]
    membership.layer.group_add = original  # type: ignore[method-assign]
    membership.pass_time()
    assert membership.joined == [{"b"}, {"a", "c"}]
    assert membership.members == {BULK, group_of("a"), group_of("b"), group_of("c")}
    membership.end()


def test_what_was_joined_before_the_layer_hung_is_reported() -> None:
    membership = Membership()
    membership.loop.settle()
    membership.groups.join("a")
    membership.groups.join("b")
    original = membership.layer.group_add

    async def hangs_for_one(group: str, channel: str) -> None:
        if group == group_of("a"):
            await asyncio.get_running_loop().create_future()
        await original(group, channel)

    membership.layer.group_add = hangs_for_one  # type: ignore[method-assign]
    membership.pass_time(2.0)
    assert membership.joined == [{"b"}]
    membership.layer.group_add = original  # type: ignore[method-assign]
    membership.pass_time()
    assert membership.joined == [{"b"}, {"a"}]
    membership.end()


def test_many_groups_are_joined_and_left_at_a_time() -> None:
    membership = Membership()
    membership.loop.settle()
    most = calls = 0

    async def counted(group: str, channel: str) -> None:
        nonlocal most, calls
        calls += 1
        most = max(most, calls)
        await asyncio.sleep(0.5)
        calls -= 1

    membership.layer.group_add = membership.layer.group_discard = counted  # type: ignore[method-assign]
    inboxes = {str(n) for n in range(1200)}
    for inbox in inboxes:
        membership.groups.join(inbox)
    membership.pass_time(5.0)
    # Each chunk within the limit of one second.
    assert membership.joined == [inboxes]
    assert most == 500
    most = 0
    for inbox in inboxes:
        membership.groups.leave(inbox)
    membership.pass_time(5.0)
    assert most == 500
    assert membership.groups._members == set()
    membership.end()


@pytest.mark.parametrize("health", [Health.RAISES, Health.HANGS])
def test_a_layer_that_is_away_is_asked_once_in_a_while(health: Health) -> None:
    membership = Membership()
    membership.layer.health = health
    for inbox in "abc":
        membership.groups.join(inbox)
    membership.pass_time(20.0)
    assert 5 <= len(membership.layer.calls) <= 21
    membership.end()


@given(ACTIONS)
def test_whatever_happens_in_the_end_the_groups_are_those_that_were_asked_for(
    actions: list[tuple[str, object]],
) -> None:
    membership = Membership()
    wanted: set[str] = set()
    for action, value in actions:
        if action == "join":
            wanted.add(str(value))
            membership.groups.join(str(value))
        elif action == "leave":
            wanted.discard(str(value))
            membership.groups.leave(str(value))
        elif isinstance(value, Health):
            membership.layer.health = value
        elif isinstance(value, int) and action == "turns":
            for _ in range(value):
                membership.loop.step()
        elif isinstance(value, int):
            membership.loop.advance(value)
    membership.layer.health = Health.WORKS
    membership.pass_time()
    assert membership.members == {BULK, *map(group_of, wanted)}
    # Every member was reported after it had become one, so that the log is compared again.
    assert wanted <= set().union(*membership.joined)
    membership.close()
    assert membership.members == set()
    membership.end()


def test_nothing_is_joined_before_the_deployment_is_known() -> None:
    membership = Membership(is_database_down=True)
    membership.groups.join("a")
    membership.pass_time(2.0)
    assert membership.layer.calls == []
    membership.is_database_down = False
    membership.pass_time(2.0)
    assert membership.members == {BULK, group_of("a")}
    membership.end()


def test_closing_before_the_deployment_is_known_leaves_nothing() -> None:
    membership = Membership(is_database_down=True)
    membership.loop.settle()
    membership.close()
    assert membership.layer.calls == []
    membership.end()


def test_memberships_are_renewed_without_joining_what_is_left() -> None:
    membership = Membership()
    membership.groups.join("a")
    membership.groups.join("b")
    membership.loop.settle()
    membership.layer.calls.clear()
    membership.groups.leave("b")
    membership.groups.renew()
    membership.loop.settle()
    assert membership.layer.calls == [
        ("discard", group_of("b")),
        ("add", BULK),
        ("add", group_of("a")),
    ]
    assert membership.groups.renew_seconds == math.inf
    membership.end()


def test_memberships_that_expire_are_to_be_renewed_four_times_before() -> None:
    layer = FakeLayer()
    layer.group_expiry = 86_400  # type: ignore[attr-defined]
    membership = Membership(layer=layer)
    assert membership.groups.renew_seconds == 21_600
    membership.end()
