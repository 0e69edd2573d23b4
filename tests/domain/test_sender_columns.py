"""Senders with a column that the ORM reads by an expression, such as one that decrypts, are as the ORM reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.db.models.expressions import Col

from live_inbox import selectors, services
from live_inbox.selectors.snapshot_rows import _reader

pytestmark = pytest.mark.django_db(transaction=True)


class FormattedField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs alone
    """A column that is selected by a function: as Django's geometries are."""

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"UPPER({sql})", params


class UpperCol(Col):
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        sql, params = super().as_sql(compiler, connection)
        return f"UPPER({sql})", params


class ExpressedField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs alone
    """A column that is an expression wherever it is used: as encrypting fields are."""

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        return UpperCol(alias, self, output_field)

    @property
    def cached_col(self) -> Col:
        return UpperCol(self.model._meta.db_table, self)


@pytest.fixture(params=[FormattedField, ExpressedField])
def _read_by_expression(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Have the first names of users read so."""
    monkeypatch.setattr(User._meta.get_field("first_name"), "__class__", request.param)
    _reader.cache_clear()
    yield
    _reader.cache_clear()


@pytest.mark.usefixtures("_read_by_expression")
def test_the_name_is_as_the_orm_reads_it() -> None:
    alice = User.objects.create_user("alice")
    bob = User.objects.create_user("bob", first_name="Bob", last_name="Brown")
    services.send(recipient_id=alice.pk, sender_id=bob.pk, title="x")
    assert User.objects.get(pk=bob.pk).first_name == "BOB"
    (found,) = selectors.page(user_id=alice.pk, limit=1).notifications
    assert found.sender is not None
    assert found.sender.name == "BOB Brown"
