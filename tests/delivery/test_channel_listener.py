"""The channel listener on layers that raise, hang and send what is no doorbell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from live_inbox.delivery import doorbell_message as doorbell_message_module
from live_inbox.delivery.channel_listener import ChannelListener
from live_inbox.delivery.doorbell import EventBatch
from live_inbox.delivery.doorbell_message import MAX_BODY_BYTES, DoorbellCodec, Refusal
from tests.delivery.doorbell_messages import OTHER_SITE, doorbell_message
from tests.delivery.group_names import DEPLOYMENT
from tests.delivery.metric_values import counted
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
        self.now = 1_000_000.0
        self.deployment: str | None = DEPLOYMENT
        listener = ChannelListener(
            layer,
            "channel",
            codec=DoorbellCodec(),
            deployment=lambda: self.deployment,
            own_doorbell="own",
            on_batch=self.batches.append,
            on_lost=self.count_lost,
            on_missed=self.count_missed,
            retry_seconds=2.0,
            sleep=asyncio.sleep,
            clock=self.loop.time,
            wall_clock=lambda: self.now,
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


message = doorbell_message


def test_messages_of_other_processes_are_passed_on_and_own_ones_are_not() -> None:
    listening = Listening(OneByOneLayer())
    listening.give(
        message({"a": [b"1"]}),
        message({"a": [b"2"]}, sender="own"),
        message({"a": [b"3"], "b": [b"4"]}),
    )
    assert listening.batches == [{"a": [b"1"]}, {"a": [b"3"], "b": [b"4"]}]
    listening.end()


def test_what_a_draining_layer_has_received_is_merged_in_order() -> None:
    listening = Listening(DrainingLayer())
    listening.give(
        message({"a": [b"1"]}),
        message({"a": [b"2"]}, sender="own"),
        message({"a": [b"3"], "b": [b"4"]}),
    )
    assert listening.batches == [{"a": [b"1", b"3"], "b": [b"4"]}]
    listening.end()


def test_what_a_draining_layer_delivers_by_a_call_is_merged_as_well() -> None:
    layer = DrainingLayer()
    listening = Listening(layer)
    layer.on_messages(
        [message({"a": [b"1"]}), message({"a": [b"2"]}, sender="own"), message({"a": [b"3"]})]
    )
    layer.on_messages([message({"b": [b"4"]})])
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
    listening.give(message({"a": [b"1"]}))
    assert (listening.missed, listening.batches) == (1, [{"a": [b"1"]}])
    listening.give(message({"a": [b"2"]}))
    assert (listening.lost, listening.missed) == (2, 1)
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
    listening.give(message({"a": [b"1"]}))
    assert (listening.missed, listening.batches) == (0, [{"a": [b"1"]}])
    assert caplog.records == []
    listening.end()


def test_a_timeout_at_once_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    listening = Listening(OneByOneLayer())
    listening.loop.advance(1.0)
    listening.give(RedisTimeoutError("no answer"))
    assert len(caplog.records) == 1
    listening.end()


# -- what it believes ----------------------------------------------------------------------------------------


def refused() -> dict[str, float]:
    return {
        refusal.value: counted("doorbells_refused_total", reason=refusal.value)
        for refusal in Refusal
    }


def without(name: str) -> dict[str, Any]:
    whole = message({"a": [b"1"]})
    return {key: value for key, value in whole.items() if key != name}


def sealed(body: bytes) -> dict[str, Any]:
    """A message with a valid MAC whose content no process of this site would write."""
    key = doorbell_message_module._PROCESS_KEYS[0]
    return without("body") | {"body": body, "mac": doorbell_message_module._mac(key, body)}


def signed(*fields: object) -> dict[str, Any]:
    return sealed(msgpack.packb(fields))


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


VERSION_1 = {"type": "inbox.events", "from": "other", "inboxes": {"a": [b"1"]}}


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("malformed", None),
        ("malformed", 7),
        ("malformed", "inbox.events"),
        ("malformed", [b"1"]),
        ("malformed", {}),
        ("malformed", {"type": "chat.message", "from": "other"}),
        ("malformed", without("type")),
        ("malformed", without("body")),
        ("malformed", without("mac")),
        ("malformed", message({}) | {"body": "text"}),
        ("malformed", message({}) | {"mac": None}),
        ("malformed", message({}) | {"body": b"x" * (MAX_BODY_BYTES + 1)}),
        ("malformed", sealed(b"")),
        ("malformed", sealed(b"\xc1")),
        ("malformed", sealed(b"\xdd\xff\xff\xff\xff")),
        ("malformed", signed()),
        ("malformed", signed(DEPLOYMENT, "other", 0.0, b"", {"a": None})),
        ("malformed", signed(DEPLOYMENT, "other", 0.0, b"", {"a": ["1"]})),
        ("malformed", signed(DEPLOYMENT, "other", 0.0, b"", {7: [b"1"]})),
        ("malformed", signed(DEPLOYMENT, "other", 0.0, b"", {"a": nested(500)})),
        ("version", VERSION_1),
        ("version", without("version")),
        ("version", message({"a": [b"1"]}) | {"version": 3, "readable_since": 3}),
        ("version", message({"a": [b"1"]}) | {"version": {"a": [b"1"]}}),
        ("forged", message({"a": [b"1"]}) | {"mac": b""}),
        ("forged", message({"a": [b"1"]}) | {"mac": bytes(16)}),
        ("forged", message({"a": [b"1"]}, codec=OTHER_SITE)),
        ("forged", message({"a": [b"1"]}) | {"body": message({"a": [b"2"]})["body"]}),
        ("forged", message({"a": [b"1"]}) | {"from": "somebody else"}),
        ("foreign", message({"a": [b"1"]}, deployment="d2")),
    ],
)
@pytest.mark.parametrize("make", [OneByOneLayer, DrainingLayer])
def test_what_is_no_doorbell_of_this_deployment_is_counted_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
    reason: str,
    wrong: Any,
    make: Callable[[], OneByOneLayer],
) -> None:
    listening = Listening(make())
    before = refused()
    listening.give(message({"a": [b"1"]}), wrong, message({"a": [b"2"]}))
    got = [entry for batch in listening.batches for entry in batch["a"]]
    assert (got, listening.missed, listening.lost) == ([b"1", b"2"], 0, 0)
    assert refused() == before | {reason: before[reason] + 1}
    assert len(caplog.records) == 1
    assert caplog.records[0].levelname == "WARNING"
    assert f"The check of doorbells ({reason}) fails" in caplog.records[0].getMessage()
    listening.end()


def test_each_reason_is_logged_once_a_minute_at_most(caplog: pytest.LogCaptureFixture) -> None:
    listening = Listening(OneByOneLayer())
    forged = message({"a": [b"1"]}, codec=OTHER_SITE)
    for _ in range(2):
        listening.give(forged, forged, {}, {})
        listening.loop.advance(60.0)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "The check of doorbells (forged) fails",
        "The check of doorbells (malformed) fails",
    ] * 2
    assert "(1 more since the last line)" in caplog.records[2].getMessage()
    listening.end()


def test_before_the_id_of_the_database_is_known_nothing_is_believed() -> None:
    listening = Listening(OneByOneLayer())
    listening.deployment = None
    listening.give(message({"a": [b"1"]}))
    assert listening.batches == []
    listening.deployment = DEPLOYMENT
    listening.give(message({"a": [b"2"]}))
    assert listening.batches == [{"a": [b"2"]}]
    listening.end()


def test_events_may_come_again_and_changes_of_accounts_may_not() -> None:
    listening = Listening(OneByOneLayer())
    before = refused()
    events = message({"a": [b"1"]}, sent_at=0.0)
    account = message({"a": []}, sent_at=listening.now)
    listening.give(events, events, account, account, account | {"type": "inbox.events"})
    assert listening.batches == [{"a": [b"1"]}, {"a": [b"1"]}, {"a": []}]
    listening.give(message({"a": []}, sent_at=listening.now))
    assert listening.batches[3:] == [{"a": []}]
    assert refused() == before | {"replayed": before["replayed"] + 2}
    listening.end()


def test_a_change_of_an_account_that_was_recorded_long_ago_is_not_believed() -> None:
    listening = Listening(OneByOneLayer())
    before = refused()
    recorded = message({"a": []}, sent_at=listening.now)
    listening.now += 301
    listening.give(recorded)
    listening.now -= 602
    listening.give(recorded, message({"a": []}, sent_at=float("nan")))
    assert listening.batches == []
    assert refused() == before | {"stale": before["stale"] + 3}
    listening.end()


def test_a_connection_that_is_lost_again_before_a_message_came_is_reported_again() -> None:
    # Between the two, the groups may have been joined; the layer has forgotten them a second time.
    listening = Listening(OneByOneLayer())
    listening.give(ConnectionError("Redis stops"))
    assert listening.lost == 1
    listening.give(ConnectionError("Redis stops once more"))
    assert listening.lost == 2
    listening.end()


def test_a_wait_that_times_out_during_a_fault_reports_no_further_loss() -> None:
    listening = Listening(OneByOneLayer())
    listening.give(ConnectionError("Redis stops"))
    listening.give(RedisTimeoutError("no message yet"))
    assert listening.lost == 1
    listening.end()
