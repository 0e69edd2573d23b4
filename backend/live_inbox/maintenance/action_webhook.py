"""Delivery of the outbox to the webhook of actions, at least once.

A row is claimed in one transaction, which makes it due again only after the request must have ended. The request is
made outside of any transaction. Then the row is deleted, or gets the moment of its next attempt. Where a process is
killed in between, the row becomes due again, and the receiver knows the second delivery by its id.

A notification has one outcome, and so one row at most: what a receiver gets of one notification is in order.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from live_inbox import database, metrics
from live_inbox.conf import InboxSettings
from live_inbox.faults import Fault, RecurringFault
from live_inbox.http_client import HttpClient, PendingResponse, Request, RequestFailed
from live_inbox.maintenance.webhook_answers import (
    Outcome,
    asked_seconds,
    error_of,
    is_busy,
    is_gone,
)
from live_inbox.models import WebhookDelivery
from live_inbox.webhook_signatures import secret_in, signed_headers

BATCH = 10
"""Requests that a process makes at the same time."""

LEASE_SECONDS = 30.0
"""How long after the deadline of its request a claimed row becomes due again: time to record what came of it."""

FIRST_WAIT_SECONDS = 5.0
"""Between the first two attempts. Each wait is twice the one before, and up to a quarter longer, at random."""

ATTEMPTS = 15
"""After that, a delivery has failed: 23 to 28 hours after the first attempt."""


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where messages go, and with which signatures."""

    url: str
    secrets: Sequence[bytes] = field(repr=False)
    timeout_seconds: float

    @classmethod
    def of(cls, settings: InboxSettings) -> WebhookConfig | None:
        """Return what the settings say; None if there is no webhook."""
        if not settings.action_webhook_url:
            return None
        secrets = [secret_in(text) for text in settings.action_webhook_secrets]
        return cls(settings.action_webhook_url, secrets, settings.action_webhook_seconds)


@dataclass(frozen=True, slots=True)
class _Claim:
    """Rows that no other process attempts before `until`, and their requests."""

    rows: Sequence[WebhookDelivery]
    until: datetime
    outcomes: Future[Sequence[Outcome]]


