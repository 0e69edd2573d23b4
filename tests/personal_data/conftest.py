"""A user who is everywhere, and two others."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from tests.domain.conftest import Commit, VerifyEvents, committed, verify_events
from tests.domain.doorbells import RememberingDoorbell
from tests.personal_data.everything_of_a_user import fill, make_user

__all__ = ["Commit", "VerifyEvents", "committed", "verify_events"]


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> RememberingDoorbell:
    """The doorbell of this process, which only remembers."""
    doorbell = RememberingDoorbell()
    monkeypatch.setattr(apps.get_app_config("live_inbox"), "doorbell", doorbell)
    return doorbell


@pytest.fixture
def other(db: None) -> User:
    """Somebody who has sent to the user, and has got something from them."""
    return User.objects.create_user("other")


@pytest.fixture
def third(db: None) -> User:
    """Somebody who was told of the user."""
    return User.objects.create_user("third")


@pytest.fixture
def subject(bell: RememberingDoorbell, other: User, third: User) -> User:
    """The user."""
    user = make_user()
    fill(user, other, third)
    return user
