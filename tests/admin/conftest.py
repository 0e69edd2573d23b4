"""The users of the admin tests, and their browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

MakeStaff = Callable[..., Client]


@pytest.fixture(autouse=True)
def _site(settings: Settings) -> None:
    """Serve the admin site alone."""
    settings.ROOT_URLCONF = "tests.admin.urls"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def browser(boss: User) -> Client:
    """The superuser's browser."""
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def staff(db: None) -> MakeStaff:
    """Return a browser of a staff user with these permissions only: `staff("view_notification")`."""

    def make(*codenames: str) -> Client:
        user = User.objects.create_user("clerk", is_staff=True)
        permissions = Permission.objects.filter(codename__in=codenames)
        assert permissions.count() == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make
