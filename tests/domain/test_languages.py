"""Lazy translations: in the language of the recipient, where the project says how it is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy

import live_inbox
from live_inbox.checks import check_settings
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.models import Notification
from live_inbox.plain_values import is_lazy
from live_inbox.services import SentMany
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries

YES = gettext_lazy("Yes")


def last_name(user: User) -> str | None:
    """The language of a user of these tests."""
    return user.last_name


@pytest.fixture(autouse=True)
def active_language(settings: Any) -> Iterator[None]:
    """Say how the language is known; the active one is Spanish."""
    settings.LIVE_INBOX = settings.LIVE_INBOX | {
        "RECIPIENT_LANGUAGE": "tests.domain.test_languages.last_name"
    }
    with translation.override("es"):
        yield


@pytest.fixture
def users(db: None) -> list[User]:
    """Users of several languages; of one it is not known."""
    languages = ["de", "fr", "", "de", "xx", "pt-br"]
    return [
        User.objects.create_user(f"u{n}", last_name=language)
        for n, language in enumerate(languages)
    ]


IN_THEIR_LANGUAGES = ["Ja", "Oui", "Sí", "Ja", "Yes", "Sim"]


def titles() -> list[str]:
    return list(Notification.objects.order_by("recipient").values_list("title", flat=True))


def test_each_recipient_gets_a_notification_in_their_language(
    users: list[User], verify_events: VerifyEvents
) -> None:
    with verify_events(*users):
        for user in users:
            live_inbox.send(recipient=user, title=YES, data={"answers": [YES]})
    assert titles() == IN_THEIR_LANGUAGES
    assert Notification.objects.get(recipient=users[0]).data == {"answers": ["Ja"]}
    assert translation.get_language() == "es"


def test_actions_and_actors_are_in_the_language_of_each_recipient(users: list[User]) -> None:
    content: dict[str, Any] = {
        "title": "x",
        "actor": {"name": YES},
        "actions": [{"label": YES, "id": "yes"}],
    }
    live_inbox.send_many(recipients=users, **content, idempotency_key="k")
    live_inbox.send(recipient=users[0], **content, idempotency_key="k")
    rows = Notification.objects.order_by("pk")
    labels = {row.recipient_id: (row.actions or [])[0]["label"] for row in rows}
    assert [labels[user.pk] for user in users] == IN_THEIR_LANGUAGES
    assert rows.last().actor == {"name": "Ja"}  # type: ignore[union-attr]
    with translation.override("fr"):
        assert live_inbox.send(recipient=users[0], **content, idempotency_key="k").replayed


def test_a_bulk_is_in_the_language_of_each_recipient(
    users: list[User], verify_events: VerifyEvents
) -> None:
    with verify_events(*users) as bell:
        sent = live_inbox.send_many(recipients=users, title=YES, idempotency_key="k")
    assert sent == SentMany(sent=6, suppressed=0)
    assert titles() == IN_THEIR_LANGUAGES
    assert len(bell.rings) == 1
    again = live_inbox.send_many(recipients=users, title=YES, idempotency_key="k")
    assert again == SentMany(sent=0, suppressed=0, replayed=6)


def test_a_bulk_passes_over_the_only_recipient_of_a_language(users: list[User]) -> None:
    live_inbox.set_preference(user=users[1], type="general", enabled=False)
    assert live_inbox.send_many(recipients=users, title=YES) == SentMany(sent=5, suppressed=1)
    assert titles() == ["Ja", "Sí", "Ja", "Yes", "Sim"]


def test_a_repeated_send_is_the_same_in_any_active_language(users: list[User]) -> None:
    for language in ("it", "nl"):
        with translation.override(language):
            sent = live_inbox.send(recipient=users[0], title=YES, idempotency_key="k")
    assert sent.replayed


def test_a_repeated_send_is_the_same_after_its_recipient_has_changed_the_language(
    users: list[User],
) -> None:
    user = users[0]
    first = live_inbox.send(recipient=user, title=YES, idempotency_key="k")
    User.objects.filter(pk=user.pk).update(last_name="fr")
    again = live_inbox.send(recipient=user, title=YES, idempotency_key="k")
    assert (again.notification, again.replayed) == (first.notification, True)
    with pytest.raises(Conflict):
        live_inbox.send(recipient=user, title=gettext_lazy("No"), idempotency_key="k")


def test_a_plain_send_makes_no_query_for_the_language(users: list[User]) -> None:
    def cost(title: Any) -> tuple[int, int]:
        with queries() as one:
            live_inbox.send(recipient=users[0], title=title)
        with queries() as many:
            live_inbox.send_many(recipients=users, title=title)
        return len(one), len(many)

    assert cost("Yes") == (4, 4)
    # One more for the users with their languages.
    assert cost(YES) == (5, 5)


@pytest.mark.parametrize("change", ["no setting", "no translations"])
def test_otherwise_the_active_language_counts(
    settings: Any, users: list[User], change: str
) -> None:
    if change == "no setting":
        settings.LIVE_INBOX = settings.LIVE_INBOX | {"RECIPIENT_LANGUAGE": ""}
    else:
        settings.USE_I18N = False
    live_inbox.send(recipient=users[0], title=YES)
    live_inbox.send_many(recipients=users[:1], title=YES)
    expected = "Sí" if change == "no setting" else str(YES)
    assert titles() == [expected, expected]


def test_an_unknown_recipient_is_refused_as_ever(users: list[User]) -> None:
    with pytest.raises(InvalidInput, match=r"^There is no such user\.$"):
        live_inbox.send(recipient=10**9, title=YES)
    with pytest.raises(InvalidInput, match=r"^1 recipients do not exist\.$"):
        live_inbox.send_many(recipients=[users[0], 10**9], title=YES)
    assert titles() == []


def test_a_type_is_the_same_in_every_language(users: list[User]) -> None:
    with pytest.raises(InvalidInput, match="the same in every language") as caught:
        live_inbox.send_many(recipients=users[:1], title="x", type=gettext_lazy("No"))
    assert caught.value.field == "type"
    assert titles() == []


def test_a_function_that_cannot_be_imported_is_an_error_of_the_checks(settings: Any) -> None:
    settings.LIVE_INBOX = settings.LIVE_INBOX | {"RECIPIENT_LANGUAGE": "no.such.function"}
    assert [each.id for each in check_settings(None)] == ["live_inbox.E022"]


@dataclass
class Order:
    label: object


class Page:
    def get_absolute_url(self) -> str:
        return "/"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", False),
        ({"a": [1, ("b",)], "c": Order("x")}, False),
        (YES, True),
        ({"a": [1, (YES,)]}, True),
        ({YES: 1}, True),
        (Order(YES), True),
        (Page(), True),
    ],
)
def test_what_depends_on_the_language(value: object, expected: bool) -> None:
    assert is_lazy(value) is expected


def test_a_lazy_object_is_not_made_to_find_out() -> None:
    assert is_lazy({"a": SimpleLazyObject(lambda: 1 / 0)})
