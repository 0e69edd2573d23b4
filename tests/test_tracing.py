"""Tracing: what is imported without it, and how a context travels in doorbells."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from opentelemetry import trace

from live_inbox import tracing
from live_inbox.delivery.batch import Batch
from live_inbox.delivery.live_stream import LiveStream, Verdict
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.events import Event, Kind, Snapshot, decode, encode
from tests.collected_spans import NOT_SAMPLED, SAMPLED, collected_spans
from tests.delivery.fake_log import FakeEntry
from tests.stacks.python_process import completed_python

_AT = datetime(2026, 1, 2, tzinfo=UTC)


def _event(**more: Any) -> Event:
    shown = Snapshot(9, "general", "Paid", "", "", {}, _AT, read_at=None, sender=None)
    given: dict[str, Any] = {"notification": shown, "notification_id": 9} | more
    return Event("7", "e", 4, Kind.ADDED, _AT, 1, 1, fingerprint=5, **given)


WITHOUT_THE_EXTRA = """
import sys


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
import django
django.setup()
from live_inbox import asgi, application, services, tracing
import live_inbox_graphql.consumer
assert not tracing.is_on()
assert tracing.current_traceparent() is None
with tracing.sending() as span, tracing.operating("x", tracing.parent_of("00-")):
    span.set("a", 1)
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_without_the_extra_the_product_runs_and_imports_nothing_of_opentelemetry() -> None:
    # A variable of Python's has it started anew: redis-py, which the warm one has imported, imports OpenTelemetry
    # where it is installed.
    environment = os.environ | {"PYTHONNODEBUGRANGES": "1"}
    done = completed_python("-c", WITHOUT_THE_EXTRA, environment=environment)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_without_a_tracer_provider_nothing_is_traced() -> None:
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert not tracing.is_on()
    assert tracing.current_traceparent() is None
    assert tracing.parent_of(SAMPLED) is None
    assert tracing.delivering([SAMPLED], 1, "json") is None
    with tracing.sending() as span:
        assert not span.is_recording


@pytest.mark.parametrize(
    "given", [None, 7, "", "00-0-0-01", SAMPLED.replace("b7", "zz"), "x" * 10_000]
)
def test_what_is_no_context_is_ignored(given: object) -> None:
    with collected_spans():
        assert tracing.parent_of(given) is None
        assert tracing.receiving([str(given)]) is None


def test_a_context_that_is_not_sampled_is_not_passed_on() -> None:
    with collected_spans():
        for given, passed in ((SAMPLED, SAMPLED), (NOT_SAMPLED, None)):
            parent = tracing.parent_of(given)
            assert parent is not None
            with trace.use_span(trace.get_current_span(parent)):
                assert tracing.current_traceparent() == passed


def test_an_event_of_a_doorbell_has_the_context_and_is_the_same_as_that_of_the_log() -> None:
    event = _event()
    assert decode(encode(event)) == event
    traced = decode(encode(event, traceparent=SAMPLED))
    assert (traced.traceparent, traced.traced(None)) == (SAMPLED, event)
    assert traced.is_same(event)
    assert event.is_same(traced)
    erased = event.without([9])
    assert traced.is_same(erased)
    assert erased.is_same(traced)
    assert not traced.is_same(_event(notification_id=8))


class _OlderEvent(msgspec.Struct, frozen=True):
    """What a version before the context read of an event, in part."""

    inbox: str
    epoch: str
    sequence: int
    fingerprint: int


def test_an_older_version_reads_an_event_with_a_context() -> None:
    frame = encode(_event(), traceparent=SAMPLED)
    assert msgspec.json.decode(frame, type=_OlderEvent) == _OlderEvent("7", "e", 4, 5)


def _stream() -> LiveStream[FakeEntry]:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=4, batch_length=2)
    stream.anchor(Position("e", 10))
    return stream


def _contexts(batch: Batch[FakeEntry] | None) -> Any:
    assert batch is not None
    return batch.traceparents


def test_a_batch_has_the_context_of_each_of_its_entries_once() -> None:
    stream = _stream()
    stream.offer(FakeEntry("7", "e", 11))
    assert _contexts(stream.since(10)) is None
    for sequence in (12, 13):
        stream.offer(FakeEntry("7", "e", sequence, traceparent=SAMPLED))
    assert _contexts(stream.since(10)) == [SAMPLED]
    assert _contexts(stream.since(11)) == [SAMPLED]


def test_what_came_too_early_keeps_its_context_when_the_log_is_read() -> None:
    stream = _stream()
    ahead = FakeEntry("7", "e", 12, fingerprint=3, text="unerased", traceparent=SAMPLED)
    assert stream.offer(ahead) is Verdict.GAP
    stream.offer(FakeEntry("7", "e", 11))
    assert stream.offer(FakeEntry("7", "e", 12, fingerprint=3)) is Verdict.APPENDED
    batch = stream.since(11)
    assert _contexts(batch) == [SAMPLED]
    # The content is that of the log.
    assert batch is not None
    assert batch.items[0].text == ""


def test_another_event_of_that_place_does_not_get_the_context() -> None:
    stream = _stream()
    stream.offer(FakeEntry("7", "e", 12, fingerprint=3, traceparent=SAMPLED))
    stream.offer(FakeEntry("7", "e", 11))
    stream.offer(FakeEntry("7", "e", 12, fingerprint=4))
    assert _contexts(stream.since(11)) is None


def test_contexts_that_wait_are_few_and_are_forgotten() -> None:
    stream = _stream()
    for sequence in range(100, 200):
        stream.offer(FakeEntry("7", "e", sequence, traceparent=SAMPLED))
    assert len(stream._expected) == 4
    stream.age()
    assert stream._expected == {}


def test_the_first_event_of_an_inbox_keeps_its_context() -> None:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=4, batch_length=2)
    stream.anchor(ORIGIN)
    assert stream.offer(FakeEntry("7", "e", 1, traceparent=SAMPLED)) is Verdict.FIRST
    stream.begin_epoch("e")
    stream.offer(FakeEntry("7", "e", 1))
    assert _contexts(stream.since(0)) == [SAMPLED]
