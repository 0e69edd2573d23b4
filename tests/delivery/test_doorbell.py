from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from hypothesis import given, settings
from hypothesis import strategies as st

from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.hub import Hub
from tests.delivery.doorbell_messages import inboxes_of
from tests.delivery.fake_log import FakeEntry, FakeLog, decode, encode
from tests.delivery.group_names import BULK, deployment, group_of
from tests.delivery.metric_values import counted
from tests.waiting import until

LONG = 3600.0
"""Longer than any test: what waits this long has not happened."""


class RecordingLayer:
    """Keeps what is sent. Can be made to raise, or to hang from a certain message on."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.raising = False
        self.hanging = asyncio.Event()
        self.calls = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.calls += 1
        if self.raising:
            raise ConnectionError("the layer is away")
        if self.hanging.is_set():
            await asyncio.get_running_loop().create_future()
        self.sent.append((group, message))

    @property
    def groups(self) -> list[str]:
        return [group for group, _ in self.sent]


def dropped() -> float:
    return counted("doorbells_dropped_total")


def ignore(_: Mapping[str, Sequence[bytes]]) -> None:
    """A hub that does not listen."""


# -- groups --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inbox", "expected"),
    [
        ("1", "inbox.d1.1"),
        ("3f2b8c1e-0d4a-4e5f-9a6b-7c8d9e0f1a2b", "inbox.d1.3f2b8c1e-0d4a-4e5f-9a6b-7c8d9e0f1a2b"),
        ("a_b", "inbox.d1.a_b"),
        ("a" * 64, "inbox.d1." + "a" * 64),
        ("a" * 65, "inbox.d1.sha.635361c48bb9eab14198e76ea8ab7f1a41685d6a"),
        ("a@b.c", "inbox.d1.sha.d648b243a3e817eaa3309e00e183483f2867baad"),
        ("", "inbox.d1.sha.e3b0c44298fc1c149afbf4c8996fb92427ae41e4"),
    ],
)
def test_the_group_of_an_inbox(inbox: str, expected: str) -> None:
    assert group_of(inbox) == expected


@given(st.text(max_size=100))
def test_every_group_is_valid_on_every_layer(inbox: str) -> None:
    name = group_of(inbox)
    assert InMemoryChannelLayer().require_valid_group_name(name)
    assert name != BULK


@given(st.text(max_size=100), st.text(max_size=100))
def test_two_inboxes_never_share_a_group(one: str, other: str) -> None:
    assert (group_of(one) == group_of(other)) is (one == other)


# -- in a server ---------------------------------------------------------------------------------------------


async def test_in_a_server_the_hub_gets_the_events_directly_and_other_processes_by_the_layer() -> (
    None
):
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    received: list[Mapping[str, Sequence[bytes]]] = []
    before = counted("doorbells_sent_total")
    async with bell.attached(received.append):
        bell.ring({"7": [b"one", b"two"]})
        assert (received, layer.sent) == ([], [])
    assert received == [{"7": [b"one", b"two"]}]
    ((group, message),) = layer.sent
    assert (group, message["type"], message["version"]) == (group_of("7"), "inbox.events", 2)
    assert (message["from"], inboxes_of(message)) == (bell.name, {"7": [b"one", b"two"]})
    assert counted("doorbells_sent_total") - before == 1


async def test_each_inbox_has_its_own_message_while_they_are_few() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    async with bell.attached(ignore):
        bell.ring({str(n): [b"x"] for n in range(15)})
    assert layer.groups == [f"inbox.d1.{n}" for n in range(15)]
    assert all(len(inboxes_of(message)) == 1 for _, message in layer.sent)


async def test_a_bulk_rings_in_the_common_group_some_inboxes_at_a_time() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    everybody = {str(n): [b"%d" % n] for n in range(450)}
    async with bell.attached(ignore):
        bell.ring({str(n): [b"x"] for n in range(16)})
        bell.ring(everybody)
    assert layer.groups == [BULK] * 4
    assert [len(inboxes_of(message)) for _, message in layer.sent] == [16, 200, 200, 50]
    sent: dict[str, list[bytes]] = {}
    for _, message in layer.sent[1:]:
        sent |= inboxes_of(message)
    assert sent == everybody


async def sent_for(event_batch: Mapping[str, Sequence[bytes]]) -> list[dict[str, list[bytes]]]:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    async with bell.attached(ignore):
        bell.ring(event_batch)
    return [inboxes_of(message) for _, message in layer.sent]


async def test_many_events_are_published_in_messages_of_a_megabyte() -> None:
    events = [bytes([n]) * 300_000 for n in range(10)]
    sent = await sent_for({"7": events, "8": [b"x"]})
    assert [len(inboxes["7"]) for inboxes in sent[:-1]] == [4, 4, 2]
    assert [event for inboxes in sent[:-1] for event in inboxes["7"]] == events
    assert sent[-1] == {"8": [b"x"]}


@given(st.lists(st.lists(st.integers(1, 700_000), min_size=1, max_size=3), min_size=1, max_size=25))
@settings(max_examples=30, deadline=None)
def test_however_a_batch_is_split_its_events_arrive_in_order(lengths: list[list[int]]) -> None:
    batch = {
        str(n): [bytes([part]) * length for part, length in enumerate(each)]
        for n, each in enumerate(lengths)
    }
    sent = asyncio.run(sent_for(batch))
    arrived: dict[str, list[bytes]] = {}
    for inboxes in sent:
        assert all(inboxes.values()), "an inbox without events is a change of an account"
        assert sum(len(event) for events in inboxes.values() for event in events) < 2 * 1024 * 1024
        for inbox, events in inboxes.items():
            arrived.setdefault(inbox, []).extend(events)
    assert arrived == batch


async def test_every_message_has_a_mac_of_its_own() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment, clock=lambda: 1.0)
    async with bell.attached(ignore):
        for _ in range(2):
            bell.ring_empty(["7"])
            bell.ring({"7": [b"x"]})
    assert len({message["mac"] for _, message in layer.sent}) == 4


async def test_a_doorbell_without_events_rings_in_the_common_group() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    received: list[Mapping[str, Sequence[bytes]]] = []
    async with bell.attached(received.append):
        bell.ring_empty(["7"])
        bell.ring_empty([])
    assert received == [{"7": ()}]
    assert [(group, inboxes_of(message)) for group, message in layer.sent] == [(BULK, {"7": []})]


async def test_ringing_for_no_inbox_does_nothing() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    async with bell.attached(ignore):
        bell.ring({})
    assert layer.sent == []


async def test_a_ring_from_another_thread_reaches_the_hub_and_the_layer() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    received: list[tuple[str, Mapping[str, Sequence[bytes]]]] = []

    def on_events(rung: Mapping[str, Sequence[bytes]]) -> None:
        received.append((threading.current_thread().name, rung))

    async with bell.attached(on_events):
        await asyncio.to_thread(bell.ring, {"7": [b"x"]})
    assert received == [(threading.current_thread().name, {"7": [b"x"]})]
    assert layer.groups == [group_of("7")]


async def test_a_layer_that_swallows_a_cancellation_does_not_keep_the_doorbell_running() -> None:
    class Swallowing(RecordingLayer):
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            """Hang through the timeout's cancellation and through the first of the shutdown."""
            for _ in range(2):
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            await asyncio.Event().wait()

    layer = Swallowing()
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=0.05)
    async with asyncio.timeout(10), bell.attached(ignore):
        bell.ring({"7": [b"x"]})


