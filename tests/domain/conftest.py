"""Users, and the events that their devices receive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection

from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica, log_of

Commit = Callable[[], AbstractContextManager[object]]
VerifyEvents = Callable[..., AbstractContextManager[RememberingDoorbell]]


@pytest.fixture
def alice(db: None) -> User:
    """The owner of an inbox."""
    return User.objects.create_user("alice", first_name="Alice", last_name="Liddell")


@pytest.fixture
def bob(db: None) -> User:
    """Somebody else."""
    return User.objects.create_user("bob")


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> RememberingDoorbell:
    """The doorbell of this process, which only remembers."""
    doorbell = RememberingDoorbell()
    monkeypatch.setattr(apps.get_app_config("live_inbox"), "doorbell", doorbell)
    return doorbell


@pytest.fixture
def committed(
    bell: RememberingDoorbell,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> Commit:
    """Do at the end of a block what a commit would do, in a test whose transaction is never committed."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def verify_events(bell: RememberingDoorbell, committed: Commit) -> VerifyEvents:
    """Hold a block to the promise, for each of the users: state before + events emitted = state read anew.

    `with verify_events(alice) as bell:`. What was rung must be what the log says, in the same order.
    """

    @contextmanager
    def check(*users: User) -> Iterator[RememberingDoorbell]:
        before = {user: Replica.read(user.pk) for user in users}
        bell.rings.clear()
        with committed() if connection.in_atomic_block else nullcontext():
            yield bell
        for user, replica in before.items():
            events = log_of(user.pk, after=replica.position.sequence)
            assert bell.events(user.pk) == events
            replica.apply_all(events)
            assert replica == Replica.read(user.pk)

    return check
