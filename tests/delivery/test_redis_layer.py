"""The layer of production on a real Redis that is restarted, frozen, and told to drop connections."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import redis
import uvloop
from channels.layers import get_channel_layer
from django.test import override_settings

from live_inbox.delivery.hub import Hub, HubRules
from live_inbox.delivery.redis_layer import RedisLayer
from live_inbox.delivery.redis_mailbox import Mailbox
from tests.delivery.counting import counted
from tests.delivery.pretend_log import Line, PretendLog, decode
from tests.stacks.redis_server import RedisServer

PATIENT: dict[str, float] = {"connect_seconds": 30, "reply_seconds": 30, "ping_seconds": 3600}
"""For tests in which nothing breaks: a slow machine is no trouble."""
HASTY: dict[str, float] = {"connect_seconds": 2.0, "reply_seconds": 2.0, "ping_seconds": 0.2}
"""For tests in which it does: limits that are waited for, and that a slow machine keeps."""


def said(**inboxes: list[bytes]) -> dict[str, Any]:
    return {"type": "inbox.events", "from": "somebody", "inboxes": inboxes}


@pytest.fixture
async def layer(private_redis: RedisServer) -> AsyncIterator[RedisLayer]:
    layer = RedisLayer(private_redis.url, **PATIENT)  # type: ignore[arg-type]
    yield layer
    await layer.close()


@pytest.fixture
async def hasty(private_redis: RedisServer) -> AsyncIterator[RedisLayer]:
    layer = RedisLayer(private_redis.url, **HASTY)  # type: ignore[arg-type]
    yield layer
    await layer.close()


def admin(server: RedisServer) -> Any:
    return redis.Redis.from_url(server.url, socket_timeout=60)


def subscriptions(server: RedisServer) -> set[bytes]:
    with admin(server) as client:
        return set(client.pubsub_channels())


def clients(server: RedisServer, kind: str) -> list[dict[str, Any]]:
    with admin(server) as client:
        own = client.client_id()
        return [c for c in client.client_list(_type=kind) if int(c["id"]) != own]


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def received(layer: RedisLayer, channel: str = "here") -> dict[str, Any]:
    async with asyncio.timeout(60):
        return await layer.receive(channel)


async def gathered(layer: RedisLayer, channel: str, count: int) -> dict[str, list[bytes]]:
    """Receive until so many entries have come."""
    got: dict[str, list[bytes]] = {}
    while sum(map(len, got.values())) < count:
        for inbox, frames in (await received(layer, channel))["inboxes"].items():
            got.setdefault(inbox, []).extend(frames)
    return got


# -- what it carries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_message_reaches_the_members_of_its_group(
    private_redis: RedisServer, protocol: int
) -> None:
    layer = RedisLayer(f"{private_redis.url}?protocol={protocol}", **PATIENT)  # type: ignore[arg-type]
    await layer.group_add("inbox.7", "here")
    await layer.group_add("inbox.7", "there")
    await layer.group_add("inbox.8", "there")
    await layer.group_send("inbox.7", said(a=[b"1", b"\x00\r\n"], b=[]))
    await layer.group_send("inbox.8", said(a=[b"2"]))
    assert await received(layer, "here") == said(a=[b"1", b"\x00\r\n"], b=[])
    assert await gathered(layer, "there", 3) == {"a": [b"1", b"\x00\r\n", b"2"], "b": []}
    await layer.group_discard("inbox.7", "here")
    assert subscriptions(private_redis) == {b"inbox:inbox.7", b"inbox:inbox.8"}
    await layer.group_discard("inbox.7", "there")
    assert subscriptions(private_redis) == {b"inbox:inbox.8"}
    await layer.close()


async def test_when_a_join_returns_redis_has_confirmed_it(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    await layer.group_add("a", "here")
    assert subscriptions(private_redis) == {b"inbox:a"}
    await asyncio.gather(*(layer.group_add(f"g{n}", "here") for n in range(3000)))
    assert len(subscriptions(private_redis)) == 3001
    (listening,) = clients(private_redis, "pubsub")
    assert int(listening["sub"]) == 3001


async def test_joins_of_one_turn_are_one_command(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    await layer.group_add("a", "here")
    with admin(private_redis) as client:
        client.config_resetstat()
        await asyncio.gather(*(layer.group_add(f"g{n}", "here") for n in range(500)))
        assert client.info("commandstats")["cmdstat_subscribe"]["calls"] == 1


async def test_the_last_wish_about_a_group_counts(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    await layer.group_add("a", "here")
    await asyncio.gather(
        layer.group_discard("a", "here"), layer.group_add("b", "here"), layer.group_add("a", "here")
    )
    assert subscriptions(private_redis) == {b"inbox:a", b"inbox:b"}
    await asyncio.gather(layer.group_add("c", "here"), layer.group_discard("c", "here"))
    assert subscriptions(private_redis) == {b"inbox:a", b"inbox:b"}


async def test_what_was_said_meanwhile_is_one_message_of_each_sender() -> None:
    mailbox = Mailbox()
    mailbox.put("x", {"7": [b"1", b"2"]})
    mailbox.put("y", {"7": [b"3"]})
    mailbox.put("x", {"8": [b"4"], "7": [b"5"]})
    assert await mailbox.take() == ("x", {"7": [b"1", b"2", b"5"], "8": [b"4"]})
    assert await mailbox.take() == ("y", {"7": [b"3"]})


async def test_a_burst_arrives_whole_and_in_order(layer: RedisLayer) -> None:
    await layer.group_add("a", "here")
    sends = [layer.group_send("a", said(**{str(n % 7): [b"%d" % n]})) for n in range(10_000)]
    await asyncio.gather(*sends)
    assert await gathered(layer, "here", 10_000) == {
        str(i): [b"%d" % n for n in range(i, 10_000, 7)] for i in range(7)
    }


async def test_what_is_said_to_very_many_inboxes_comes_in_parts_that_leave_others_a_turn(
    layer: RedisLayer,
) -> None:
    await layer.group_add("a", "here")
    inboxes = {str(n): [b"%d" % n] for n in range(1200)}
    await layer.group_send("a", said(**inboxes))
    turns: list[str] = []
    parts = []
    for _ in range(3):
        asyncio.get_running_loop().call_soon(turns.append, "turn")
        parts.append((await received(layer))["inboxes"])
    assert [len(part) for part in parts] == [500, 500, 200]
    assert parts[0] | parts[1] | parts[2] == inboxes
    assert turns == ["turn", "turn", "turn"]


async def test_senders_are_not_mixed(layer: RedisLayer) -> None:
    await layer.group_add("a", "here")
    for who in ("x", "y", "x"):
        await layer.group_send(
            "a", {"type": "inbox.events", "from": who, "inboxes": {"7": [who.encode()]}}
        )
    got: dict[str, list[bytes]] = {}
    while sum(map(len, got.values())) < 3:
        message = await received(layer)
        got.setdefault(message["from"], []).extend(message["inboxes"]["7"])
    assert got == {"x": [b"x", b"x"], "y": [b"y"]}


async def test_what_cannot_be_read_is_logged_once_and_passed_over(
    layer: RedisLayer, private_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await layer.group_add("a", "here")
    faults = counted("layer_faults_total")
    with admin(private_redis) as client:
        for _ in range(3):
            client.publish("inbox:a", b"?")
    await layer.group_send("a", said(a=[b"1"]))
    assert await received(layer) == said(a=[b"1"])
    assert counted("layer_faults_total") == faults + 3
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("The reading of doorbells from Redis fails: Unreadable: ")
    assert lines[1] == "The reading of doorbells from Redis works again after 3 failures."


async def test_more_than_it_can_hold_is_dropped_counted_and_told() -> None:
    mailbox = Mailbox(capacity=10)
    dropped = counted("doorbells_heard_total", verdict="dropped")
    for n in range(5):
        mailbox.put("x", {"7": [b"%d" % n], "8": [b"%d" % n]})
    mailbox.put("y", {"9": [b"too much"]})
    mailbox.put("x", {"7": [b"last"]})
    assert counted("doorbells_heard_total", verdict="dropped") == dropped + 11
    with pytest.raises(OverflowError, match="doorbells come faster than they are received"):
        await mailbox.take()
    assert await mailbox.take() == ("", {})
    assert await mailbox.take() == ("x", {"7": [b"last"]})


async def test_what_is_no_doorbell_is_refused_where_it_is_sent(layer: RedisLayer) -> None:
    with pytest.raises(KeyError):
        await layer.group_send("a", {"type": "chat.message", "text": "hello"})


# -- whose it is --------------------------------------------------------------------------------------------


async def test_who_uses_nothing_has_no_connection(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    listening = asyncio.create_task(layer.receive("here"))
    await layer.group_add("a", "here")
    await layer.group_add("b", "here")
    assert len(clients(private_redis, "pubsub")) == 1
    await layer.group_discard("a", "here")
    await layer.group_discard("b", "here")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    # One that has subscribed to nothing is an ordinary client.
    await until(lambda: not clients(private_redis, "pubsub") + clients(private_redis, "normal"))
    # And from the start.
    await layer.group_add("a", "here")
    assert subscriptions(private_redis) == {b"inbox:a"}


async def test_loops_of_one_process_do_not_share_anything(private_redis: RedisServer) -> None:
    layer = RedisLayer(private_redis.url, **PATIENT)  # type: ignore[arg-type]
    at_once = threading.Barrier(3)
    got: list[dict[str, Any]] = []

    async def take_part() -> None:
        await layer.group_add("a", "here")
        await asyncio.to_thread(at_once.wait, 60)
        await layer.group_send("a", said(a=[b"1"]))
        got.append(await gathered(layer, "here", 3))

    for _ in range(2):
        threads = [
            threading.Thread(target=run, args=(take_part(),))
            for run in (asyncio.run, uvloop.run, asyncio.run)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        # A loop that has ended takes its connections with it.
        await until(lambda: not clients(private_redis, "normal") + clients(private_redis, "pubsub"))
    assert got == [{"a": [b"1", b"1", b"1"]}] * 6


async def test_channels_makes_it_from_the_settings(private_redis: RedisServer) -> None:
    backend = "live_inbox.delivery.redis_layer.RedisLayer"
    config = {"url": private_redis.url, "prefix": "other"}
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": backend, "CONFIG": config}}):
        layer: Any = get_channel_layer()
        assert isinstance(layer, RedisLayer)
        assert get_channel_layer() is layer
        await layer.group_add("a", "here")
        assert subscriptions(private_redis) == {b"other:a"}
        await layer.close()


async def test_closing_lets_nobody_wait(layer: RedisLayer) -> None:
    receiving = asyncio.create_task(layer.receive("here"))
    await layer.group_add("a", "here")
    joining = asyncio.create_task(layer.group_add("b", "here"))
    await asyncio.sleep(0)
    await layer.close()
    for task in (receiving, joining):
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(task, 60)


# -- trouble ------------------------------------------------------------------------------------------------


def strike(server: RedisServer, fault: str) -> None:
    """Take the connections away; after `stopped` and `frozen`, there is no Redis until `mend`."""
    if fault == "frozen":
        server.freeze()
    elif fault == "stopped":
        server.stop()
    else:
        with admin(server) as client:
            client.client_kill_filter(_type="pubsub" if fault == "listener killed" else "normal")
            client.flushall()


def mend(server: RedisServer, fault: str) -> None:
    if fault == "frozen":
        server.thaw()
    elif fault == "stopped":
        server.start()


@pytest.mark.parametrize("fault", ["frozen", "stopped", "listener killed"])
async def test_a_lost_subscription_is_told_once_and_comes_back_by_itself(
    hasty: RedisLayer, private_redis: RedisServer, fault: str
) -> None:
    await hasty.group_add("a", "here")
    await hasty.group_add("b", "here")
    await asyncio.to_thread(strike, private_redis, fault)
    with pytest.raises(ConnectionError):
        await received(hasty)
    if fault != "listener killed":
        # A join says that Redis is away, and is remembered; leaving needs no Redis.
        with pytest.raises(ConnectionError):
            await hasty.group_add("c", "here")
        await hasty.group_discard("b", "here")
    await asyncio.to_thread(mend, private_redis, fault)
    back = await received(hasty)
    assert back == {"type": "inbox.events", "from": "", "inboxes": {}}
    wanted = {b"inbox:a", b"inbox:b" if fault == "listener killed" else b"inbox:c"}
    assert subscriptions(private_redis) == wanted
    other = RedisLayer(private_redis.url, **PATIENT)  # type: ignore[arg-type]
    await other.group_send("a", said(a=[b"1"]))
    assert await received(hasty) == said(a=[b"1"])
    await other.close()


async def test_without_redis_at_the_start_it_begins_when_there_is_one(
    hasty: RedisLayer, private_redis: RedisServer
) -> None:
    await asyncio.to_thread(private_redis.stop)
    with pytest.raises(ConnectionError):
        await hasty.group_add("a", "here")
    with pytest.raises(ConnectionError):
        await received(hasty)
    await asyncio.to_thread(private_redis.start)
    assert (await received(hasty))["inboxes"] == {}
    assert subscriptions(private_redis) == {b"inbox:a"}


@pytest.mark.parametrize("fault", ["frozen", "stopped", "publisher killed"])
async def test_sending_fails_in_time_and_works_at_once_when_redis_is_back(
    hasty: RedisLayer, private_redis: RedisServer, fault: str
) -> None:
    patient = RedisLayer(private_redis.url, **PATIENT)  # type: ignore[arg-type]
    await patient.group_add("a", "here")
    await hasty.group_send("a", said(a=[b"1"]))
    assert await received(patient) == said(a=[b"1"])
    await asyncio.to_thread(strike, private_redis, fault)
    if fault != "publisher killed":
        async with asyncio.timeout(60):
            sends = [hasty.group_send("a", said(a=[b"2"])) for _ in range(100)]
            outcomes = await asyncio.gather(*sends, return_exceptions=True)
        assert all(isinstance(outcome, Exception) for outcome in outcomes)
        with pytest.raises((ConnectionError, TimeoutError, redis.RedisError)):
            await hasty.group_send("a", said(a=[b"3"]))
    else:
        await until(lambda: _publishers_gone(hasty))
    await asyncio.to_thread(mend, private_redis, fault)
    if fault == "stopped":
        # Who listens has to be there again.
        await until(lambda: subscriptions(private_redis) == {b"inbox:a"})
    await hasty.group_send("a", said(a=[b"4"]))
    while b"4" not in (got := await _received_in_spite_of_trouble(patient)):
        assert b"3" not in got
    await patient.close()


def _publishers_gone(layer: RedisLayer) -> bool:
    connections = [end.publisher._connection for end in layer._ends.values()]
    return all(connection is None or connection.gone.is_set() for connection in connections)


async def _received_in_spite_of_trouble(layer: RedisLayer) -> Sequence[bytes]:
    try:
        inboxes: dict[str, list[bytes]] = (await received(layer))["inboxes"]
    except ConnectionError:
        return []
    return inboxes.get("a", [])


async def test_who_gives_up_sending_does_not_disturb_the_others(layer: RedisLayer) -> None:
    await layer.group_add("a", "here")
    await layer.group_send("a", said(a=[b"first"]))
    sends = [asyncio.create_task(layer.group_send("a", said(a=[b"%d" % n]))) for n in range(100)]
    await asyncio.sleep(0)
    for send in sends[::2]:
        send.cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    assert [send.cancelled() for send in sends] == [True, False] * 50
    # They had been written by then: cancelling means to wait no longer.
    assert len((await gathered(layer, "here", 101))["a"]) == 101


async def test_who_gives_up_while_it_connects_does_not_disturb_the_others(
    layer: RedisLayer,
) -> None:
    await layer.group_add("a", "here")
    sends = [asyncio.create_task(layer.group_send("a", said(a=[b"%d" % n]))) for n in range(3)]
    await asyncio.sleep(0)
    sends[0].cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    assert [send.cancelled() for send in sends] == [True, False, False]
    assert await gathered(layer, "here", 2) == {"a": [b"1", b"2"]}


async def test_a_password_that_is_refused_is_a_fault_like_any_other(
    private_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    layer = RedisLayer(f"redis://:wrong-one@127.0.0.1:{private_redis.port}/0", **HASTY)  # type: ignore[arg-type]
    with pytest.raises(redis.AuthenticationError):
        await layer.group_send("a", said(a=[b"1"]))
    with pytest.raises(ConnectionError) as refused:
        await received(layer)
    assert "wrong-one" not in f"{refused.value} {caplog.text}"
    await layer.close()


async def test_a_hub_compares_every_inbox_when_its_doorbells_are_heard_again(
    hasty: RedisLayer, private_redis: RedisServer
) -> None:
    log = PretendLog()
    never = HubRules(reconcile_seconds=3600.0, layer_seconds=3600.0)
    hub: Hub[Line] = Hub(log, layer=hasty, decode=decode, rules=never)
    await hub.start()
    async with hub.subscribe("7") as one:
        await until(lambda: b"inbox:inbox.7" in subscriptions(private_redis))
        await until(lambda: not hub._behind)
        await asyncio.to_thread(private_redis.stop)
        await until(lambda: hub._layer_fault.is_on)
        # Nobody rings, so only the log can tell, and only what comes back makes the hub look.
        log.write("7", 2)
        taking = asyncio.create_task(one.take())
        await asyncio.to_thread(private_redis.start)
        assert [line.sequence for line in await asyncio.wait_for(taking, 60)] == [1, 2]
    await hub.stop()
