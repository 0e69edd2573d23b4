"""The spans that the product ends while a real tracer provider of the SDK is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.util._once import Once

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-01"
NOT_SAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-00"


@dataclass(frozen=True)
class Spans:
    """What was ended so far."""

    exporter: InMemorySpanExporter

    def all(self) -> tuple[ReadableSpan, ...]:
        """Return all spans, in the order of their ends."""
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the spans with a name."""
        return [span for span in self.all() if span.name == name]


@contextmanager
def collected_spans(sampler: Sampler | None = None) -> Iterator[Spans]:
    """Set a tracer provider while in the block; by default, one whose root spans are sampled."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler or ParentBased(ALWAYS_ON))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # A process may set one provider only. The tests of OpenTelemetry itself go around that in this way.
    before = trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE
    trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = None, Once()
    try:
        trace.set_tracer_provider(provider)
        yield Spans(exporter)
    finally:
        provider.shutdown()
        trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = before


def trace_id(span: ReadableSpan) -> str:
    """Return the id of the trace of a span, in hexadecimal."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def span_id(span: ReadableSpan) -> str:
    """Return the id of a span, in hexadecimal."""
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent_id(span: ReadableSpan) -> str | None:
    """Return the id of the parent of a span, in hexadecimal."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def linked_ids(span: ReadableSpan) -> list[str]:
    """Return the ids of the spans that a span has links to, in hexadecimal."""
    return [f"{link.context.span_id:016x}" for link in span.links]