async def test_without_a_layer_the_hub_still_gets_the_events() -> None:
    bell = Doorbell(lambda: None, deployment=deployment)
    received: list[Mapping[str, Sequence[bytes]]] = []
    before = dropped()
    async with bell.attached(received.append):
        bell.ring({"7": [b"x"]})
    assert received == [{"7": [b"x"]}]
    assert dropped() == before


async def test_everything_rung_before_a_server_ends_is_published() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    async with bell.attached(ignore):
        for n in range(300):
            bell.ring({str(n): [b"x"]})
    assert layer.groups == [f"inbox.d1.{n}" for n in range(300)]


async def test_a_slow_layer_does_not_hold_up_the_end_of_a_server() -> None:
    class SlowLayer(RecordingLayer):
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            await asyncio.sleep(0.02)
            await super().group_send(group, message)

    layer = SlowLayer()
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=0.1)
    async with bell.attached(ignore):
        for n in range(1000):
            bell.ring({str(n): [b"x"]})
    assert 0 < len(layer.sent) < 1000


def test_a_ring_to_a_hub_whose_loop_has_been_closed_is_no_error() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    loop = asyncio.new_event_loop()
    server = bell.attached(ignore)
    loop.run_until_complete(server.__aenter__())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    before = dropped()
    bell.ring({"7": [b"x"]})
    assert dropped() - before == 1
    assert layer.sent == []


