"""Actions of notifications: two devices choose, and one outcome is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from live_inbox import services
from live_inbox.models import InboxEvent, WebhookDelivery
from tests.both_apis.devices import Device, GraphQLDevice, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]
"""Opens a device of the user with that name."""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def question(alice: int) -> int:
    """A notification of alice that can be approved and rejected."""
    actions = [
        {"label": "Approve", "id": "approve"},
        {"label": "Reject", "id": "reject"},
        {"label": "Open", "link": "/questions/1"},
    ]
    sent = services.send(recipient_id=alice, title="May I?", actions=actions).notification
    assert sent is not None
    return sent.pk


def test_the_first_choice_is_recorded_and_the_second_gets_it(
    phone: Device, laptop: Device, question: int
) -> None:
    assert phone.perform(question, "approve") == ("approve", True)
    assert laptop.perform(question, "reject") == ("approve", False)
    assert phone.perform(question, "approve") == ("approve", False)
    for device in (phone, laptop):
        (shown,) = device.list().notifications
        assert shown.parts["performed_action"] == "approve"
        assert not shown.read
    assert InboxEvent.objects.filter(kind="action").count() == 1


def test_the_webhook_gets_the_outcome_once(phone: Device, laptop: Device, question: int) -> None:
    with changed_settings(ACTION_WEBHOOK_URL="https://hooks.example/"):
        phone.perform(question, "approve")
        laptop.perform(question, "reject")
    (delivery,) = WebhookDelivery.objects.all()
    assert json.loads(delivery.body)["data"]["action_id"] == "approve"
    assert delivery.notification_id == question


def test_of_two_devices_at_once_one_is_first(phone: Device, laptop: Device, question: int) -> None:
    ready = Barrier(2)

    def choose(device: Device, action: str) -> tuple[str, bool]:
        ready.wait(20)
        return device.perform(question, action)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(choose, phone, "approve")
        second = threads.submit(choose, laptop, "reject")
    outcomes = {first.result(), second.result()}
    (recorded,) = {action for action, _ in outcomes}
    assert outcomes == {(recorded, True), (recorded, False)}
    assert InboxEvent.objects.filter(kind="action").count() == 1


def test_devices_are_told_as_far_as_their_protocol_says_it(
    phone: Device, laptop: Device, question: int
) -> None:
    laptop.next_change()
    phone.perform(question, "reject")
    laptop.mark_read(question)
    changes = ["read"]
    if isinstance(laptop, GraphQLDevice):
        changes.insert(0, "action")
    assert [laptop.next_change().what for _ in changes] == changes


@pytest.mark.parametrize("action", ["other", "", "Open", "a" * 65])
def test_other_actions_are_refused(phone: Device, question: int, action: str) -> None:
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.perform(question, action)
    assert not InboxEvent.objects.filter(kind="action").exists()


def test_without_actions_there_is_nothing_to_choose(phone: Device, alice: int) -> None:
    sent = services.send(recipient_id=alice, title="Hello").notification
    assert sent is not None
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.perform(sent.pk, "approve")


def test_notifications_of_others_are_not_found(open_second: Open, bob: int, question: int) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        open_second("bob").perform(question, "approve")


def test_a_repeated_send_shows_the_sender_nothing_of_the_outcome(
    phone: Device, open_second: Open, alice: int, bob: int
) -> None:
    sent: dict[str, Any] = {
        "title": "May I?",
        "actions": [{"label": "Yes", "id": "yes"}],
        "idempotency_key": "k",
    }
    first = services.send(recipient_id=alice, sender_id=bob, **sent).notification
    assert first is not None
    phone.perform(first.pk, "yes")
    device = open_second("bob")
    if not isinstance(device, GraphQLDevice):
        return
    again = device.ask(
        "mutation ($input: SendInput!) { send(input: $input) { replayed notification {"
        " performedAction performedAt } } }",
        input={
            "recipientId": str(alice),
            "title": "May I?",
            "actions": [{"label": "Yes", "actionId": "yes"}],
            "idempotencyKey": "k",
        },
    )["send"]
    nothing = {"performedAction": None, "performedAt": None}
    assert again == {"replayed": True, "notification": nothing}
