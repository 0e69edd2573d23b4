"""Content that is accepted: it is stored, comes back equal, and both APIs encode it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from graphql import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import live_inbox
from live_inbox import services
from live_inbox.content import Content
from live_inbox.errors import InvalidInput
from live_inbox.events import Event
from live_inbox.internals.strawberry_schema import core_schema
from live_inbox.json_api.encoded_events import encode_all
from live_inbox.models import Inbox, Notification
from live_inbox_graphql.compiled.subscriptions import CompiledSubscriptions
from live_inbox_graphql.schema import build
from tests.domain.conftest import VerifyEvents
from tests.domain.replica import log_of
from tests.domain.test_plain_values import Color, Kind, Level, Line, Number, Real, Text

TEXT = st.text(min_size=1, max_size=5)
TEXTS = TEXT | st.builds(mark_safe, TEXT) | st.builds(Text, TEXT) | st.builds(gettext_lazy, TEXT)
MOMENTS = st.datetimes() | st.datetimes(timezones=st.just(UTC)) | st.dates()
FLOATS = st.floats(-(2.0**53), 2.0**53)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | FLOATS
    | st.decimals()
    | st.uuids()
    | st.times()
    | st.timedeltas()
    | st.builds(Number, st.integers())
    | st.builds(Real, FLOATS)
    | st.sampled_from([Color.RED, Color.GREEN, Kind.BILLING, Level.HIGH])
    | MOMENTS
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Line, inner, inner)
        | st.dictionaries(TEXT | st.builds(mark_safe, TEXT) | st.just(Color.RED), inner, max_size=3)
    ),
    max_leaves=6,
)
SELECTION = """subscription { notificationEvents { ... on NotificationAdded { notification {
    type title message link data createdAt expiresAt sender { username name } } } } }"""


@pytest.fixture
def alice(db: None) -> User:
    """The recipient."""
    return User.objects.create_user("alice")


def graphql_answer(event: Event) -> Any:
    """Return the notification of an event as the GraphQL API encodes it."""
    subscription = CompiledSubscriptions(core_schema(build().schema)).compile(
        parse(SELECTION), None, None
    )
    assert subscription is not None
    return orjson.loads(subscription.selection.render(event))["data"]["notificationEvents"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=TEXTS,
    message=st.sampled_from(["", Color.RED]) | st.uuids() | st.decimals() | st.times(),
    data=st.dictionaries(TEXT | st.builds(mark_safe, TEXT), VALUES, min_size=1, max_size=3),
    created_at=st.none() | MOMENTS,
)
def test_what_is_accepted_is_stored_and_encoded_and_anything_else_is_refused(
    alice: User, title: Any, message: Any, data: Any, created_at: Any
) -> None:
    try:
        sent = live_inbox.send(
            recipient=alice, title=title, message=message, data=data, created_at=created_at
        )
    except InvalidInput as error:
        assert error.field in {"title", "message", "data", "created_at"}
        return
    assert sent.notification is not None
    stored = Notification.objects.get(pk=sent.notification.pk)
    assert Content.of(stored) == Content.of(sent.notification)
    assert stored.created_at == sent.notification.created_at
    (event,) = log_of(alice.pk, after=Inbox.objects.get(pk=alice.pk).last_sequence - 1)
    (encoded,) = encode_all([event])
    assert encoded is not None
    shown = orjson.loads(encoded.frame)["notification"]
    answer = graphql_answer(event)["notification"]
    for each in (shown, answer):
        assert (each["title"], each["message"]) == (stored.title, stored.message)
        assert each["data"] == stored.data


@pytest.mark.parametrize(
    ("full_name", "shown"),
    [
        (lambda user: None, ""),
        (lambda user: gettext_lazy("Yes"), "Yes"),
        (lambda user: mark_safe("Ada"), "Ada"),
        (lambda user: 7, "7"),
        (lambda user: "A\x00da\ud800", "Ada?"),
    ],
)
def test_a_sender_of_any_name_can_send(
    alice: User,
    verify_events: VerifyEvents,
    monkeypatch: pytest.MonkeyPatch,
    full_name: Any,
    shown: str,
) -> None:
    monkeypatch.setattr(User, "get_full_name", full_name)
    with verify_events(alice):
        services.send(recipient_id=alice.pk, sender_id=alice.pk, title="x")
    (event,) = log_of(alice.pk)
    assert event.notification is not None
    assert event.notification.sender is not None
    assert event.notification.sender.name == shown


@pytest.mark.parametrize(
    "moment",
    [datetime(2020, 1, 1), date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)],  # noqa: DTZ001
)
def test_an_import_with_any_moment_is_an_event_that_devices_can_resume_at(
    alice: User, verify_events: VerifyEvents, moment: date
) -> None:
    with verify_events(alice):
        live_inbox.send(recipient=alice, title="old", created_at=moment)
    (event,) = log_of(alice.pk)
    assert event.notification is not None
    assert event.notification.created_at == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment", ["2020-01-01", 7, time(12), timedelta(1), Decimal(1), uuid.uuid4()]
)
def test_an_import_with_no_moment_changes_nothing(alice: User, moment: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        live_inbox.send(recipient=alice, title="old", created_at=moment)
    assert caught.value.field == "created_at"
    assert not Inbox.objects.exists()