class WebhookDeliverer:
    """Delivers to one webhook. Knows what it has learned of the receiver, so keep it while the process runs."""

    def __init__(
        self, config: WebhookConfig, *, chance: Callable[[], float] = random.random
    ) -> None:
        self._config = config
        self._chance = chance
        self._client = HttpClient("webhook", most_requests=BATCH)
        self._fault = Fault("webhook of actions", metrics.WEBHOOK_FAULTS)
        self._delivered = metrics.WEBHOOK_DELIVERIES.labels("delivered")
        self._failed = RecurringFault(
            "last attempt to deliver to the webhook of actions",
            metrics.WEBHOOK_DELIVERIES.labels("failed"),
        )
        self._busy_until: datetime | None = None

    def deliver_due(self, *, now: datetime | None = None, batch: int = BATCH) -> int:
        """Attempt what is due; return how many were delivered. Can run at any time, and concurrently."""
        delivered = 0
        for step in self.deliver_in_steps(now=now, batch=batch):
            if isinstance(step, Future):
                step.result()
            else:
                delivered = step
        return delivered

    def deliver_in_steps(
        self, *, now: datetime | None = None, batch: int = BATCH
    ) -> Iterator[Future[Sequence[Outcome]] | int]:
        """Do what `deliver_due` does, with a transaction in each step.

        Yields in turns what to wait for before the next step, so that no database thread waits for the receiver, and
        how many were delivered so far.
        """
        delivered = 0
        while (claim := self._begin(now, batch)) is not None:
            yield claim.outcomes
            delivered += self._end(claim, now)
            yield delivered

    def _begin(self, now: datetime | None, batch: int) -> _Claim | None:
        """Claim what is due, and begin its requests; return None if nothing is to be done."""
        if not _is_due(now):
            return None
        # The claim does not wait for a process that is slow, or was frozen since: nor do the requests.
        began = time.monotonic()
        moment = now or database.now()
        if self._busy_until is not None and moment < self._busy_until:
            return None
        until = moment + timedelta(seconds=self._config.timeout_seconds + LEASE_SECONDS)
        rows = _claim(moment, until, batch)
        if not rows:
            return None
        pending = [self._post(row, moment, began) for row in rows]
        return _Claim(rows, until, _outcomes(pending))

    def _post(self, row: WebhookDelivery, moment: datetime, began: float) -> PendingResponse:
        body = row.body.encode()
        headers = signed_headers(
            message_id=row.message_id,
            timestamp=int(moment.timestamp()),
            body=body,
            secrets=self._config.secrets,
        )
        headers["Content-Type"] = "application/json"
        return self._client.begin(
            Request(self._config.url, headers, body),
            timeout_seconds=self._config.timeout_seconds,
            since=began,
        )

    def _end(self, claim: _Claim, now: datetime | None) -> int:
        """Record what came of the requests; return how many were delivered."""
        moment = now or database.now()
        outcomes = list(zip(claim.rows, claim.outcomes.result(), strict=True))
        delivered = [row.pk for row, outcome in outcomes if error_of(outcome) is None]
        failures = [
            self._failure(row, outcome, moment)
            for row, outcome in outcomes
            if error_of(outcome) is not None
        ]
        _record(claim.until, delivered, failures)
        self._report(delivered, failures)
        return len(delivered)

    def _failure(self, row: WebhookDelivery, outcome: Outcome, moment: datetime) -> _Failure:
        error = error_of(outcome) or ""
        if is_gone(outcome) or row.attempts >= ATTEMPTS:
            return _Failure(row.pk, error, None, moment)
        asked = asked_seconds(outcome, moment)
        if is_busy(outcome):
            self._busy_until = moment + timedelta(seconds=max(asked, FIRST_WAIT_SECONDS))
        doubled = FIRST_WAIT_SECONDS * 2 ** (row.attempts - 1)
        wait = max(doubled * (1 + self._chance() / 4), asked)
        return _Failure(row.pk, error, moment + timedelta(seconds=wait), None)

    def _report(self, delivered: Sequence[int], failures: Sequence[_Failure]) -> None:
        for failure in failures:
            error = RequestFailed(failure.error)
            if delivered:
                # The receiver works. It is this one that it does not take.
                metrics.WEBHOOK_FAULTS.inc()
            else:
                self._fault.report(error)
            if failure.failed_at is not None:
                self._failed.report(error)
        if delivered:
            self._delivered.inc(len(delivered))
            self._fault.recovered()


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that has failed, and what comes after it: another attempt, or none."""

    id: int
    error: str
    next_attempt_at: datetime | None
    failed_at: datetime | None


@database.reading
def _is_due(now: datetime | None) -> bool:
    """Whether there is anything to claim: nearly always not, and a transaction would lock SQLite."""
    return _due(now or Now()).exists()


def _due(moment: datetime | Now) -> QuerySet[WebhookDelivery]:
    return database.queryset(WebhookDelivery).filter(next_attempt_at__lte=moment)


@database.transactional
def _claim(moment: datetime, until: datetime, batch: int) -> list[WebhookDelivery]:
    free = _due(moment).order_by("next_attempt_at", "pk").select_for_update(skip_locked=True)
    rows = list(free[:batch])
    ids = [row.pk for row in rows]
    database.queryset(WebhookDelivery).filter(pk__in=ids).update(
        attempts=F("attempts") + 1, next_attempt_at=until
    )
    for row in rows:
        row.attempts += 1
    return rows


@database.transactional
def _record(until: datetime, delivered: Sequence[int], failures: Sequence[_Failure]) -> None:
    rows = database.queryset(WebhookDelivery)
    rows.filter(pk__in=delivered).delete()
    for failure in failures:
        # Another process has it if this one was too slow.
        rows.filter(pk=failure.id, next_attempt_at=until).update(
            last_error=failure.error,
            next_attempt_at=failure.next_attempt_at,
            failed_at=failure.failed_at,
        )


def _outcomes(pending: Sequence[PendingResponse]) -> Future[Sequence[Outcome]]:
    """Return what becomes the outcomes of requests when all of them have ended."""
    outcomes: Future[Sequence[Outcome]] = Future()
    outcomes.set_running_or_notify_cancel()

    def wait() -> None:
        outcomes.set_result([_outcome(each) for each in pending])

    threading.Thread(target=wait, name="webhook-outcomes", daemon=True).start()
    return outcomes


def _outcome(pending: PendingResponse) -> Outcome:
    try:
        return pending.result()
    except RequestFailed as error:
        return error
