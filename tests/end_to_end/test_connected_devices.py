"""Which devices of a user are connected, asked of all server processes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from live_inbox.identity.admissions import OpenSocket
from live_inbox.models import ConnectionReport
from live_inbox.services.connection_reports import answer, ask, reports
from tests.end_to_end.conftest import Devices
from tests.stacks.uvicorn_server import ServerProcess

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


def test_a_process_answers_once_and_old_answers_are_removed(db: None) -> None:
    socket = OpenSocket("json", "::1", 1.5, None)
    answer(inquiry="old", process="a", sockets=[])
    ConnectionReport.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    for sockets in ([socket], []):
        answer(inquiry="new", process="a", sockets=sockets)
    assert reports("new") == {"a": [socket]}
    assert reports("old") == {}
