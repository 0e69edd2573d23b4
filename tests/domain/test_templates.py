"""Titles and messages from the templates of a type: in the recipient's language and time zone, at any repeat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.template import TemplateSyntaxError
from django.utils import timezone, translation
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy

import live_inbox
from live_inbox import services
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.models import BulkSend, Notification
from live_inbox.services import SentMany
from tests.changed_settings import changed_settings
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries

DUE = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

TYPES = {
    "invoice": {
        "title": {
            "en": "Invoice {{ number }} of {{ amount|floatformat:'2g' }}",
            "de": "Rechnung {{ number }} über {{ amount|floatformat:'2g' }}",
        },
        "message": '{{ due|date:"Y-m-d H:i" }}{% if note %}: {{ note }}{% endif %}',
    },
    "lazy": {"title": gettext_lazy("Yes")},
    "half": {"title": "{{ a }} & {{ b.c.0 }}"},
    "plain": {},
}
CONTEXT = {"number": 7, "amount": Decimal("1234.5"), "due": DUE}


def language_of(user: User) -> str:
    return user.last_name


def time_zone_of(user: User) -> tzinfo | str | None:
    zone = user.first_name
    return ZoneInfo(zone) if zone == "Asia/Tokyo" else zone


@pytest.fixture(autouse=True)
def _types(settings: Any) -> Iterator[None]:
    path = "tests.domain.test_templates"
    settings.LIVE_INBOX = settings.LIVE_INBOX | {
        "TYPES": TYPES,
        "RECIPIENT_LANGUAGE": f"{path}.language_of",
        "RECIPIENT_TIME_ZONE": f"{path}.time_zone_of",
    }
    with translation.override("en-us"):
        yield


@pytest.fixture
def alice(db: None) -> User:
    """A user whose language and time zone are not known."""
    return User.objects.create_user("alice")


@pytest.fixture
def users(db: None) -> list[User]:
    """Users of several languages and time zones; of some, one of them is not known."""
    known = [
        ("de", "Europe/Berlin"),
        ("en", "Asia/Tokyo"),
        ("", "no/such/zone"),
        ("de-at", "Europe/Vienna"),
        ("fr", ""),
        ("", "/etc/passwd"),
    ]
    return [
        User.objects.create_user(f"u{n}", last_name=language, first_name=zone)
        for n, (language, zone) in enumerate(known)
    ]


SHOWN = [
    ("Rechnung 7 über 1.234,50", "2026-03-02 00:30"),
    ("Invoice 7 of 1,234.50", "2026-03-02 08:30"),
    ("Invoice 7 of 1,234.50", "2026-03-01 23:30"),
    ("Rechnung 7 über 1.234,50", "2026-03-02 00:30"),
    ("Invoice 7 of 1\xa0234,50", "2026-03-01 23:30"),
    ("Invoice 7 of 1,234.50", "2026-03-01 23:30"),
]


def shown() -> list[tuple[str, str]]:
    rows = Notification.objects.order_by("recipient", "pk")
    # Between the thousands of French, Django has one of several kinds of blanks.
    return [
        (title.replace("\u202f", "\xa0"), text)
        for title, text in rows.values_list("title", "message")
    ]


def test_a_notification_is_rendered_for_its_recipient(
    users: list[User], verify_events: VerifyEvents
) -> None:
    with verify_events(*users):
        for user in users:
            live_inbox.send(recipient=user, type="invoice", context=CONTEXT)
    assert shown() == SHOWN
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_bulk_is_rendered_for_each_recipient(
    users: list[User], verify_events: VerifyEvents
) -> None:
    with verify_events(*users) as bell:
        sent = live_inbox.send_many(recipients=users, type="invoice", context=CONTEXT)
    assert sent == SentMany(sent=6, suppressed=0)
    assert shown() == SHOWN
    assert len(bell.rings) == 1


def test_a_bulk_costs_the_same_statements_whatever_the_languages_and_time_zones(
    users: list[User],
) -> None:
    def cost(**content: Any) -> int:
        with queries() as statements:
            live_inbox.send_many(recipients=users, **content)
        return len(statements)

    # One more for the users.
    assert cost(type="invoice", context=CONTEXT) == cost(title="x") + 1
    expires_at = timezone.now() + timedelta(days=1)
    lazy = {"title": gettext_lazy("Yes"), "data": {"answer": gettext_lazy("No")}}
    assert cost(**lazy, expires_at=expires_at) == cost(title="x") + 1
    assert Notification.objects.get(recipient=users[0], title="Ja").data == {"answer": "Nein"}


def test_what_is_given_wins(alice: User) -> None:
    live_inbox.send(recipient=alice, type="invoice", title="Own", context=CONTEXT)
    live_inbox.send(recipient=alice, type="invoice", message="", context=CONTEXT)
    live_inbox.send(recipient=alice, type="invoice", title="Own", message="own")
    # Whole without a context, as before the type had templates.
    live_inbox.send(recipient=alice, type="invoice", title="Own")
    assert shown() == [
        ("Own", "2026-03-01 23:30"),
        ("Invoice 7 of 1,234.50", ""),
        ("Own", "own"),
        ("Own", ""),
    ]


def test_a_lazy_translation_may_be_a_template(users: list[User]) -> None:
    live_inbox.send_many(recipients=users[:2], type="lazy")
    assert shown() == [("Ja", ""), ("Yes", "")]


def test_texts_are_not_escaped_and_become_one_line(alice: User) -> None:
    live_inbox.send(recipient=alice, type="half", context={"a": "<b>\n", "b": {"c": ("'",)}})
    assert shown() == [("<b> & '", "")]


@pytest.mark.parametrize(
    ("arguments", "field", "message"),
    [
        ({"type": "invoice"}, "context", "The context lacks a name: the template needs number."),
        (
            {"type": "half", "context": {"a": 1, "b": {}}},
            "context",
            "The context lacks a name: the template needs b.c.0.",
        ),
        (
            {"type": "invoice", "context": {"number": 1, "amount": "x" * 9000}},
            "context",
            "context must have 8192 bytes of JSON at most.",
        ),
        (
            {"type": "invoice", "context": {**CONTEXT, "note": "x" * 4001}},
            "message",
            "message must have 4000 characters at most.",
        ),
        (
            {"type": "half", "context": {"a": " ", "b": User()}},
            "context",
            "context must consist of",
        ),
        (
            {"type": "half", "context": {"a": 2**70}},
            "context",
            "context cannot be written as JSON: Integer exceeds 64-bit range.",
        ),
        (
            {"type": "half", "context": {"a": lazy(lambda: 1 / 0, str)()}},
            "context",
            "context cannot be read: ZeroDivisionError: ",
        ),
        ({"type": "half", "context": [1]}, "context", "context must be a JSON object."),
        (
            {"type": "plain", "title": "x", "context": {"a": 1}},
            "context",
            "Nothing is made from a context: the type has no templates.",
        ),
        (
            {"title": "x", "context": {"a": 1}},
            "context",
            "Nothing is made from a context: the type has no templates.",
        ),
        ({"type": "plain", "title": None}, "title", "title must be a string."),
        ({"type": "no slug"}, "type", "A type consists of"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    alice: User, arguments: Any, field: str, message: str
) -> None:
    for send in (
        lambda: live_inbox.send(recipient=alice, **arguments),
        lambda: live_inbox.send_many(recipients=[alice], **arguments),
    ):
        with pytest.raises(InvalidInput) as caught:
            send()
        assert caught.value.field == field
        assert caught.value.message.startswith(message)
    assert shown() == []


@pytest.mark.parametrize(
    ("template", "shown_as"),
    [
        ("{{ a }}", "{{ b }}{% if %}"),
        ("{{ a.__class__ }}", None),
        ("{{ a.upper }}", "{{ B }}{% IF %}"),
    ],
)
def test_a_context_is_data(alice: User, template: str, shown_as: str | None) -> None:
    context = {"a": "{{ b }}{% if %}", "b": "x"}
    try:
        with changed_settings(TYPES={"t": {"title": template}}):
            live_inbox.send(recipient=alice, type="t", context=context)
    except TemplateSyntaxError:
        assert shown_as is None
    assert [title for title, _ in shown()] == ([] if shown_as is None else [shown_as])


def test_a_title_is_missing_without_a_template(alice: User) -> None:
    with pytest.raises(TypeError, match="needs the field 'title'"):
        live_inbox.send(recipient=alice, type="plain")


def test_a_filter_that_fails_is_the_context_s_fault(alice: User) -> None:
    types = {"due": {"title": '{{ due|moment|date:"j F" }}'}}
    with changed_settings(TYPES=types):
        live_inbox.send(recipient=alice, type="due", context={"due": "2026-03-01T23:30:00Z"})
        live_inbox.send(recipient=alice, type="due", context={"due": "2026-03-05"})
        live_inbox.send(recipient=alice, type="due", context={"due": date(2026, 3, 6)})
        with pytest.raises(InvalidInput, match="title cannot be rendered: ValueError: ") as caught:
            live_inbox.send(recipient=alice, type="due", context={"due": "tomorrow"})
    assert caught.value.field == "context"
    assert [title for title, _ in shown()] == ["1 March", "5 March", "6 March"]


def test_a_repeated_send_is_recognised_by_what_was_given(users: list[User]) -> None:
    user = users[0]

    def send(**changes: Any) -> Any:
        given = {"type": "invoice", "context": CONTEXT, **changes}
        return live_inbox.send(recipient=user, idempotency_key="k", **given)

    first = send()
    User.objects.filter(pk=user.pk).update(last_name="fr", first_name="Asia/Tokyo")
    template = {"title": "New {{ number }}"}
    with changed_settings(TYPES=TYPES | {"invoice": template}):
        again = send()
    assert (again.notification, again.replayed) == (first.notification, True)
    for other in (
        {"context": CONTEXT | {"number": 8}},
        {"context": CONTEXT | {"unused": 8}},
        {"title": "Invoice"},
        {"message": ""},
        {"link": "/"},
        {"expires_at": timezone.now() + timedelta(days=1)},
    ):
        with pytest.raises(Conflict):
            send(**other)


def test_a_repeated_bulk_is_recognised_by_what_was_given(users: list[User]) -> None:
    def send(**changes: Any) -> SentMany:
        given = {"type": "invoice", "context": CONTEXT, **changes}
        return live_inbox.send_many(recipients=users, idempotency_key="k", **given)

    assert send().sent == 6
    User.objects.update(last_name="fr")
    assert send().replayed == 6
    with pytest.raises(Conflict):
        send(context=CONTEXT | {"number": 8})
    # By the notifications themselves, when the record is gone.
    BulkSend.objects.all().delete()
    with pytest.raises(Conflict):
        send(context=CONTEXT | {"number": 8})
    assert send().replayed == 6


def test_a_type_is_deleted_after_its_retention(alice: User) -> None:
    now = timezone.now().replace(microsecond=0)
    later, own = now + timedelta(hours=5), now + timedelta(days=30)
    given: Any = {"recipient_id": alice.pk, "type": "news", "title": "x"}
    with changed_settings(TYPES={"news": {"retention_days": 0.5}}):
        first = services.send(**given, idempotency_key="k", now=now)
        again = services.send(**given, idempotency_key="k", now=later)
        services.send(**given, now=later)
        services.send(**given, expires_at=own)
        many: Any = {"recipient_ids": [alice.pk], "type": "news", "title": "x"}
        services.send_many(**many, idempotency_key="k", now=now)
        assert services.send_many(**many, idempotency_key="k", now=later).replayed == 1
        with pytest.raises(Conflict):
            services.send(**given, idempotency_key="k", expires_at=own)
    assert again.replayed
    assert again.notification == first.notification
    half = timedelta(hours=12)
    expiries = Notification.objects.order_by("pk").values_list("expires_at", flat=True)
    assert list(expiries) == [now + half, later + half, own, now + half]
