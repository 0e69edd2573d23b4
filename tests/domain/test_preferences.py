from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from live_inbox import selectors, services
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference
from live_inbox.selectors import PreferenceState
from tests.changed_settings import changed_settings
from tests.domain.queries import queries


@pytest.fixture
def _required() -> Iterator[None]:
    with changed_settings(REQUIRED_TYPES=["alarm", "billing"]):
        yield


def test_a_preference_is_remembered_and_can_be_changed(alice: User, bob: User) -> None:
    for enabled in (False, True, True, False):
        preference = services.set_preference(user_id=alice.pk, type="news", enabled=enabled)
        assert (preference.user_id, preference.type, preference.enabled) == (
            alice.pk,
            "news",
            enabled,
        )
        assert selectors.preferences(user_id=alice.pk) == [PreferenceState("news", enabled, False)]
    assert NotificationPreference.objects.count() == 1
    assert selectors.preferences(user_id=bob.pk) == []


def test_preferences_are_sorted_by_type(alice: User) -> None:
    for type in ("b", "a", "c"):
        services.set_preference(user_id=alice.pk, type=type, enabled=type == "b")
    assert selectors.preferences(user_id=alice.pk) == [
        PreferenceState("a", False, False),
        PreferenceState("b", True, False),
        PreferenceState("c", False, False),
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
        PreferenceState("alarm", True, True),
        PreferenceState("billing", True, True),
        PreferenceState("news", False, False),
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
