"""Counts what was asked to be sent, by type and result, and traces it (`live_inbox.tracing`).

Results count when the call returns: what is sent within a transaction of the caller's may still be rolled back.
`inbox_events_committed_total` counts commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

from live_inbox import metrics, tracing
from live_inbox.content import CONTENT_FIELDS
from live_inbox.declared_types import declared_types
from live_inbox.errors import NotificationError
from live_inbox.services.bulk_progress import SenderDeleted, SendManyCancelled, SendManyInterrupted
from live_inbox.services.results import Sent, SentMany

P = ParamSpec("P")

OTHER = "other"
"""Stands for all types that are not declared: clients choose them, and there may be any number."""

_BULK_RESULTS = ("sent", "scheduled", "suppressed", "replayed", "skipped")
_FAILED = "failed"


def begin_counting_failures() -> None:
    """Have failures of each declared type begin at 0: of a series that begins with 1, Prometheus sees no growth."""
    for type in (*declared_types(), OTHER):
        metrics.SENDS.labels(type, _FAILED)


def count_sends(send: Callable[P, Sent]) -> Callable[P, Sent]:
    """Count each call of a function that sends to one user. A refusal is one that the caller is told."""

    @wraps(send)
    def counted(*args: P.args, **kwargs: P.kwargs) -> Sent:
        with _traced(kwargs.get("type")) as span:
            try:
                sent = send(*args, **kwargs)
            except Exception as error:
                _count(kwargs.get("type"), _failure(error))
                raise
            result = _result(sent)
            _count(kwargs.get("type"), result)
            span.set("live_inbox.result", result)
            return sent

    return counted


def count_bulk_sends(send: Callable[P, SentMany]) -> Callable[P, SentMany]:
    """Count the recipients of each call of a function that sends to many; of one that fails as a whole, the call."""

    @wraps(send)
    def counted(*args: P.args, **kwargs: P.kwargs) -> SentMany:
        with _traced(kwargs.get("type")) as span:
            sent = count(*args, **kwargs)
            span.set("messaging.batch.message_count", sent.sent)
            return sent

    def count(*args: P.args, **kwargs: P.kwargs) -> SentMany:
        try:
            sent = send(*args, **kwargs)
        except SendManyInterrupted as error:
            _count_all(kwargs.get("type"), error.progress)
            _count(kwargs.get("type"), _failure(error))
            raise
        except (SenderDeleted, SendManyCancelled) as error:
            _count_all(kwargs.get("type"), error.progress)
            _count(kwargs.get("type"), "refused")
            raise
        except Exception as error:
            _count(kwargs.get("type"), _failure(error))
            raise
        _count_all(kwargs.get("type"), sent)
        return sent

    return counted


@contextmanager
def _traced(given_type: Any) -> Iterator[tracing.ActiveSpan]:
    """Trace a send while in the block: its type and its result, and nothing of what is sent."""
    with tracing.sending() as span:
        if span.is_recording:
            span.set("live_inbox.type", _label(given_type))
        try:
            yield span
        except Exception as error:
            result = _failure(error)
            span.set("live_inbox.result", result)
            span.fail(type(error).__name__, is_ours=result == _FAILED)
            raise


def _result(sent: Sent) -> str:
    if sent.replayed:
        return "replayed"
    if sent.suppressed:
        return "suppressed"
    return "sent" if sent.scheduled is None else "scheduled"


def _failure(error: Exception) -> str:
    return "refused" if isinstance(error, NotificationError) else _FAILED


def _count_all(type: object, sent: SentMany) -> None:
    for result in _BULK_RESULTS:
        if number := getattr(sent, result):
            _count(type, result, number)


def _count(type: Any, result: str, number: int = 1) -> None:
    label = _label(type)
    # A process that only sends has not called `begin_counting_failures`.
    metrics.SENDS.labels(label, _FAILED)
    metrics.SENDS.labels(label, result).inc(number)


def _label(type: Any) -> str:
    if type is None:
        type = CONTENT_FIELDS["type"].default
    return type if isinstance(type, str) and type in declared_types() else OTHER
