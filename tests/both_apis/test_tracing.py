"""One trace from a send to the sockets that show it, with the SDK of OpenTelemetry."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from live_inbox import services
from live_inbox.errors import InvalidInput
from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Device, Refused
from tests.both_apis.server_thread import ServerThread, serving
from tests.collected_spans import (
    NOT_SAMPLED,
    SAMPLED,
    SPAN_ID,
    TRACE_ID,
    Spans,
    collected_spans,
    linked_ids,
    parent_id,
    span_id,
    trace_id,
)
from tests.delivery.metric_values import counted
from tests.stacks.python_process import run_python
from tests.stacks.stack import Stack
from tests.waiting import comes_true, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TITLE = "Title-of-the-secret"
MESSAGE = "Message-of-the-secret"

Open = Callable[..., Any]


@pytest.fixture(scope="module", params=[True, False], ids=["fast_path", "no_fast_path"])
def server(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[ServerThread]:
    """A server that hardly ever reconciles: what it finds in the log before a doorbell comes is not traced."""
    with serving(has_fast_path=request.param, RECONCILE_SECONDS=60) as running:
        yield running


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected_spans() as collected:
        yield collected


def _only(spans: Spans, name: str, count: int = 1) -> ReadableSpan:
    """Wait for the spans with a name, as one ends after the client has received what it is about."""
    wait_until(lambda: len(spans.named(name)) >= count, seconds=20)
    found = spans.named(name)
    assert len(found) == count
    return found[0]


@pytest.fixture
def connect(open_device: Open, alice: int) -> Open:
    """Open a device of alice, and let it receive what is not traced, until something has come by a doorbell.

    Before that, a subscription may still be opening, or an inbox have no epoch: then, the log may be read before a
    doorbell arrives, and what the log has is not traced.
    """

    def open_(api: str, **options: Any) -> Any:
        with collected_spans(ALWAYS_OFF):
            device = open_device(api, "alice", **options)
            for _ in range(20):
                reads = counted("log_reads_total")
                services.send(recipient_id=alice, title="First")
                assert device.next_change().what == "added"
                # It is counted before what was read is delivered.
                if counted("log_reads_total") == reads:
                    return device
        raise AssertionError("The log is read all the time.")

    return open_


@pytest.fixture(params=["graphql", "json"])
def api(request: pytest.FixtureRequest) -> str:
    """One of the two APIs."""
    name: str = request.param
    return name


def test_one_trace_leads_from_a_client_that_sends_to_the_socket_that_shows_it(
    spans: Spans, connect: Open, apis: tuple[str, str], alice: int
) -> None:
    sender: Device = connect(apis[0], traceparent=SAMPLED)
    reader: Device = connect(apis[1])
    sender.send(alice, TITLE, MESSAGE, type="billing")
    assert reader.next_change().what == "added"
    send, deliver = _only(spans, "live_inbox.send"), _only(spans, "live_inbox.deliver", 2)
    receive = _only(spans, "live_inbox.receive")
    operation = _only(spans, "mutation" if apis[0] == "graphql" else "live_inbox.action")
    delivered = spans.named("live_inbox.deliver")
    assert {trace_id(each) for each in (operation, send, receive, *delivered)} == {TRACE_ID}
    assert parent_id(operation) == SPAN_ID
    assert parent_id(send) == span_id(operation)
    for each in (receive, *delivered):
        assert (linked_ids(each), parent_id(each)) == ([span_id(send)], span_id(send))
    assert [each.kind for each in (operation, send, receive, deliver)] == [
        SpanKind.SERVER,
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.CONSUMER,
    ]


def test_the_attributes_are_these_and_none_of_what_was_written(
    spans: Spans, connect: Open, api: str, alice: int
) -> None:
    device: Device = connect(api, traceparent=SAMPLED)
    device.send(alice, TITLE, MESSAGE, type="billing")
    assert device.next_change().what == "added"
    messaging = {"messaging.system": "live_inbox", "messaging.destination.name": "inbox"}
    assert _only(spans, "live_inbox.send").attributes == {
        **messaging,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "live_inbox.type": "other",
        "live_inbox.result": "sent",
    }
    assert _only(spans, "live_inbox.receive").attributes == {
        **messaging,
        "messaging.operation.name": "receive",
        "messaging.operation.type": "receive",
        "live_inbox.outcome": "appended",
        "live_inbox.subscribers": 1,
    }
    delivered = dict(_only(spans, "live_inbox.deliver").attributes or {})
    delivered.pop("live_inbox.backpressure", None)
    assert delivered == {
        **messaging,
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "process",
        "live_inbox.api": api,
    }
    device.close()
    for span in spans.all():
        written = span.to_json()
        assert TITLE not in written
        assert MESSAGE not in written
        assert "eyJ" not in written


def test_a_list_in_place_of_a_change_is_an_action_of_its_own(
    spans: Spans, connect: Open, alice: int
) -> None:
    device: Device = connect("json", traceparent=SAMPLED)
    sent = services.send(recipient_id=alice, title="Draft").notification
    assert sent is not None
    assert device.next_change().what == "added"
    services.edit(notification_id=sent.pk, title="Final")
    assert device.next_change().what == "reloaded"
    assert _only(spans, "live_inbox.action").attributes == {"live_inbox.action": "reload"}


def test_the_operation_of_graphql_has_its_type_and_name(
    spans: Spans, server: ServerThread, alice: int
) -> None:
    token = issue_token(get_user_model().objects.get(pk=alice), ttl_seconds=600)
    for query, name in (
        ("query Unread { notifications(first: 1) { unreadCount } }", "Unread"),
        ("mutation All { markAllRead { count } }", "All"),
    ):
        response = httpx.post(
            f"{server.http}/graphql/",
            json={"query": query, "operationName": name},
            headers={"Authorization": f"Bearer {token}", "traceparent": SAMPLED},
            timeout=60,
        )
        assert "errors" not in response.json()
    read, changed = _only(spans, "query"), _only(spans, "mutation")
    assert [dict(span.attributes or {}) for span in (read, changed)] == [
        {"graphql.operation.type": "query", "graphql.operation.name": "Unread"},
        {"graphql.operation.type": "mutation", "graphql.operation.name": "All"},
    ]
    assert [parent_id(span) for span in (read, changed)] == [SPAN_ID, SPAN_ID]
    assert [trace_id(span) for span in (read, changed)] == [TRACE_ID, TRACE_ID]
    assert {span.kind for span in (read, changed)} == {SpanKind.SERVER}


def test_a_request_without_a_token_passes_django_and_keeps_its_context(
    spans: Spans, server: ServerThread, alice: int
) -> None:
    response = httpx.post(
        f"{server.http}/graphql/",
        json={"query": "{ notifications(first: 1) { unreadCount } }"},
        headers={"traceparent": SAMPLED},
        timeout=60,
    )
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    span = _only(spans, "query")
    assert (parent_id(span), span.status.status_code) == (SPAN_ID, StatusCode.UNSET)
    assert (span.attributes or {})["error.type"] == "UNAUTHENTICATED"


def test_what_a_client_asks_wrongly_is_no_error_of_the_server(
    spans: Spans, connect: Open, api: str, alice: int
) -> None:
    device: Device = connect(api, traceparent=SAMPLED)
    with pytest.raises(Refused):
        device.send(alice, "")
    send = _only(spans, "live_inbox.send")
    assert send.status.status_code is StatusCode.UNSET
    attributes = dict(send.attributes or {})
    assert (attributes["live_inbox.result"], attributes["error.type"]) == (
        "refused",
        "InvalidInput",
    )
    assert send.events == ()


def test_nothing_is_traced_that_is_not_sampled(
    spans: Spans, connect: Open, api: str, alice: int
) -> None:
    device: Device = connect(api, traceparent=NOT_SAMPLED)
    device.send(alice, TITLE)
    assert device.next_change().what == "added"
    device.close()
    assert spans.all() == ()


def test_a_sampler_that_takes_nothing_sends_nothing_to_other_processes(
    connect: Open, api: str, alice: int
) -> None:
    device: Device = connect(api)
    with collected_spans(ALWAYS_OFF) as spans:
        services.send(recipient_id=alice, title=TITLE)
        assert device.next_change().what == "added"
    assert spans.all() == ()


def test_the_span_of_the_send_is_that_of_the_delivery_although_its_transaction_ends_later(
    spans: Spans, connect: Open, api: str, alice: int
) -> None:
    connect(api)
    with transaction.atomic():
        services.send(recipient_id=alice, title=TITLE)
        services.send(recipient_id=alice, title=TITLE)
        first, second = spans.named("live_inbox.send")
        assert spans.named("live_inbox.receive") == []
    expected = [span_id(first), span_id(second)]
    assert comes_true(
        lambda: (
            [each for span in spans.named("live_inbox.deliver") for each in linked_ids(span)]
            == expected
        ),
        seconds=20,
    )


def test_a_span_of_the_project_is_the_parent_of_its_send(
    spans: Spans, connect: Open, api: str, alice: int
) -> None:
    device: Device = connect(api)
    with trace.get_tracer("shop").start_as_current_span("order") as order:
        services.send(recipient_id=alice, title=TITLE)
    assert device.next_change().what == "added"
    send = _only(spans, "live_inbox.send")
    assert parent_id(send) == f"{order.get_span_context().span_id:016x}"
    assert linked_ids(_only(spans, "live_inbox.deliver")) == [span_id(send)]


def test_a_send_that_is_refused_notes_no_exception_with_its_text(
    spans: Spans, transactional_db: None
) -> None:
    with pytest.raises(InvalidInput):
        services.send(recipient_id=0, title=TITLE)
    (send,) = spans.named("live_inbox.send")
    assert send.events == ()
    assert TITLE not in send.to_json()


SENDER = """
import json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
import django
django.setup()
trace.set_tracer_provider(TracerProvider())
from live_inbox import services
from live_inbox.apps import doorbell
with trace.get_tracer("worker").start_as_current_span("task") as task:
    services.send(recipient_id=int(sys.argv[1]), title="From a worker")
assert doorbell().flush(10)
print(json.dumps(f"{task.get_span_context().trace_id:032x}"))
"""


@pytest.mark.stack("production")
def test_the_trace_of_another_process_goes_on_here(
    spans: Spans, connect: Open, api: str, stack: Stack, alice: int
) -> None:
    device: Device = connect(api)
    environment = os.environ | {"DATABASE_URL": stack.test_database_url()}
    printed = run_python("-c", SENDER, str(alice), environment=environment)
    assert device.next_change().what == "added"
    receive, deliver = _only(spans, "live_inbox.receive"), _only(spans, "live_inbox.deliver")
    assert {trace_id(receive), trace_id(deliver)} == {json.loads(printed)}
    assert linked_ids(receive) == linked_ids(deliver) == [parent_id(deliver)]
    assert spans.named("live_inbox.send") == []