# -- layers that are away ------------------------------------------------------------------------------------


async def test_while_the_layer_is_away_rings_are_dropped_and_counted_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = RecordingLayer()
    layer.raising = True
    bell = Doorbell(lambda: layer, deployment=deployment, retry_seconds=LONG)
    received: list[Mapping[str, Sequence[bytes]]] = []
    before = dropped()
    async with bell.attached(received.append):
        bell.ring({"1": [b"x"], "2": [b"x"], "3": [b"x"]})
        await until(lambda: dropped() - before == 3)
        assert layer.calls == 1
        for n in range(100):
            bell.ring({str(n): [b"x"]})
    assert len(received) == 101
    assert dropped() - before == 103
    assert layer.calls == 1
    assert [record.getMessage() for record in caplog.records] == [
        "The channel layer (publishing) fails: ConnectionError: the layer is away"
    ]


async def test_the_layer_is_tried_again_and_its_return_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = RecordingLayer()
    layer.raising = True
    bell = Doorbell(lambda: layer, deployment=deployment, retry_seconds=0.0)
    async with bell.attached(ignore):
        for _ in range(3):
            before = dropped()
            bell.ring({"1": [b"x"]})
            await until(lambda goal=before + 1: dropped() == goal)  # type: ignore[misc]
        layer.raising = False
        bell.ring({"2": [b"x"]})
    assert layer.groups == [group_of("2")]
    assert [record.getMessage() for record in caplog.records] == [
        "The channel layer (publishing) fails: ConnectionError: the layer is away",
        "The channel layer (publishing) works again after 3 failures.",
    ]


async def test_a_layer_that_hangs_is_given_up_on(caplog: pytest.LogCaptureFixture) -> None:
    layer = RecordingLayer()
    layer.hanging.set()
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=0.05, retry_seconds=LONG)
    before = dropped()
    async with bell.attached(ignore):
        for n in range(5):
            bell.ring({str(n): [b"x"]})
        await until(lambda: dropped() - before == 5)
    assert layer.calls == 1
    assert "TimeoutError" in caplog.text


async def test_no_more_than_so_many_messages_wait_for_a_slow_layer() -> None:
    layer = RecordingLayer()
    layer.hanging.set()
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=0.05, retry_seconds=LONG)
    before = dropped()
    async with bell.attached(ignore):
        for n in range(10_007):
            bell.ring({str(n): [b"x"]})
        assert dropped() - before == 7
        await until(lambda: dropped() - before == 10_007)


async def test_a_layer_that_cannot_even_be_made_is_a_layer_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> RecordingLayer:
        raise ImportError("no such layer")

    bell = Doorbell(broken, deployment=deployment, retry_seconds=0.0)
    before = dropped()
    async with bell.attached(ignore):
        bell.ring({"1": [b"x"]})
        await until(lambda: dropped() - before == 1)
        bell.ring({"1": [b"x"]})
        await until(lambda: dropped() - before == 2)
    assert [record.getMessage() for record in caplog.records] == [
        "The channel layer (publishing) fails: ImportError: no such layer"
    ]


