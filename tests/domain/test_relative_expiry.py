"""An expiry that is given as a time from the send on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

import live_inbox
from live_inbox import services
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.models import Notification
from tests.changed_settings import changed_settings

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_it_counts_from_the_send_on(alice: User, bob: User) -> None:
    services.send(recipient_id=alice.pk, title="x", expires_at=HOUR, now=NOON)
    services.send_many(recipient_ids=[bob.pk], title="x", expires_at=2 * HOUR, now=NOON)
    services.send_approval(
        recipient_id=bob.pk, title="x", message="", form_type="a", item_id=1, approved=True,
        expires_at=3 * HOUR, now=NOON,
    )  # fmt: skip
    ends = Notification.objects.order_by("id").values_list("expires_at", flat=True)
    assert list(ends) == [NOON + n * HOUR for n in (1, 2, 3)]


def test_it_takes_the_place_of_the_retention(alice: User) -> None:
    with changed_settings(TYPES={"general": {"retention_days": 3}}):
        services.send(recipient_id=alice.pk, title="x", expires_at=HOUR, now=NOON)
    assert Notification.objects.get().expires_at == NOON + HOUR


@pytest.mark.parametrize("wait", [timedelta(0), -HOUR, timedelta.max])
def test_it_has_to_be_a_time_that_can_come(alice: User, wait: timedelta) -> None:
    with pytest.raises(InvalidInput) as caught:
        live_inbox.send(recipient=alice, title="x", expires_at=wait)
    assert caught.value.field == "expires_at"
    assert not Notification.objects.exists()


@pytest.mark.parametrize("send", [services.send, services.send_many])
def test_a_repeated_call_names_the_same_time(alice: User, send: Any) -> None:
    recipient: dict[str, Any] = {"recipient_id": alice.pk}
    if send is services.send_many:
        recipient = {"recipient_ids": [alice.pk]}
    content: dict[str, Any] = {**recipient, "title": "x", "idempotency_key": "k"}
    send(**content, expires_at=HOUR, now=NOON)
    again = send(**content, expires_at=timedelta(minutes=60), now=NOON + 5 * HOUR)
    assert again.replayed
    for other in (2 * HOUR, None):
        with pytest.raises(Conflict):
            send(**content, expires_at=other, now=NOON)
    assert Notification.objects.get().expires_at == NOON + HOUR


def test_an_edit_counts_from_the_edit_on(alice: User) -> None:
    sent = services.send(recipient_id=alice.pk, title="x", expires_at=HOUR, now=NOON).notification
    assert sent is not None
    services.edit(notification_id=sent.pk, expires_at=HOUR, now=NOON + HOUR / 2)
    assert Notification.objects.get().expires_at == NOON + 1.5 * HOUR
