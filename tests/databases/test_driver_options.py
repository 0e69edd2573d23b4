"""Options of Django's PostgreSQL backend that change how statements reach the server."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django import Settings

from live_inbox.maintenance.repair import check_inboxes
from tests.databases.conftest import AddDatabase, Router
from tests.databases.everything import call_everything
from tests.domain.doorbells import RememberingDoorbell

pytestmark = pytest.mark.stack("production")


@pytest.mark.parametrize(
    "options", [{"server_side_binding": True}, {"prepare_threshold": 0}, {"pool": True}], ids=str
)
def test_everything_works(
    add_database: AddDatabase,
    settings: Settings,
    bell: RememberingDoorbell,
    options: dict[str, Any],
) -> None:
    alias = add_database(OPTIONS=options)
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    users = [User.objects.db_manager(alias).create_user(f"user{n}") for n in range(3)]
    for _ in range(2):
        call_everything(users)
    assert list(check_inboxes()) == []
    connections[alias].close()
    if "pool" in options:
        connections[alias].close_pool()  # type: ignore[attr-defined]
