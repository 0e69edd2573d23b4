from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.utils import translation
from django.utils.translation import gettext_lazy

from live_inbox import selectors, services
from live_inbox.errors import InvalidInput
from live_inbox.models import Notification, NotificationPreference
from live_inbox.selectors import ChannelState, PreferenceState
from tests.changed_settings import changed_settings
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries


def state(type: str, enabled: bool, *, required: bool = False) -> PreferenceState:
    """The state of a type that is declared without texts, or not at all, on a site with the inbox alone."""
    return PreferenceState(type, in_app(enabled, required=required), label=type, description="")


def in_app(enabled: bool, *, required: bool = False) -> tuple[ChannelState, ...]:
    return (ChannelState("in_app", "in_app", enabled, required),)


@pytest.fixture
def _required() -> Iterator[None]:
    with changed_settings(TYPES={"alarm": {"required": True}, "billing": {"required": True}}):
        yield


def test_a_preference_is_remembered_and_can_be_changed(alice: User, bob: User) -> None:
    for enabled in (False, True, True, False):
        preference = services.set_preference(user_id=alice.pk, type="news", enabled=enabled)
        assert (preference.user_id, preference.type, preference.enabled) == (
            alice.pk,
            "news",
            enabled,
        )
        assert selectors.preferences(user_id=alice.pk) == [state("news", enabled)]
    assert NotificationPreference.objects.count() == 1
    assert selectors.preferences(user_id=bob.pk) == []


def test_preferences_are_sorted_by_type(alice: User) -> None:
    for type in ("b", "a", "c"):
        services.set_preference(user_id=alice.pk, type=type, enabled=type == "b")
    assert selectors.preferences(user_id=alice.pk) == [
        state("a", False),
        state("b", True),
        state("c", False),
    ]


@pytest.mark.usefixtures("_required")
def test_a_required_type_cannot_be_turned_off(alice: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.set_preference(user_id=alice.pk, type="alarm", enabled=False)
    assert caught.value.field == "enabled"
    assert not NotificationPreference.objects.exists()
    assert services.set_preference(user_id=alice.pk, type="alarm", enabled=True).enabled


def test_what_was_turned_off_before_it_was_required_is_shown_as_on(
    alice: User, request: pytest.FixtureRequest
) -> None:
    services.set_preference(user_id=alice.pk, type="alarm", enabled=False)
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    request.getfixturevalue("_required")
    assert selectors.preferences(user_id=alice.pk) == [
        state("alarm", True, required=True),
        state("billing", True, required=True),
        state("news", False),
    ]


def test_declared_types_are_listed_with_their_texts(alice: User) -> None:
    services.set_preference(user_id=alice.pk, type="own", enabled=False)
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    declared = {
        "news": {"label": "News", "description": "What is new."},
        "sums": {"label": gettext_lazy("Yes")},
    }
    with changed_settings(TYPES=declared), translation.override("de"):
        assert selectors.preferences(user_id=alice.pk) == [
            PreferenceState("news", in_app(False), label="News", description="What is new."),
            state("own", False),
            PreferenceState("sums", in_app(True), label="Ja", description=""),
        ]


@pytest.mark.parametrize("type", ["", "no slug", "x" * 65, None])
def test_a_preference_is_about_a_type(alice: User, type: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.set_preference(user_id=alice.pk, type=type, enabled=False)
    assert caught.value.field == "type"
    assert not NotificationPreference.objects.exists()


def test_reading_preferences_costs_one_query(alice: User) -> None:
    for n in range(20):
        services.set_preference(user_id=alice.pk, type=f"t{n}", enabled=False)
    with queries() as statements:
        assert len(selectors.preferences(user_id=alice.pk)) == 20
    assert len(statements) == 1


def test_a_type_that_is_off_by_default_reaches_those_who_have_turned_it_on(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    carol = User.objects.create_user("carol")
    services.set_preference(user_id=alice.pk, type="tips", enabled=True)
    services.set_preference(user_id=bob.pk, type="tips", enabled=False)
    with changed_settings(TYPES={"tips": {"default": False}}), verify_events(alice, bob, carol):
        for user, enabled in ((alice, True), (bob, False), (carol, False)):
            assert (
                services.send(recipient_id=user.pk, type="tips", title="x").suppressed
                is not enabled
            )
            assert selectors.preferences(user_id=user.pk) == [state("tips", enabled)]
        many = services.send_many(
            recipient_ids=[alice.pk, bob.pk, carol.pk], type="tips", title="x"
        )
        assert (many.sent, many.suppressed) == (1, 2)
        services.set_preference(user_id=carol.pk, type="tips", enabled=True)
        assert not services.send(recipient_id=carol.pk, type="tips", title="x").suppressed
    assert services.send(recipient_id=bob.pk, type="tips", title="x").suppressed
    assert Notification.objects.filter(recipient=alice).count() == 2
