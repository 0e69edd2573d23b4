"""What a first run prepares, and that a second run keeps it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from live_inbox import selectors, services
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Notification
from live_inbox_site import demo
from tests.authentication import authenticate_now


@pytest.fixture(autouse=True)
def _fast_passwords(transactional_db: None, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def test_a_first_run_makes_users_and_notifications() -> None:
    prepared = demo.prepare()

    users = {user.username: user for user in User.objects.all()}
    assert set(users) == {"alice", "bob", "admin"}
    assert all(user.check_password("demo") for user in users.values())
    assert [name for name, user in users.items() if user.is_superuser and user.is_staff] == [
        "admin"
    ]
    assert (prepared.alice, prepared.bob) == (users["alice"], users["bob"])
    assert authenticate_now(prepared.alice_token).user == users["alice"]
    assert authenticate_now(prepared.bob_token).user == users["bob"]
    state = selectors.inbox_state(user_id=prepared.alice.pk)
    assert (state.unread_count, state.total_count) == (2, 3)
    assert selectors.inbox_state(user_id=prepared.bob.pk).unread_count == 1
    assert list(check_inboxes()) == []


def test_a_second_run_changes_nothing() -> None:
    prepared = demo.prepare()
    prepared.alice.set_password("my own")
    prepared.alice.save()
    newest = Notification.objects.filter(recipient=prepared.alice.pk).latest("pk")
    services.delete(user_id=prepared.alice.pk, notification_id=newest.pk)
    users = list(User.objects.order_by("pk").values())
    state = selectors.inbox_state(user_id=prepared.alice.pk)

    demo.prepare()

    assert list(User.objects.order_by("pk").values()) == users
    assert selectors.inbox_state(user_id=prepared.alice.pk) == state


def test_users_who_were_there_already_stay_as_they_are() -> None:
    alice = User.objects.create_user("alice", password="her own")

    demo.prepare()

    alice.refresh_from_db()
    assert alice.check_password("her own")
    assert selectors.inbox_state(user_id=alice.pk).total_count == 0


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("127.0.0.1", "localhost:9000"),
        ("0.0.0.0", "localhost:9000"),
        ("::1", "localhost:9000"),
        ("inbox.example", "inbox.example:9000"),
    ],
)
def test_the_welcome_says_what_to_open_and_what_to_paste(host: str, site: str) -> None:
    prepared = demo.prepare()

    welcome = demo.welcome(prepared, host=host, port=9000)

    for page in ("/", "/graphql/", "/admin/"):
        assert f"  http://{site}{page} " in welcome
    assert f"Token of alice: {prepared.alice_token}\n" in welcome
    assert f"Token of bob:   {prepared.bob_token}\n" in welcome
    assert f"ws://{site}/ws/notifications/?token={prepared.alice_token}" in welcome
    (line,) = [line for line in welcome.splitlines() if " test_notifications " in line]
    assert shlex.split(line)[1:] == [
        "manage.py",
        "test_notifications",
        "--user-id",
        str(prepared.alice.pk),
        "--title",
        "Hello",
        "--message",
        "It works",
    ]


@pytest.mark.parametrize(
    ("executable", "shown"),
    [
        ("/src/inbox/.venv/bin/python", ".venv/bin/python"),
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("/usr/my python", "'/usr/my python'"),
    ],
)
def test_python_is_named_as_one_types_it(
    monkeypatch: pytest.MonkeyPatch, executable: str, shown: str
) -> None:
    monkeypatch.setattr(demo, "SITE_DIRECTORY", Path("/src/inbox"))
    monkeypatch.setattr(sys, "executable", executable)

    assert f"  {shown} manage.py " in demo.welcome(demo.prepare(), host="127.0.0.1", port=8000)
