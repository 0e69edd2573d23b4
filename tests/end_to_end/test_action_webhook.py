"""The webhook of actions as the servers deliver it: a device chooses, and the receiver gets it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from live_inbox import services
from live_inbox.models import WebhookDelivery
from tests.domain.webhook_receiver import KEYS, SECRETS, Receiver, running_receiver
from tests.end_to_end.conftest import Devices
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until

Start = Callable[..., ServerProcess]

ACTIONS = [{"label": "Approve", "id": "approve"}, {"label": "Reject", "id": "reject"}]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def start(start_server: Start, receiver: Receiver) -> Callable[[], ServerProcess]:
    """Start a server that knows the receiver."""
    return lambda: start_server(
        ACTION_WEBHOOK_URL=receiver.url,
        ACTION_WEBHOOK_SECRETS=",".join(SECRETS),
        no_proxy="127.0.0.1",
    )


def question(user_id: int) -> int:
    sent = services.send(recipient_id=user_id, title="May I?", actions=ACTIONS).notification
    assert sent is not None
    return sent.pk


def test_what_a_device_chooses_is_delivered_once_by_several_servers(
    start: Callable[[], ServerProcess], devices: Devices, alice: int, receiver: Receiver
) -> None:
    servers = [start() for _ in range(2)]
    phone, laptop = devices.graphql(servers[0]), devices.original(servers[1])
    receiver.answers = [(503, {"Retry-After": "1"}), (204, {})]
    first, second = question(alice), question(alice)
    assert phone.perform(first, "approve") == ("approve", True)
    assert laptop.perform(first, "reject") == ("approve", False)
    assert laptop.perform(second, "reject") == ("reject", True)
    wait_until(lambda: not WebhookDelivery.objects.exists())
    chosen = {
        (each.message["data"]["notification_id"], each.message["data"]["action_id"])
        for each in receiver.received
    }
    assert chosen == {(first, "approve"), (second, "reject")}
    # One of both had to be sent again.
    assert (len(receiver.received), len(set(receiver.ids))) == (3, 2)
    assert all(each.signed_by() == list(KEYS) for each in receiver.received)


def test_a_server_that_stops_records_what_the_receiver_answers_meanwhile(
    start: Callable[[], ServerProcess], devices: Devices, alice: int, receiver: Receiver
) -> None:
    receiver.gate.clear()
    server = start()
    devices.graphql(server).perform(question(alice), "approve")
    wait_until(lambda: len(receiver.received) == 1)
    assert WebhookDelivery.objects.get().attempts == 1
    os.kill(server.child.pid, signal.SIGTERM)
    receiver.gate.set()
    server.child.wait(seconds=30)
    assert not WebhookDelivery.objects.exists()
    assert len(receiver.received) == 1
