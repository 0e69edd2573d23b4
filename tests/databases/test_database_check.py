"""Databases that cannot hold the inbox are refused in one sentence, before anything is connected."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from pytest_django import Settings

from live_inbox.checks import check_settings, refuse_invalid_settings
from tests.databases.conftest import AddDatabase, Refuse, Router

pytestmark = pytest.mark.stack("embedded")


class UsersElsewhere:
    """Writes users to another database than the inbox."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        """Return the alias of users; None leaves other models to Django."""
        return self._alias if model is User else None


def errors() -> list[str]:
    return [f"{message.id}: {message.msg}" for message in check_settings(None)]


def test_the_databases_of_the_tests_pass() -> None:
    assert errors() == []


def test_another_vendor_is_refused(
    add_database: AddDatabase, settings: Settings, refuse: Refuse
) -> None:
    alias = add_database(ENGINE="tests.databases.mysql_like", NAME="/no/such/directory/db")
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    refuse("default")
    assert errors() == [
        f"live_inbox.E006: The inbox needs PostgreSQL or SQLite, and the database {alias!r} is mysql."
    ]
    with pytest.raises(ImproperlyConfigured, match="The inbox needs PostgreSQL or SQLite"):
        refuse_invalid_settings()


def test_another_vendor_beside_the_inbox_is_accepted(
    add_database: AddDatabase, settings: Settings
) -> None:
    add_database(ENGINE="tests.databases.mysql_like", NAME="/no/such/directory/db")
    alias = add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    assert errors() == []


def test_a_sqlite_without_returning_is_refused(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    """As Debian 11 has it, which Django 5.2 still accepts."""
    features = connections["default"].features
    monkeypatch.setattr(features, "can_return_columns_from_insert", False)
    assert errors() == [
        "live_inbox.E006: The inbox needs SQLite 3.35 or later, and the database 'default' is older."
    ]


def test_users_in_another_database_are_refused(
    add_database: AddDatabase, settings: Settings
) -> None:
    alias = add_database()
    settings.DATABASE_ROUTERS = [UsersElsewhere(alias)]
    assert errors() == [
        f"live_inbox.E006: The inbox is in the database 'default' and auth.User in {alias!r}: "
        "notifications have foreign keys to users."
    ]
