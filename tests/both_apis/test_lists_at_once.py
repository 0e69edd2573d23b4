"""Devices of several users ask for their lists at the same moment: the JSON protocol reads them together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from live_inbox import list_batches, selectors, services
from live_inbox.errors import InvalidInput
from tests.both_apis.devices import Device, Refused
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

OTHERS = 4


class Readings:
    """The users of each reading. Readings wait for a word."""

    def __init__(self) -> None:
        self.users: list[list[str]] = []
        self.may_go_on = threading.Event()
        self.failure: Exception | None = None
        self._original = selectors.newest_pages

    def __call__(self, *, user_ids: Sequence[Any], **rest: Any) -> Any:
        self.users.append([str(user) for user in user_ids])
        assert self.may_go_on.wait(30)
        if self.failure is not None:
            raise self.failure
        return self._original(user_ids=user_ids, **rest)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Readings]:
    found = Readings()
    monkeypatch.setattr(selectors, "newest_pages", found)
    yield found
    found.may_go_on.set()


@pytest.fixture
def devices(open_device: Callable[..., Device]) -> dict[str, Device]:
    """A device of each of some users, by the user's key. Each has a notification that names the user."""
    found = {}
    for number in range(1 + OTHERS):
        user = get_user_model().objects.create_user(username=f"user {number}").pk
        services.send(recipient_id=user, title=f"for {user}")
        found[str(user)] = open_device("json", f"user {number}")
    return found


def _asked() -> int:
    """Return how many lists wait or are read, on all event loops."""
    return sum(each._asked.total() for each in list(list_batches._of_loops().values()))


def test_they_are_read_together(devices: dict[str, Device], readings: Readings) -> None:
    first, *others = devices
    with ThreadPoolExecutor(len(devices)) as threads:
        answers = {first: threads.submit(devices[first].list)}
        wait_until(lambda: len(readings.users) == 1)
        answers |= {user: threads.submit(devices[user].list) for user in others}
        wait_until(lambda: _asked() == len(devices))
        readings.may_go_on.set()
        listed = {user: answer.result(30) for user, answer in answers.items()}
    assert {
        user: [each.title for each in found.notifications] for user, found in listed.items()
    } == {user: [f"for {user}"] for user in devices}
    assert [sorted(users) for users in readings.users] == [[first], sorted(others)]
    assert {found.total for found in listed.values()} == {1}


def test_a_filter_and_an_older_page_have_turns_of_their_own(
    devices: dict[str, Device], readings: Readings
) -> None:
    device = next(iter(devices.values()))
    readings.may_go_on.set()
    assert device.list(types=["another"]).notifications == []
    assert device.list("archive").notifications == []
    assert readings.users == []
    assert len(device.list(read=False).notifications) == 1
    assert len(readings.users) == 1


def test_an_error_is_answered(devices: dict[str, Device], readings: Readings) -> None:
    device = next(iter(devices.values()))
    readings.failure = InvalidInput("No.", field="limit")
    readings.may_go_on.set()
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        device.list()
    readings.failure = None
    assert len(device.list().notifications) == 1
    assert _asked() == 0
