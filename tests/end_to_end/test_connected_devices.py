"""Which devices of a user are connected, asked of all server processes, and disconnecting one of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

import live_inbox
from live_inbox.identity.admissions import OpenSocket
from live_inbox.models import ConnectionReport
from live_inbox.services.connection_reports import answer, ask, reports
from tests.end_to_end.conftest import Devices
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until

Start = Callable[..., ServerProcess]
Answers = Mapping[str, Sequence[OpenSocket]]
WAIT_SECONDS = 20.0


def answers_to(user_id: int, is_complete: Callable[[Answers], bool]) -> Answers:
    """Ask, and wait for the answers. A server that other tests have left in this process may answer, too."""
    inquiry = ask(user_id=user_id)
    tries = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.05)):
        found = reports(inquiry)
        if is_complete(found):
            return found
        tries.wait(0.05)
    pytest.fail(f"{len(reports(inquiry))} processes have answered.")


def count(answers: Answers) -> int:
    """Return how many sockets are open."""
    return sum(map(len, answers.values()))


@pytest.mark.stack("production")
def test_each_process_says_what_is_open_there(
    start_server: Start, devices: Devices, alice: int
) -> None:
    one, other = start_server(), start_server()
    begin = timezone.now().timestamp()
    devices.graphql(one), devices.original(one), devices.original(other)
    answers = answers_to(alice, lambda found: count(found) == 3)
    sockets = [socket for found in answers.values() for socket in found]
    assert Counter(socket.api for socket in sockets) == {"graphql": 1, "json": 2}
    assert {socket.address for socket in sockets} == {"127.0.0.1"}
    for socket in sockets:
        assert socket.expires_at is not None
        assert begin - 5 < socket.opened_at < socket.expires_at
    assert count(answers_to(alice + 1000, lambda found: len(found) >= 2)) == 0


@pytest.mark.stack("production")
@pytest.mark.parametrize("api", ["graphql", "json"])
def test_the_admin_disconnects_one_device_in_whichever_process(
    start_server: Start, devices: Devices, alice: int, api: str
) -> None:
    one, other = start_server(), start_server()
    live_inbox.send(recipient=alice, title="x")
    open_device: Callable[..., Any] = devices.graphql if api == "graphql" else devices.original
    chosen = open_device(one)
    assert chosen.list().total == 1
    (socket,) = (
        socket
        for sockets in answers_to(alice, lambda found: count(found) == 1).values()
        for socket in sockets
    )
    kept = [devices.graphql(one), devices.original(one), open_device(other)]
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("boss"))
    page = f"/admin/live_inbox/inbox/{alice}/"
    inquiry = browser.post(f"{page}connections/").json()["inquiry"]
    wait_until(lambda: count(reports(inquiry)) == 4)
    chosen_by = {"inquiry": inquiry, "socket": socket.id}
    assert browser.post(f"{page}disconnect/", chosen_by).status_code == 302

    with pytest.raises(ConnectionClosed) as closed:
        while True:
            chosen.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
    kept.append(open_device(one))
    live_inbox.send(recipient=alice, title="y")
    for device in kept:
        assert device.next_change().what == "added"


def test_a_process_answers_once_and_old_answers_are_removed(db: None) -> None:
    socket = OpenSocket("5", "json", "::1", 1.5, None, 7)
    answer(inquiry="old", process="a", sockets=[])
    ConnectionReport.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    for sockets in ([socket], []):
        answer(inquiry="new", process="a", sockets=sockets)
    assert reports("new") == {"a": [socket]}
    assert reports("old") == {}


def test_the_answer_of_a_process_of_another_release_is_read(db: None) -> None:
    """An older one has no positions, and a newer one may say more."""
    older = {"id": "5", "api": "json", "address": "::1", "opened_at": 1.5, "expires_at": None}
    newer = {**older, "position": 7, "more": "x"}
    for process, socket in (("a", older), ("b", newer)):
        ConnectionReport.objects.create(
            inquiry="new", process=process, sockets=[socket], created_at=timezone.now()
        )
    assert reports("new") == {
        "a": [OpenSocket("5", "json", "::1", 1.5, None)],
        "b": [OpenSocket("5", "json", "::1", 1.5, None, 7)],
    }
