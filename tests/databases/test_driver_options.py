"""Options of Django's PostgreSQL backend that change how statements reach the server."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django import Settings

from live_inbox import selectors, services
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


@pytest.mark.parametrize(("threshold", "is_prepared"), [(None, False), (2, True)])
def test_lists_are_prepared_where_the_project_says_so(
    add_database: AddDatabase, settings: Settings, threshold: int | None, is_prepared: bool
) -> None:
    """Not by default: a pooler may give each transaction another connection."""
    alias = add_database(OPTIONS={"prepare_threshold": threshold} if threshold else {})
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    user = User.objects.db_manager(alias).create_user("ada")
    services.send(recipient_id=user.pk, title="x")
    pages = [selectors.page(user_id=user.pk, limit=20) for _ in range(4)]
    assert all(page == pages[0] for page in pages)
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS listed%'"
        )
        assert cursor.fetchone() == (int(is_prepared),)
    connections[alias].close()
