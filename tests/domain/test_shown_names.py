"""The names under which users see each other."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from live_inbox import services
from live_inbox.events import Person
from live_inbox.metrics import SENDER_NAME_FAULTS
from live_inbox.models import InboxEvent
from live_inbox.shown_names import shown_names
from tests.changed_settings import changed_settings

HERE = "tests.domain.test_shown_names"


def initials(user: User) -> str:
    """A project's function for SENDER_NAME."""
    return f"{user.first_name[0]}. {user.last_name}"


def nothing(user: User) -> None:
    """A function that knows no name."""


def unstorable(user: User) -> str:
    """A function that returns what no database can hold."""
    return "a\x00b"


@pytest.mark.parametrize(
    ("username", "last_name", "shown"),
    [
        ("bob", "", ("bob", "")),
        ("bob", "Roberts", ("bob", "Roberts")),
        ("@bob", "", ("@bob", "")),
        ("bob@example.com", "Roberts", ("", "Roberts")),
        ("bob@intranet", "bob@intranet", ("", "")),
    ],
)
def test_an_e_mail_address_is_not_shown(
    username: str, last_name: str, shown: tuple[str, str]
) -> None:
    assert shown_names(User(username=username, last_name=last_name)) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Bob\n\tRoberts\n", "Bob Roberts"),
        ("Bob\u202e sent you", "Bob sent you"),
        ("B\x1bob\x9b", "Bob"),
        ("\u05d3\u05e0\u05d9\u200f", "\u05d3\u05e0\u05d9\u200f"),
    ],
)
def test_a_name_changes_nothing_of_what_is_around_it(name: str, shown: str) -> None:
    assert shown_names(User(username=name, last_name=name)) == (shown, shown)
    user = User(first_name="x", last_name=name)
    with changed_settings(SENDER_NAME=f"{HERE}.initials"):
        assert shown_names(user) == ("", f"x. {shown}")


@pytest.mark.parametrize(
    ("full_name", "shown"),
    [(None, ""), (gettext_lazy("Yes"), "Yes"), (mark_safe("<b>"), "<b>"), (7, "7")],
)
def test_names_are_plain_strings(
    full_name: object, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(User, "get_full_name", lambda self: full_name)
    _, name = shown_names(User(username="bob"))
    assert (type(name), name) == (str, shown)


def test_the_project_chooses_the_name_with_a_function(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(first_name="Bob", last_name="Roberts")
    with changed_settings(SENDER_NAME=f"{HERE}.initials"):
        sent = services.send(recipient_id=alice.pk, sender_id=bob.pk, title="x")
        assert sent.notification is not None
        found = services.snapshot(sent.notification).sender
    assert found == Person(id=str(bob.pk), username="", name="B. Roberts")
    assert InboxEvent.objects.get().payload["notification"]["sender"] == {
        "id": str(bob.pk),
        "username": "",
        "name": "B. Roberts",
    }


def test_what_the_database_cannot_hold_is_left_out_of_a_name(alice: User, bob: User) -> None:
    with changed_settings(SENDER_NAME=f"{HERE}.unstorable"):
        services.send(recipient_id=alice.pk, sender_id=bob.pk, title="x")
    assert InboxEvent.objects.get().payload["notification"]["sender"]["name"] == "ab"


@pytest.mark.parametrize(("function", "faults"), [("nothing", 0), ("initials", 1)])
def test_without_a_name_the_notification_is_sent_all_the_same(
    function: str, faults: int, alice: User, bob: User
) -> None:
    before = SENDER_NAME_FAULTS._value.get()
    with changed_settings(SENDER_NAME=f"{HERE}.{function}"):
        services.send(recipient_id=alice.pk, sender_id=bob.pk, title="x")
    (event,) = InboxEvent.objects.all()
    assert event.payload["notification"]["sender"]["name"] == ""
    assert SENDER_NAME_FAULTS._value.get() - before == faults


def test_a_list_shows_the_current_name_and_an_event_the_name_of_its_time(
    alice: User, bob: User
) -> None:
    sent = services.send(recipient_id=alice.pk, sender_id=bob.pk, title="x").notification
    assert sent is not None
    User.objects.filter(pk=bob.pk).update(username="robert")
    sent.refresh_from_db()
    listed = services.snapshot(sent).sender
    assert listed is not None
    assert listed.username == "robert"
    assert InboxEvent.objects.get().payload["notification"]["sender"]["username"] == "bob"
