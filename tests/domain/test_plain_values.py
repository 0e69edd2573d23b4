"""What Python code passes as content: accepted in plain types, or refused with the name of the field."""

from __future__ import annotations

import enum
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, models
from django.urls import NoReverseMatch, reverse_lazy
from django.utils import translation
from django.utils.functional import SimpleLazyObject, lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy, ngettext_lazy

from live_inbox.content import (
    CONTENT_FIELDS,
    Content,
    clean_content,
    clean_created_at,
    clean_key,
    clean_type,
)
from live_inbox.errors import InvalidInput
from live_inbox.plain_values import display_text, plain_scalar

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Text(str):
    """A text with a representation of its own, which JSON encoders do not use."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"


class Number(int):
    """A number as some libraries return it."""


class Real(float):
    """A number as some libraries return it."""


class Kind(models.TextChoices):
    BILLING = "billing.invoice", gettext_lazy("Yes")


class Level(enum.IntEnum):
    HIGH = 3


class Color(enum.Enum):
    RED = "red"
    GREEN = (0, 255, 0)


@dataclass
class Line:
    name: str
    price: Decimal


@dataclass
class Order:
    id: uuid.UUID
    lines: list[Line] = field(default_factory=list)


Point = namedtuple("Point", "x y")  # the plainest way that there is


class Page:
    """An object with an address, as most models have."""

    def __init__(self, address: Callable[[], Any]) -> None:
        self._address = address

    def get_absolute_url(self) -> Any:
        return self._address()


def clean(**fields: Any) -> Content:
    return clean_content(**{"now": NOW, "title": "x", **fields})


def kinds(value: object) -> set[type]:
    """Return the exact types within a JSON value."""
    if isinstance(value, dict):
        return {type(value)}.union(*map(kinds, value), *map(kinds, value.values()))
    if isinstance(value, list):
        return {type(value)}.union(*map(kinds, value))
    return {type(value)}


@pytest.mark.parametrize("name", ["type", "title", "message"])
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (mark_safe("a"), "a"),
        (format_html("{}", "a"), "a"),
        (Text("a"), "a"),
        (Kind.BILLING, "billing.invoice"),
        (Color.RED, "red"),
        (gettext_lazy("a"), "a"),
        (SimpleLazyObject(lambda: "a"), "a"),
        (SimpleLazyObject(lambda: gettext_lazy("a")), "a"),
        (lazy(lambda: mark_safe("a"), str)(), "a"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_a_text_may_be_anything_that_is_one(name: str, given: object, stored: str) -> None:
    value = getattr(clean(**{name: given}), name)
    assert value == stored
    assert type(value) is str


@pytest.mark.parametrize("name", ["type", "title", "message", "link"])
@pytest.mark.parametrize("value", [Level.HIGH, Color.GREEN, Number(1), User(), set(), b"a"])
def test_what_is_no_text_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"^{name} must be a string\\.$") as caught:
        clean(**{name: value})
    assert caught.value.field == name


def test_a_text_is_measured_after_it_was_resolved() -> None:
    with pytest.raises(InvalidInput, match=r"^title must have 200 characters at most"):
        clean(title=lazy(lambda: "x" * 201, str)())
    with pytest.raises(InvalidInput, match=r"^title must not be blank"):
        clean(title=gettext_lazy(" "))


def test_a_lazy_translation_is_resolved_in_the_active_language() -> None:
    title = gettext_lazy("Yes")
    with translation.override("de"):
        content = clean(title=title, data={"answer": [title], gettext_lazy("No"): 1})
    assert (content.title, content.data) == ("Ja", {"answer": ["Ja"], "Nein": 1})
    with translation.override("fr"):
        assert clean(title=title).title == "Oui"


def test_a_lazy_plural_is_resolved() -> None:
    assert clean(title=ngettext_lazy("%d day", "%d days") % 2).title == "2 days"


@pytest.mark.parametrize(
    ("link", "stored"),
    [
        (reverse_lazy("admin:index"), "/admin/"),
        (mark_safe("/a/"), "/a/"),
        (Page(lambda: "/orders/7/"), "/orders/7/"),
        (Page(lambda: reverse_lazy("admin:index")), "/admin/"),
        (SimpleLazyObject(lambda: Page(lambda: "/orders/7/")), "/orders/7/"),
    ],
)
def test_a_link_may_be_lazy_or_an_object_with_an_address(
    settings: Any, link: object, stored: str
) -> None:
    settings.ROOT_URLCONF = "tests.admin.urls"
    value = clean(link=link).link
    assert value == stored
    assert type(value) is str


def test_the_address_of_an_object_is_checked_as_any_link() -> None:
    with pytest.raises(InvalidInput, match=r"^link must be a path"):
        clean(link=Page(lambda: "javascript:alert(1)"))
    with pytest.raises(InvalidInput, match=r"^link must be a string"):
        clean(link=Page(lambda: None))


def fail() -> str:
    raise NoReverseMatch("no such page")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", lambda: lazy(fail, str)()),
        ("link", lambda: reverse_lazy("no-such-page")),
        ("link", lambda: Page(fail)),
        ("link", lambda: Page),
        ("data", lambda: {"a": lazy(fail, str)()}),
        ("data", lambda: SimpleLazyObject(fail)),
        ("data", lambda: {"a": time(12, tzinfo=UTC)}),
    ],
)
def test_what_fails_on_the_way_is_refused_with_its_field(
    name: str, value: Callable[[], object]
) -> None:
    with pytest.raises(InvalidInput, match=f"^{name} cannot be read: ") as caught:
        clean(**{name: value()})
    assert caught.value.field == name
    assert caught.value.__cause__ is not None


def test_a_key_a_type_and_a_creation_that_fail_on_the_way_are_refused() -> None:
    for name, clean_one in (
        ("idempotency_key", clean_key),
        ("type", clean_type),
        ("created_at", clean_created_at),
    ):
        with pytest.raises(InvalidInput, match=f"^{name} cannot be read: ") as caught:
            clean_one(SimpleLazyObject(fail))
        assert caught.value.field == name


def test_a_database_error_on_the_way_is_raised_as_it_is() -> None:
    def fail() -> str:
        raise DatabaseError("the connection is lost")

    with pytest.raises(DatabaseError):
        clean(link=Page(fail))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (mark_safe("a"), "a"),
        (Text("a"), "a"),
        (Number(7), 7),
        (Real(1.5), 1.5),
        (Level.HIGH, 3),
        (Kind.BILLING, "billing.invoice"),
        (Color.GREEN, [0, 255, 0]),
        ((1, (2,)), [1, [2]]),
        (Point(1, "a"), [1, "a"]),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(12, 30), "12:30:00"),
        (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (timedelta(hours=1), "P0DT01H00M00S"),
        (OrderedDict({Text("a"): Number(1)}), {"a": 1}),
        (Line("a", Decimal("1.5")), {"name": "a", "price": "1.5"}),
        (SimpleLazyObject(lambda: {"a": (1,)}), {"a": [1]}),
        (gettext_lazy("a"), "a"),
        ({Kind.BILLING: None, Color.RED: True}, {"billing.invoice": None, "red": True}),
    ],
)
def test_data_becomes_plain(given: object, stored: object) -> None:
    data = clean(data={"value": given, "more": [given]}).data
    assert data == {"value": stored, "more": [stored]}
    assert kinds(data) <= {dict, list, str, int, float, bool, type(None)}


def test_data_may_be_a_dataclass() -> None:
    order = Order(uuid.UUID(int=1), [Line("a", Decimal("1.5"))])
    assert clean(data=order).data == {
        "id": "00000000-0000-0000-0000-000000000001",
        "lines": [{"name": "a", "price": "1.5"}],
    }


def test_data_is_a_copy() -> None:
    given = {"a": [1]}
    data = clean(data=given).data
    given["a"].append(2)
    assert data == {"a": [1]}


def test_the_defaults_are_plain() -> None:
    assert kinds(clean().values() | {"expires_at": None}) <= {dict, str, type(None)}
    assert CONTENT_FIELDS.keys() == clean().values().keys()


@pytest.mark.parametrize(
    "key", [mark_safe("k"), Text("k"), gettext_lazy("k"), uuid.UUID(int=1), Color.RED]
)
def test_an_idempotency_key_is_plain(key: object) -> None:
    assert type(clean_key(key)) is str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("Ada", "Ada"),
        (SafeString("Ada"), "Ada"),
        (gettext_lazy("Ada"), "Ada"),
        (7, "7"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("A\x00da", "Ada"),
        ("Ada\ud800", "Ada?"),
    ],
)
def test_a_name_is_a_text_whatever_a_project_returns(value: object, shown: str) -> None:
    assert display_text(value) == shown
    assert type(display_text(value)) is str


def test_other_objects_stay_as_they_are() -> None:
    user = User()
    assert plain_scalar(user) is user
