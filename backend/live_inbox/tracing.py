"""Tracing by OpenTelemetry: one trace from a send to the sockets that show it.

The extra `otel` brings `opentelemetry-api`; the project brings the SDK and the exporter. Nothing of OpenTelemetry is
imported here unless the project has imported it, and nothing is measured unless it has set a tracer provider.

Spans follow the semantic conventions, as far as these exist:

- https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ for `live_inbox.send`, `live_inbox.publish`,
  `live_inbox.receive` and `live_inbox.deliver`: kinds, `messaging.*` attributes, and a link from what a consumer does
  to the context in which the message was created. That context is also the parent, which the conventions allow: so
  with a sampler that goes by the parent, the consumer's spans are sampled if and only if the send was.
- https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/ for the operations of GraphQL. `graphql.document`
  is left out: clients write titles and texts into documents.
- https://opentelemetry.io/docs/specs/semconv/general/recording-errors/ for `error.type`. Exceptions are not recorded:
  their messages may repeat what somebody has written.

Between processes the context travels as a `traceparent` (https://www.w3.org/TR/trace-context/), without `tracestate`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider

NAME = "live_inbox"
"""The name of the instrumentation scope."""
SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0"
"""The version of the semantic conventions that attributes are of."""

SEND = "live_inbox.send"
PUBLISH = "live_inbox.publish"
RECEIVE = "live_inbox.receive"
DELIVER = "live_inbox.deliver"
ACTION = "live_inbox.action"
GRAPHQL_OPERATION = "GraphQL Operation"
"""Of an operation whose type is not known yet: afterwards, its span has the type as its name."""

OUR_FAULTS = ("INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE")
"""Codes of the APIs' errors for which the server is at fault: these alone make a span an error."""

_LONGEST_STATE = 512
"""Characters of a client's `tracestate`: what the W3C asks everybody to pass on."""

Attributes = Mapping[str, str | int | bool]


def _tracer() -> Tracer | None:
    """Return the tracer of the project's provider; None while there is none.

    Asked each time: a project may set its provider at any time, such as in each worker after a fork.
    """
    # Not imported: a provider can be there only if somebody has imported this before.
    api = sys.modules.get("opentelemetry.trace")
    if api is None or not hasattr(api, "get_tracer_provider"):
        return None
    provider = api.get_tracer_provider()
    if isinstance(provider, api.ProxyTracerProvider | api.NoOpTracerProvider):
        return None
    return _tracer_of(provider)


@lru_cache(maxsize=1)
def _tracer_of(provider: TracerProvider) -> Tracer:
    # Not imported, for the package imports the layers above this one.
    version = vars(sys.modules[NAME])["__version__"]
    return provider.get_tracer(NAME, version, schema_url=SCHEMA_URL)


def is_on() -> bool:
    """Whether the project has set a tracer provider."""
    return _tracer() is not None


# -- contexts ---------------------------------------------------------------------------------------------


def current_traceparent() -> str | None:
    """Return the `traceparent` of the current span if it is sampled; None otherwise."""
    if _tracer() is None:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent_of(traceparent: object, tracestate: object = None) -> Context | None:
    """Return the context that a client has sent; None if it has sent none that is valid."""
    if not isinstance(traceparent, str) or _tracer() is None:
        return None
    carrier = {"traceparent": traceparent}
    if isinstance(tracestate, str) and len(tracestate) <= _LONGEST_STATE:
        carrier["tracestate"] = tracestate
    return _extracted(carrier)


def parent_of_headers(headers: Iterable[tuple[bytes, bytes]]) -> Context | None:
    """Return the context of an ASGI request or a handshake; None if it has none, or is in a span already.

    The span is that of an instrumentation of the server, and has this context as its parent.
    """
    if _tracer() is None:
        return None
    from opentelemetry import trace

    if trace.get_current_span().get_span_context().is_valid:
        return None
    found = {
        name: value.decode("latin-1")
        for name, value in headers
        if name in (b"traceparent", b"tracestate")
    }
    return parent_of(found.get(b"traceparent"), found.get(b"tracestate"))


def _extracted(carrier: Mapping[str, str]) -> Context | None:
    from opentelemetry.context import Context
    from opentelemetry.trace import get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract(carrier, context=Context())
    return context if get_current_span(context).get_span_context().is_valid else None


# -- spans of what is done in a context -------------------------------------------------------------------