class TwoHosts(RecordingLayer):
    """A layer of which one host keeps the groups of even inboxes, and fails in the way that is asked for."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self._hangs = hangs
        self.is_down = True

    def host_of(self, group: str) -> int:
        return int(group[-1]) % 2

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.is_down and self.host_of(group) == 0:
            self.calls += 1
            if self._hangs:
                await asyncio.get_running_loop().create_future()
            raise ConnectionError("the first host is away")
        await super().group_send(group, message)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_host_that_is_away_keeps_nothing_from_the_others(hangs: bool) -> None:
    layer = TwoHosts(hangs=hangs)
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=0.2, retry_seconds=LONG)
    before = dropped()
    async with bell.attached(ignore):
        for n in range(8):
            bell.ring({str(n): [b"x"]})
        await until(lambda: dropped() - before == 4)
        bell.ring({"8": [b"x"], "9": [b"x"]})
    assert layer.groups == [group_of(str(n)) for n in (1, 3, 5, 7, 9)]
    assert dropped() - before == 5
    assert layer.calls == 5 + 1


async def test_each_host_is_logged_and_tried_again_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = TwoHosts(hangs=False)
    bell = Doorbell(lambda: layer, deployment=deployment, retry_seconds=0.0)
    before = dropped()
    async with bell.attached(ignore):
        bell.ring({"0": [b"x"], "1": [b"x"]})
        await until(lambda: dropped() - before == 1)
        layer.is_down = False
        bell.ring({"2": [b"x"], "3": [b"x"]})
    assert sorted(layer.groups) == [group_of(str(n)) for n in (1, 2, 3)]
    assert [record.getMessage() for record in caplog.records] == [
        "The channel layer (publishing, host 1) fails: ConnectionError: the first host is away",
        "The channel layer (publishing, host 1) works again after 1 failures.",
    ]


# -- in any other process ------------------------------------------------------------------------------------


def test_without_a_server_a_thread_publishes() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    assert bell.flush()
    for n in range(300):
        bell.ring({str(n): [b"x"]})
    assert bell.flush()
    assert layer.groups == [f"inbox.d1.{n}" for n in range(300)]


def test_many_threads_ring_one_doorbell() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)

    def ring(thread: int) -> None:
        for n in range(50):
            bell.ring({f"{thread}-{n}": [b"x"]})

    threads = [threading.Thread(target=ring, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bell.flush()
    assert sorted(layer.groups) == sorted(f"inbox.d1.{t}-{n}" for t in range(8) for n in range(50))
    for t in range(8):
        mine = [group for group in layer.groups if group.startswith(f"inbox.d1.{t}-")]
        assert mine == [f"inbox.d1.{t}-{n}" for n in range(50)]
    publishers = [thread for thread in threading.enumerate() if thread.name == "doorbell"]
    assert len([t for t in publishers if t.daemon]) == len(publishers)


def test_a_flush_that_takes_too_long_says_so() -> None:
    layer = RecordingLayer()
    layer.hanging.set()
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=0.5, retry_seconds=LONG)
    before = dropped()
    bell.ring({"1": [b"x"]})
    assert bell.flush(timeout=0.01) is False
    assert bell.flush(timeout=60) is True
    assert dropped() - before == 1


def test_a_ring_never_waits_for_the_layer() -> None:
    layer = RecordingLayer()
    layer.hanging.set()
    bell = Doorbell(lambda: layer, deployment=deployment, layer_seconds=LONG)
    for n in range(1000):
        bell.ring({str(n): [b"x"]})
    assert bell.flush(timeout=0.01) is False


async def test_when_a_server_has_ended_a_thread_takes_over() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    async with bell.attached(ignore):
        bell.ring({"1": [b"x"]})
    bell.ring({"2": [b"x"]})
    assert await asyncio.to_thread(bell.flush)
    assert layer.groups == [group_of("1"), group_of("2")]


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_fork_of_a_server_rings_with_a_thread_of_its_own() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)

    async def fork_in_a_server() -> None:
        async with bell.attached(ignore):
            bell.ring({"1": [b"x"]})
            await asyncio.sleep(0)
            _check_in_a_fork(bell, layer)

    asyncio.run(fork_in_a_server())
    assert layer.groups == [group_of("1")]


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_fork_of_a_worker_rings_with_a_thread_of_its_own() -> None:
    layer = RecordingLayer()
    bell = Doorbell(lambda: layer, deployment=deployment)
    bell.ring({"1": [b"x"]})
    assert bell.flush()
    with bell._lock:
        _check_in_a_fork(bell, layer)
    bell.ring({"3": [b"x"]})
    assert bell.flush()
    assert layer.groups == [group_of("1"), group_of("3")]


def _check_in_a_fork(bell: Doorbell, layer: RecordingLayer) -> None:
    """Ring in a forked process; fail unless its own layer got just that, under a name of its own."""
    parent = bell.name
    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            layer.sent.clear()
            bell.ring({"2": [b"x"]})
            flushed = bell.flush(timeout=60)
            (message,) = [message for _, message in layer.sent]
            if flushed and message["from"] == bell.name != parent:
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


# -- with a hub ----------------------------------------------------------------------------------------------


def test_a_doorbell_is_named_after_its_process() -> None:
    bell = Doorbell(lambda: None, deployment=deployment)
    assert re.fullmatch(rf"[0-9a-f]{{32}}\.{os.getpid()}", bell.name)
    assert bell.name != Doorbell(lambda: None, deployment=deployment).name


async def test_two_hubs_receive_each_others_doorbells_through_a_layer_in_memory() -> None:
    layer = InMemoryChannelLayer()
    here, there = (
        Doorbell(lambda: layer, deployment=deployment),
        Doorbell(lambda: layer, deployment=deployment),
    )
    log = FakeLog()
    hubs: list[Hub[FakeEntry]] = [
        Hub(log, layer=layer, decode=decode, own_doorbell=bell.name) for bell in (here, there)
    ]
    for hub in hubs:
        await hub.start()
    async with (
        here.attached(hubs[0].on_message),
        there.attached(hubs[1].on_message),
        hubs[0].subscribe("alice") as one,
        hubs[1].subscribe("alice") as other,
    ):
        await until(lambda: len(layer.groups.get(group_of("alice"), ())) == 2)
        here.ring({"alice": [encode(line) for line in log.write("alice", 2)]})
        assert [line.sequence for line in await one.take()] == [1, 2]
        assert [line.sequence for line in await other.take()] == [1, 2]
        there.ring({str(n): [b"?"] for n in range(20)} | {"alice": _frames(log, 1)})
        assert [line.sequence for line in await one.take()] == [3]
        assert [line.sequence for line in await other.take()] == [3]
    for hub in hubs:
        await hub.stop()
    assert layer.groups == {}


def _frames(log: FakeLog, count: int) -> list[bytes]:
    return [encode(line) for line in log.write("alice", count)]


def test_nothing_is_logged_by_a_doorbell_that_works(caplog: pytest.LogCaptureFixture) -> None:
    bell = Doorbell(lambda: RecordingLayer(), deployment=deployment)
    with caplog.at_level(logging.DEBUG, logger="backend"):
        bell.ring({"1": [b"x"]})
        assert bell.flush()
    assert caplog.records == []


async def test_without_the_deployment_id_only_the_hub_of_this_process_gets_doorbells(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = RecordingLayer()
    is_database_down = True

    def read() -> str:
        if is_database_down:
            raise ConnectionError("the database is away")
        return "d1"

    bell = Doorbell(lambda: layer, deployment=read)
    before = dropped()
    received: list[Mapping[str, Sequence[bytes]]] = []
    async with bell.attached(received.append):
        bell.ring({"7": [b"1"]})
        bell.ring({"7": [b"2"]})
        is_database_down = False
        bell.ring({"7": [b"3"]})
    assert received == [{"7": [b"1"]}, {"7": [b"2"]}, {"7": [b"3"]}]
    assert [inboxes_of(message) for _, message in layer.sent] == [{"7": [b"3"]}]
    assert dropped() == before + 2
    assert [record.getMessage() for record in caplog.records] == [
        "The reading of the deployment id fails: ConnectionError: the database is away",
        "The reading of the deployment id works again after 2 failures.",
    ]
