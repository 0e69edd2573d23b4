"""The channel listener on layers that raise, hang and send what is no doorbell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from live_inbox.delivery.channel_listener import ChannelListener
from live_inbox.delivery.doorbell import EventBatch
from tests.delivery.virtual_loop import VirtualLoop

pytestmark = pytest.mark.stack("embedded")


class RedisTimeoutError(Exception):
    """Stands for redis-py's exception, which is not Python's own."""


RedisTimeoutError.__name__ = "TimeoutError"


class OneByOneLayer:
    """Returns or raises what it is given."""

    def __init__(self) -> None:
        self.outcomes: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(self, channel: str) -> dict[str, Any]:
        outcome = await self.outcomes.get()
        if isinstance(outcome, Exception):
            raise outcome
        received: dict[str, Any] = outcome
        return received


class DrainingLayer(OneByOneLayer):
    """Delivers by a call; what it returns is left to be processed."""

    on_messages: Callable[[list[Any]], None]

    async def receive_into(
        self, channel: str, on_messages: Callable[[list[Any]], None]
    ) -> list[dict[str, Any]]:
        self.on_messages = on_messages
        return [await self.receive(channel)] + [
            self.outcomes.get_nowait() for _ in range(self.outcomes.qsize())
        ]


class Listening:
    """A listener on a loop of its own."""

    def __init__(self, layer: OneByOneLayer) -> None:
        self.loop = VirtualLoop()
        self.layer = layer
        self.batches: list[EventBatch] = []
        self.lost = 0
        self.missed = 0
        listener = ChannelListener(
            layer,
            "channel",
            own_doorbell="own",
            on_batch=self.batches.append,
            on_lost=self.count_lost,
            on_missed=self.count_missed,
            retry_seconds=2.0,
            sleep=asyncio.sleep,
            clock=self.loop.time,
        )
        self.loop.create_task(listener.run())
        self.loop.settle()

    def count_lost(self) -> None:
        self.lost += 1

    def count_missed(self) -> None:
        self.missed += 1

    def give(self, *outcomes: Any) -> None:
        for outcome in outcomes:
            self.layer.outcomes.put_nowait(outcome)
        self.loop.settle()

    def end(self) -> None:
        self.loop.run_off()
        assert self.loop.errors == []


def message(sender: str = "other", **inboxes: Sequence[bytes]) -> dict[str, Any]:
    return {"type": "inbox.events", "from": sender, "inboxes": inboxes}


def test_messages_of_other_processes_are_passed_on_and_own_ones_are_not() -> None:
    listening = Listening(OneByOneLayer())
    listening.give(message(a=[b"1"]), message("own", a=[b"2"]), message(a=[b"3"], b=[b"4"]))
    assert listening.batches == [{"a": [b"1"]}, {"a": [b"3"], "b": [b"4"]}]
    listening.end()


def test_what_a_draining_layer_has_received_is_merged_in_order() -> None:
    listening = Listening(DrainingLayer())
    listening.give(message(a=[b"1"]), message("own", a=[b"2"]), message(a=[b"3"], b=[b"4"]))
    assert listening.batches == [{"a": [b"1", b"3"], "b": [b"4"]}]
    listening.end()


def test_what_a_draining_layer_delivers_by_a_call_is_merged_as_well() -> None:
    layer = DrainingLayer()
    listening = Listening(layer)
    layer.on_messages([message(a=[b"1"]), message("own", a=[b"2"]), message(a=[b"3"])])
    layer.on_messages([message(b=[b"4"])])
    assert listening.batches == [{"a": [b"1", b"3"]}, {"b": [b"4"]}]
    listening.end()


def test_the_end_of_an_outage_is_reported_as_missed_messages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listening = Listening(OneByOneLayer())
    listening.give(ConnectionError("lost"))
    assert (listening.lost, listening.missed) == (1, 0)
    listening.give(ConnectionError("still lost"))
    listening.loop.advance(2.0)
    listening.give(message(a=[b"1"]))
    assert (listening.missed, listening.batches) == (1, [{"a": [b"1"]}])
    listening.give(message(a=[b"2"]))
    assert (listening.lost, listening.missed) == (1, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "The channel layer (receiving) fails: ConnectionError: lost",
        "The channel layer (receiving) works again after 2 failures.",
    ]
    listening.end()


@pytest.mark.parametrize("error", [TimeoutError(), RedisTimeoutError()])
def test_a_timeout_after_a_while_without_messages_is_no_failure(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    listening = Listening(OneByOneLayer())
    for _ in range(3):
        listening.loop.advance(5.0)
        listening.give(error)
    listening.give(message(a=[b"1"]))
    assert (listening.missed, listening.batches) == (0, [{"a": [b"1"]}])
    assert caplog.records == []
    listening.end()


def test_a_timeout_at_once_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    listening = Listening(OneByOneLayer())
    listening.loop.advance(1.0)
    listening.give(RedisTimeoutError("no answer"))
    assert len(caplog.records) == 1
    listening.end()


@pytest.mark.parametrize("unreadable", [{}, {"type": "chat.message"}, message(a=None), 7])  # type: ignore[arg-type]
def test_what_is_no_doorbell_is_logged_and_the_log_is_read(
    caplog: pytest.LogCaptureFixture, unreadable: Any
) -> None:
    listening = Listening(DrainingLayer())
    with caplog.at_level(logging.ERROR):
        listening.give(message(a=[b"1"]), unreadable, message(a=[b"2"]))
    assert [record.getMessage() for record in caplog.records] == [
        "A message of the channel layer could not be read."
    ]
    assert listening.missed == 1
    listening.give(message(a=[b"3"]))
    assert {"a": [b"3"]} in listening.batches
    listening.end()
