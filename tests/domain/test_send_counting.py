"""Sends are counted by type and result, and types that are not declared together."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import metrics, services
from live_inbox.errors import Conflict, InvalidInput

Counts = Counter[tuple[str, str]]


@pytest.fixture(autouse=True)
def _declared(settings: Any) -> None:
    settings.LIVE_INBOX = settings.LIVE_INBOX | {"TYPES": {"leave": {}, "general": {}}}


def sends() -> Counts:
    """Return what has been counted, by type and result."""
    (family,) = metrics.SENDS.collect()
    return Counter(
        {
            (each.labels["type"], each.labels["result"]): int(each.value)
            for each in family.samples
            if each.name == "inbox_sends_total"
        }
    )


def test_to_one_user(alice: User) -> None:
    before = sends()
    services.send(recipient_id=alice.pk, title="a", type="leave", idempotency_key="k")
    services.send(recipient_id=alice.pk, title="a", type="leave", idempotency_key="k")
    with pytest.raises(Conflict):
        services.send(recipient_id=alice.pk, title="b", type="leave", idempotency_key="k")
    services.send(recipient_id=alice.pk, title="a")
    services.send(recipient_id=alice.pk, title="a", type="made-up")
    with pytest.raises(InvalidInput):
        services.send(recipient_id=alice.pk, title="a", type="made up")
    services.set_preference(user_id=alice.pk, type="leave", enabled=False)
    services.send(recipient_id=alice.pk, title="a", type="leave")
    assert sends() - before == {
        ("leave", "sent"): 1,
        ("leave", "replayed"): 1,
        ("leave", "refused"): 1,
        ("leave", "suppressed"): 1,
        ("general", "sent"): 1,
        ("other", "sent"): 1,
        ("other", "refused"): 1,
    }


def test_to_many(alice: User, bob: User) -> None:
    services.set_preference(user_id=bob.pk, type="leave", enabled=False)
    before = sends()
    both = [alice.pk, bob.pk]
    for _ in range(2):
        services.send_many(recipient_ids=both, title="a", type="leave", idempotency_key="k")
    with pytest.raises(InvalidInput):
        services.send_many(recipient_ids=[alice.pk, 10**9], title="a", type="leave")
    assert sends() - before == {
        ("leave", "sent"): 1,
        ("leave", "suppressed"): 2,
        ("leave", "replayed"): 1,
        ("leave", "refused"): 1,
    }


def test_what_waits_is_not_sent_yet(alice: User, bob: User) -> None:
    before = sends()
    later = timedelta(hours=1)
    services.send(recipient_id=alice.pk, title="a", type="leave", deliver_at=later)
    both = [alice.pk, bob.pk]
    services.send_many(recipient_ids=both, title="a", type="leave", deliver_at=later)
    assert sends() - before == {("leave", "scheduled"): 3}


def test_a_failure_of_the_database_is_counted(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ConnectionError("the database is away")

    before = sends()
    with monkeypatch.context() as patched, pytest.raises(ConnectionError):
        patched.setattr("live_inbox.services.sending._send_under_lock", fail)
        patched.setattr("live_inbox.services.sending._send_in_one_statement", fail)
        services.send(recipient_id=alice.pk, title="a", type="leave")
    assert sends() - before == {("leave", "failed"): 1}