class ActiveSpan:
    """The current span of a block. Without tracing, or where the span is not sampled, all methods do nothing."""

    __slots__ = ("_span",)

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    @property
    def is_recording(self) -> bool:
        """Whether anybody will see what is set."""
        return self._span is not None

    def set(self, name: str, value: str | int | bool | None) -> None:
        """Set an attribute, unless its value is None."""
        if self._span is not None and value is not None:
            self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Give the span another name."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, error_type: str, *, is_ours: bool) -> None:
        """Note why it failed: an exception's or an error's name. `is_ours`: whether the server is at fault."""
        _fail(self._span, error_type, is_ours=is_ours)


_NO_SPAN = ActiveSpan()
_NOTHING = nullcontext(_NO_SPAN)
"""Can be entered any number of times, at a time too."""


def sending() -> AbstractContextManager[ActiveSpan]:
    """Make the span of a send the current one while in the block."""
    tracer = _tracer()
    if tracer is None:
        return _NOTHING
    return _active(tracer, SEND, "PRODUCER", _messaging(SEND, "send"))


def operating(
    name: str, parent: Context | None, attributes: Attributes | None = None
) -> AbstractContextManager[ActiveSpan]:
    """Make the span of a client's request the current one while in the block.

    `parent` is what the client has sent; without it, the parent is the current span, if there is one.
    """
    tracer = _tracer()
    if tracer is None:
        return _NOTHING
    return _active(tracer, name, "SERVER", attributes or {}, parent)


@contextmanager
def _active(
    tracer: Tracer, name: str, kind: str, attributes: Attributes, parent: Context | None = None
) -> Iterator[ActiveSpan]:
    from opentelemetry import trace

    span = tracer.start_span(name, parent, _kind(kind), attributes)
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        yield ActiveSpan(span) if span.is_recording() else _NO_SPAN


# -- spans of what is done for a message, in whatever process ---------------------------------------------


class MessageSpan:
    """A span that was begun for messages. It is never the current one: what begins meanwhile outlives it."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, error_type: str | None = None, **attributes: str | int | bool) -> None:
        """End it. `error_type`: the name of the exception, if it failed."""
        for name, value in attributes.items():
            self._span.set_attribute(f"{NAME}.{name}", value)
        if error_type is not None:
            _fail(self._span, error_type, is_ours=True)
        self._span.end()


def publishing(traceparent: str, *, is_bulk: bool) -> MessageSpan | None:
    """Begin the span of publishing one doorbell for what was done in a context.

    `is_bulk`: whether it goes to all hubs, and not to those where one inbox is open.
    """
    return _for_messages(PUBLISH, "PRODUCER", "send", [traceparent], {"live_inbox.bulk": is_bulk})


def receiving(traceparents: Sequence[str]) -> MessageSpan | None:
    """Begin the span of taking the events of one inbox from doorbells into its live stream."""
    return _for_messages(RECEIVE, "CONSUMER", "receive", traceparents, {})


def delivering(
    traceparents: Sequence[str], events: int, subscription_api: str | None
) -> MessageSpan | None:
    """Begin the span of giving events to one subscriber, and so of writing them to its socket."""
    attributes: dict[str, str | int | bool] = {}
    if events != 1:
        attributes["messaging.batch.message_count"] = events
    if subscription_api is not None:
        attributes["live_inbox.api"] = subscription_api
    return _for_messages(DELIVER, "CONSUMER", "process", traceparents, attributes)


def _for_messages(
    name: str, kind: str, operation: str, traceparents: Sequence[str], attributes: Attributes
) -> MessageSpan | None:
    """Begin a span as a child of the first of the contexts, with links to all of them."""
    tracer = _tracer()
    if tracer is None:
        return None
    from opentelemetry.trace import Link, get_current_span

    parents = [
        parent for each in traceparents if (parent := _extracted({"traceparent": each})) is not None
    ]
    if not parents:
        return None
    links = [Link(get_current_span(parent).get_span_context()) for parent in parents]
    span = tracer.start_span(
        name,
        parents[0],
        _kind(kind),
        {**_messaging(name, operation), **attributes},
        links,
    )
    return MessageSpan(span) if span.is_recording() else None


def _messaging(name: str, operation: str) -> dict[str, str]:
    return {
        "messaging.system": NAME,
        # Not whose: a trace does not say who got what.
        "messaging.destination.name": "inbox",
        "messaging.operation.name": name.removeprefix(f"{NAME}."),
        "messaging.operation.type": operation,
    }


def _kind(name: str) -> SpanKind:
    from opentelemetry.trace import SpanKind

    return SpanKind[name]


def _fail(span: Any, error_type: str, *, is_ours: bool) -> None:
    if span is None:
        return
    span.set_attribute("error.type", error_type)
    if is_ours:
        from opentelemetry.trace import StatusCode

        span.set_status(StatusCode.ERROR)
